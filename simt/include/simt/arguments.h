// Each thread's own copies of a kernel's arguments. As on a GPU they are copied byte for byte,
// whatever copy constructor their class has: that runs on the host, once a launch (CUDA C++
// Programming Guide, "__global__ Function Argument Processing").
#pragma once
#include <cstring>
#include <type_traits>

#include "qualifiers.h"

namespace simt {

// A parameter whose class has a copy constructor or a destructor of its own. The caller hands over
// its address (Itanium C++ ABI, "Non-Trivial Parameters"), as if it were a reference; so a kernel
// can be called with a copy that no constructor has made.
template <class T>
constexpr bool has_own_copying =
    std::is_class<T>::value &&
    !(std::is_trivially_copy_constructible<T>::value &&
      std::is_trivially_move_constructible<T>::value && std::is_trivially_destructible<T>::value);

template <class T>
struct Bytes {
  alignas(T) char bytes[sizeof(T)];
  SIMT_UNSEEN explicit Bytes(const T& t) { memcpy(bytes, (const void*)&t, sizeof(T)); }
  SIMT_UNSEEN operator T&() { return *reinterpret_cast<T*>(bytes); }
};

template <class T, bool = has_own_copying<T>>
struct Passed {
  using type = T;
  SIMT_UNSEEN static T& own(T& t) { return t; }  // the call makes a copy
};
template <class T>
struct Passed<T, true> {
  using type = T&;
  SIMT_UNSEEN static Bytes<T> own(const T& t) { return Bytes<T>(t); }
};

// Calls a kernel for one thread.
template <class... Params>
SIMT_UNSEEN inline void call_kernel(void (*kernel)(Params...),
                                    std::remove_reference_t<Params>&... arguments) {
  auto as_called = reinterpret_cast<void (*)(typename Passed<Params>::type...)>(kernel);
  as_called(Passed<Params>::own(arguments)...);
}

}  // namespace simt
