// Shared memory. Each worker (an OS thread that runs blocks) has an arena, which holds the shared
// variables of the block that it runs. A declaration becomes a reference into that arena:
//   __shared__ float tile[32];   ->   static simt::SharedSite site{"tile"};
//                                     float (&tile)[32] = simt::shared<float[32]>(site);
#pragma once
#include "qualifiers.h"

namespace simt {

constexpr size_t kStaticSharedLimit = 48 * 1024;  // bytes a block, as CUDA allows

// One for each declaration (in a template: for each instantiation).
struct SharedSite {
  const char* name;
  int id = -1;  // index into shared_offsets, given when a thread first comes by
};

constexpr int kMaxSharedSites = 256;
extern __thread SIMT_HIDDEN char** shared_addresses;  // of this block, by id; null: not placed yet

struct ArrayShape;
SIMT_HIDDEN char* place_shared(SharedSite& site, size_t size, size_t align,
                               const ArrayShape& shape);
SIMT_HIDDEN char* dynamic_shared_address(const char* name, const ArrayShape& shape);

// How an array type is made up, so that reports can say tile[3][5].
struct ArrayShape {
  unsigned element_size, rank, extents[4];
};
template <class T>
constexpr ArrayShape array_shape() {
  return {sizeof(std::remove_all_extents_t<T>),
          std::rank<T>::value,
          {std::extent<T, 0>::value, std::extent<T, 1>::value, std::extent<T, 2>::value,
           std::extent<T, 3>::value}};
}

template <class T, size_t Align = alignof(T)>
SIMT_OWN_INLINE T& shared(SharedSite& site) {
  static_assert(sizeof(T) <= kStaticSharedLimit,
                "a block may have 48 KB of static shared memory: this variable is larger");
  char* address = site.id >= 0 ? shared_addresses[site.id] : nullptr;
  if (__builtin_expect(!address, 0))
    address = place_shared(site, sizeof(T), Align, array_shape<T>());
  return *reinterpret_cast<T*>(address);
}

// extern __shared__ T name[];
template <class T>
SIMT_OWN_INLINE T* dynamic_shared(const char* name) {
  return reinterpret_cast<T*>(dynamic_shared_address(name, array_shape<T[1]>()));
}

// The same at file scope, where a declaration has no block yet: found anew at each use.
template <class T, size_t Align = alignof(T)>
struct FileShared {
  const char* name;
  mutable SharedSite site{name};
  T& get() const { return shared<T, Align>(site); }
  operator T&() const { return get(); }
  template <class V>
  T& operator=(const V& value) {
    return get() = value;
  }
  T* operator&() const { return &get(); }
};
template <class T, size_t N, size_t Align>
struct FileShared<T[N], Align> {
  const char* name;
  mutable SharedSite site{name};
  using Array = T[N];
  operator T*() const { return shared<Array, Align>(site); }
  template <class I>
  T& operator[](I i) const {
    return shared<Array, Align>(site)[i];
  }
};
template <class T>
struct DynamicShared {
  const char* name;
  operator T*() const { return dynamic_shared<T>(name); }
  template <class I>
  T& operator[](I i) const {
    return dynamic_shared<T>(name)[i];
  }
};

}  // namespace simt
