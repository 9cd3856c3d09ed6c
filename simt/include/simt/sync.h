// Barriers of a block, and memory fences.
#pragma once
#include "traced.h"

namespace simt {
// Waits for every thread of the block. Returns how many of them passed a predicate != 0.
SIMT_HIDDEN int barrier(int predicate, const char* file, int line);
SIMT_HIDDEN int block_size();
}  // namespace simt

inline void __syncthreads(SIMT_HERE) { simt::barrier(0, file, line); }
inline int __syncthreads_count(int predicate, SIMT_HERE) {
  return simt::barrier(predicate, file, line);
}
inline int __syncthreads_or(int predicate, SIMT_HERE) {
  return simt::barrier(predicate, file, line) != 0;
}
inline int __syncthreads_and(int predicate, SIMT_HERE) {
  return simt::barrier(predicate, file, line) == simt::block_size();
}

inline void __threadfence() {
  SIMT_FENCE();
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
inline void __threadfence_block() {
  SIMT_FENCE();
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
inline void __threadfence_system() {
  SIMT_FENCE();
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
