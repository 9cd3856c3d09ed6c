// reduce.cuh: sums over a warp and over a block.
#pragma once
#include <cuda_runtime.h>

// The sum of `value` over the 32 lanes of a warp, in each of them.
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2)
    value += __shfl_xor_sync(0xffffffff, value, offset);
  return value;
}

// The sum over all threads of the block, in each of them.
// PRECOND: all threads call it; blockDim.x is a multiple of 32.
__device__ __forceinline__ float block_sum(float value) {
  __shared__ float warp_sums[32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  value = warp_sum(value);
  if (lane == 0) warp_sums[warp] = value;
  __syncthreads();
  float sum = 0.0f;
  for (int w = 0; w < blockDim.x / 32; w++) sum += warp_sums[w];
  __syncthreads();  // all have read: the next call may write
  return sum;
}
