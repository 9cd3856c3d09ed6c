// Who am I? Set by the runtime for each thread before it runs (runtime/block.cpp). To a kernel they
// are constants, as in CUDA: the compiler may keep them in registers across barriers.
#pragma once
#include "qualifiers.h"
#include "vector_types.h"

// __thread, not thread_local: a plain load, with no check for initialisation at each use.
#ifdef SIMT_RUNTIME
#define SIMT_BUILT_IN extern __thread SIMT_HIDDEN
#else
#define SIMT_BUILT_IN extern __thread SIMT_HIDDEN const
#endif
SIMT_BUILT_IN uint3 threadIdx;
SIMT_BUILT_IN uint3 blockIdx;
SIMT_BUILT_IN uint3 blockDim;  // turn into a dim3 where one is wanted
SIMT_BUILT_IN uint3 gridDim;
#undef SIMT_BUILT_IN
constexpr int warpSize = 32;
