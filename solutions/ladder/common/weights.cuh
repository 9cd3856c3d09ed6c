// weights.cuh: weights as float, bfloat16 or int8, read 16 bytes at a time.
//
// At batch size 1 a decode step is as fast as its weights are read. Fewer bytes a weight is fewer
// microseconds; the arithmetic is float32 in all cases.
#pragma once
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

// A matrix (rows, cols), row-major. int8 has a scale for each row: weight = scale[row] * data.
template <typename W>
struct Matrix {
  const W* data;
  const float* scale;  // (rows), int8 only
  int rows, cols;
};

// 16 bytes of weights: so many elements.
template <typename W>
constexpr int CHUNK = 16 / sizeof(W);

// Reads 16 bytes that nobody will read again soon: they needn't push others out of the caches.
__device__ __forceinline__ uint4 load_chunk(const void* address) {
  return __ldcs(reinterpret_cast<const uint4*>(address));
}

// The elements of a chunk times x[0], x[1], ... added to sum. PRECOND: x is 16-byte aligned.
template <typename W>
__device__ __forceinline__ float dot_chunk(uint4 chunk, const float* x, float sum);

template <>
__device__ __forceinline__ float dot_chunk<float>(uint4 chunk, const float* x, float sum) {
  float4 a = *reinterpret_cast<const float4*>(x);
  sum += __uint_as_float(chunk.x) * a.x;
  sum += __uint_as_float(chunk.y) * a.y;
  sum += __uint_as_float(chunk.z) * a.z;
  sum += __uint_as_float(chunk.w) * a.w;
  return sum;
}

template <>
__device__ __forceinline__ float dot_chunk<__nv_bfloat16>(uint4 chunk, const float* x, float sum) {
  float4 a = *reinterpret_cast<const float4*>(x), b = *reinterpret_cast<const float4*>(x + 4);
  // A bfloat16 is the upper half of a float32.
  sum += __uint_as_float(chunk.x << 16) * a.x + __uint_as_float(chunk.x & 0xffff0000) * a.y;
  sum += __uint_as_float(chunk.y << 16) * a.z + __uint_as_float(chunk.y & 0xffff0000) * a.w;
  sum += __uint_as_float(chunk.z << 16) * b.x + __uint_as_float(chunk.z & 0xffff0000) * b.y;
  sum += __uint_as_float(chunk.w << 16) * b.z + __uint_as_float(chunk.w & 0xffff0000) * b.w;
  return sum;
}

template <>
__device__ __forceinline__ float dot_chunk<int8_t>(uint4 chunk, const float* x, float sum) {
  const unsigned words[4] = {chunk.x, chunk.y, chunk.z, chunk.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    float4 a = *reinterpret_cast<const float4*>(x + 4 * i);
    sum += static_cast<int8_t>(words[i]) * a.x + static_cast<int8_t>(words[i] >> 8) * a.y;
    sum += static_cast<int8_t>(words[i] >> 16) * a.z + static_cast<int8_t>(words[i] >> 24) * a.w;
  }
  return sum;
}

__device__ __forceinline__ float to_float(float w) { return w; }
__device__ __forceinline__ float to_float(__nv_bfloat16 w) { return __bfloat162float(w); }
__device__ __forceinline__ float to_float(int8_t w) { return w; }

template <typename W>
__device__ __forceinline__ float scale_of(const Matrix<W>& matrix, int row) {
  if constexpr (sizeof(W) == 1) return matrix.scale[row];
  return 1.0f;
}
