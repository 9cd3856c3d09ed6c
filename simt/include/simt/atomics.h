// Atomics (CUDA C++ Programming Guide, "Atomic Functions"). Each returns the old value.
#pragma once
#include "traced.h"

namespace simt {

// A thread that waits for another of its block spins on an atomic: let the other one run.
SIMT_HIDDEN void spin_hint();

template <class T>
constexpr bool is_atomic_integer =
    std::is_integral<T>::value && (sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 2);
template <class T>
constexpr bool is_atomic =
    is_atomic_integer<T> || std::is_same<T, float>::value || std::is_same<T, double>::value;

template <class T>
struct Identity {
  using type = T;
};
template <class T>
using Value = typename Identity<T>::type;  // keeps `v` out of deduction: atomicAdd(float*, 1) works

// old = *p; *p = change(old), as one step.
template <class T, class F>
SIMT_OWN_INLINE T atomic_update(T* p, F change) {
  static_assert(is_atomic<T>, "CUDA has no such atomic for this type");
  T old, changed;
  __atomic_load(p, &old, __ATOMIC_RELAXED);
  do changed = change(old);
  while (!__atomic_compare_exchange(p, &old, &changed, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
  return old;
}

// Integers have an instruction for it.
template <class T>
SIMT_OWN_INLINE T atomic_add(T* p, T v, std::true_type) {
  return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
}
template <class T>
SIMT_OWN_INLINE T atomic_add(T* p, T v, std::false_type) {
  return atomic_update(p, [v](T old) { return old + v; });
}

template <class T>
SIMT_OWN_INLINE bool atomic_compare_exchange(T* p, T* expected, T v) {
  return __atomic_compare_exchange(p, expected, &v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

}  // namespace simt

template <class T>
SIMT_INLINE T atomicAdd(T* p, simt::Value<T> v) {
  SIMT_ATOMIC(p);
  T old = simt::atomic_add<T>(p, v, std::is_integral<T>());
  if (v == T(0)) simt::spin_hint();  // a way to read, often in a loop
  return old;
}
template <class T>
SIMT_INLINE T atomicSub(T* p, simt::Value<T> v) {
  SIMT_ATOMIC(p);
  return simt::atomic_update(p, [v](T old) { return T(old - v); });
}
template <class T>
SIMT_INLINE T atomicMin(T* p, simt::Value<T> v) {
  SIMT_ATOMIC(p);
  return simt::atomic_update(p, [v](T old) { return v < old ? v : old; });
}
template <class T>
SIMT_INLINE T atomicMax(T* p, simt::Value<T> v) {
  SIMT_ATOMIC(p);
  return simt::atomic_update(p, [v](T old) { return old < v ? v : old; });
}
template <class T>
SIMT_INLINE T atomicAnd(T* p, simt::Value<T> v) {
  SIMT_ATOMIC(p);
  return simt::atomic_update(p, [v](T old) { return T(old & v); });
}
template <class T>
SIMT_INLINE T atomicOr(T* p, simt::Value<T> v) {
  SIMT_ATOMIC(p);
  return simt::atomic_update(p, [v](T old) { return T(old | v); });
}
template <class T>
SIMT_INLINE T atomicXor(T* p, simt::Value<T> v) {
  SIMT_ATOMIC(p);
  return simt::atomic_update(p, [v](T old) { return T(old ^ v); });
}
SIMT_INLINE unsigned atomicInc(unsigned* p, unsigned limit) {
  SIMT_ATOMIC(p);
  return simt::atomic_update(p, [limit](unsigned old) { return old >= limit ? 0 : old + 1; });
}
SIMT_INLINE unsigned atomicDec(unsigned* p, unsigned limit) {
  SIMT_ATOMIC(p);
  return simt::atomic_update(
      p, [limit](unsigned old) { return old == 0 || old > limit ? limit : old - 1; });
}
template <class T>
SIMT_INLINE T atomicExch(T* p, simt::Value<T> v) {
  SIMT_ATOMIC(p);
  T old = simt::atomic_update(p, [v](T) { return v; });
  if (old == v) simt::spin_hint();  // while (atomicExch(&lock, 1) == 1);
  return old;
}
template <class T>
SIMT_INLINE T atomicCAS(T* p, simt::Value<T> compare, simt::Value<T> v) {
  SIMT_ATOMIC(p);
  static_assert(simt::is_atomic_integer<T>, "atomicCAS works on integers of 2, 4 or 8 bytes");
  T old = compare;
  if (!simt::atomic_compare_exchange<T>(p, &old, v))
    simt::spin_hint();  // while (atomicCAS(&lock, 0, 1) != 0);
  return old;
}

// The _block and _system forms differ only in how far the effect must be seen at once.
#define SIMT_SCOPES(name)                               \
  template <class T>                                    \
  SIMT_INLINE T name##_block(T* p, simt::Value<T> v) {  \
    return name(p, v);                                  \
  }                                                     \
  template <class T>                                    \
  SIMT_INLINE T name##_system(T* p, simt::Value<T> v) { \
    return name(p, v);                                  \
  }
SIMT_SCOPES(atomicAdd)
SIMT_SCOPES(atomicSub)
SIMT_SCOPES(atomicMin)
SIMT_SCOPES(atomicMax)
SIMT_SCOPES(atomicAnd)
SIMT_SCOPES(atomicOr)
SIMT_SCOPES(atomicXor)
SIMT_SCOPES(atomicExch)
#undef SIMT_SCOPES
#define SIMT_SCOPES(scope)                                                          \
  SIMT_INLINE unsigned atomicInc_##scope(unsigned* p, unsigned limit) {             \
    return atomicInc(p, limit);                                                     \
  }                                                                                 \
  SIMT_INLINE unsigned atomicDec_##scope(unsigned* p, unsigned limit) {             \
    return atomicDec(p, limit);                                                     \
  }                                                                                 \
  template <class T>                                                                \
  SIMT_INLINE T atomicCAS_##scope(T* p, simt::Value<T> compare, simt::Value<T> v) { \
    return atomicCAS(p, compare, v);                                                \
  }
SIMT_SCOPES(block)
SIMT_SCOPES(system)
#undef SIMT_SCOPES
