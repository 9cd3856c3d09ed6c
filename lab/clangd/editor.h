// What clangd reads before a .cu file: simt's CUDA headers, then the qualifiers as clang knows
// them. So it understands launches and __shared__ on a machine with no CUDA toolkit. Only editors
// use it.
#pragma once
#pragma clang diagnostic ignored "-Wmacro-redefined"

// The host's own headers first: what follows makes every function one for both sides.
#define __host__ __attribute__((host))
#define __device__ __attribute__((device))
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <ostream>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#pragma clang force_cuda_host_device begin
#include <cuda_runtime.h>
#pragma clang force_cuda_host_device end

#undef __host__
#undef __device__
#undef __global__
#undef __constant__
#define __host__ __attribute__((host))
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __constant__ __attribute__((constant))
#define __shared__ __attribute__((shared))
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared = 0,
                                     void* stream = nullptr);
