// cuda_runtime.h: what a CUDA C++ file sees when simt compiles it for the CPU.
// Each concept has a header of its own; this one only gathers them.
#pragma once

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

// clang-format off
#include "simt/qualifiers.h"    // __global__, __device__, __launch_bounds__, ...
#include "simt/traced.h"        // what instrumented builds tell the runtime
#include "simt/vector_types.h"  // float4, dim3, make_int2, ...
#include "simt/thread.h"        // threadIdx, blockIdx, blockDim, gridDim
#include "simt/runtime_api.h"   // cudaMalloc, cudaMemcpy, streams, events, errors, properties
#include "simt/launch.h"        // kernel<<<grid, block, shared, stream>>>(...)
#include "simt/launch_api.h"    // cudaLaunchKernel
#include "simt/cooperative_launch.h"  // cudaLaunchCooperativeKernel
#include "simt/shared.h"        // __shared__
#include "simt/sync.h"          // __syncthreads, fences
#include "simt/warp.h"          // __syncwarp, shuffles, votes, __activemask
#include "simt/warp_reduce.h"   // __match_any_sync, __reduce_add_sync, ...
#include "simt/atomics.h"       // atomicAdd, atomicCAS, ...
#include "simt/cache_hints.h"   // __ldg, __stcs, ...
#include "simt/math.h"          // rsqrtf, __expf, min, max, ...
#include "simt/address_space.h" // __isGlobal, __isShared, ...
#include "simt/intrinsics.h"    // __popc, __float_as_int, clock64, ...
#include "simt/simd.h"          // __vadd4, __vmaxs2, ...
// clang-format on
