// Loads and stores that tell a GPU's caches what to expect. Here: plain loads and stores.
#pragma once

#define SIMT_LOAD(name)            \
  template <class T>               \
  SIMT_INLINE T name(const T* p) { \
    return *p;                     \
  }
SIMT_LOAD(__ldg)   // read-only cache
SIMT_LOAD(__ldca)  // cache at all levels
SIMT_LOAD(__ldcg)  // cache at L2
SIMT_LOAD(__ldcs)  // streaming: used once
SIMT_LOAD(__ldlu)  // last use
SIMT_LOAD(__ldcv)  // don't cache, fetch again
#undef SIMT_LOAD

#define SIMT_STORE(name)                                            \
  template <class T>                                                \
  SIMT_INLINE void name(T* p, typename simt::Identity<T>::type v) { \
    *p = v;                                                         \
  }
SIMT_STORE(__stwb)  // write back
SIMT_STORE(__stcg)
SIMT_STORE(__stcs)
SIMT_STORE(__stwt)  // write through
#undef SIMT_STORE
