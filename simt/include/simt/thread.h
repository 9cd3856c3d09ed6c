// Who am I? Set by the runtime for each thread before it runs (runtime/block.cpp).
#pragma once
#include "qualifiers.h"
#include "vector_types.h"

// __thread, not thread_local: a plain load, with no check for initialisation at each use.
extern __thread SIMT_HIDDEN uint3 threadIdx;
extern __thread SIMT_HIDDEN uint3 blockIdx;
extern __thread SIMT_HIDDEN dim3 blockDim;
extern __thread SIMT_HIDDEN dim3 gridDim;
constexpr int warpSize = 32;
