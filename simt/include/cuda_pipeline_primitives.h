// Copies from global to shared memory that go on while the thread computes (CUDA C++ Programming
// Guide, "Pipeline Primitives Interface"). simt/async_copy.h says when they are made.
#pragma once
#include "cuda_runtime.h"
#include "simt/async_copy.h"

typedef unsigned __pipeline_size_t;

// Copies size_and_align - zfill bytes and fills the last zfill with zeros.
inline void __pipeline_memcpy_async(void* to_shared, const void* from_global, size_t size_and_align,
                                    size_t zfill = 0, SIMT_HERE) {
  auto fails = [&](const char* what) {
    __assert_fail(what, file, (unsigned)line, "__pipeline_memcpy_async");
  };
  size_t n = size_and_align;
  if (n != 4 && n != 8 && n != 16) fails("size_and_align is 4, 8 or 16");
  if (zfill > n) fails("zfill is at most size_and_align");
  if ((uintptr_t)to_shared % n) fails("the target is aligned to size_and_align");
  if ((uintptr_t)from_global % n) fails("the source is aligned to size_and_align");
  simt::defer_copy({to_shared, from_global, n - zfill, zfill});
}
inline void __pipeline_commit() { simt::commit_copies(); }
// Waits for all the calling thread committed but its newest `prior` stages. Other threads see what
// was copied after a barrier.
SIMT_INLINE void __pipeline_wait_prior(size_t prior) { simt::finish_copies((unsigned)prior); }
