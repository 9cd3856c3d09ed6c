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

// x as it meets a row of weights, in shared memory: n floats, in float4s. Those that meet the first
// 4 elements of each chunk come first, then those of the next 4, and so on: lanes with neighbouring
// chunks read neighbouring float4s, with no bank conflict.
template <typename W>
struct Row {
  static constexpr int EACH = CHUNK<W> / 4;  // float4s that meet a chunk
  float4* data;
  int chunks;
  __device__ __forceinline__ Row(float4* data, int n) : data(data), chunks(n / CHUNK<W>) {}
  // Elements 4i to 4i + 3.
  __device__ __forceinline__ void put(int i, float4 value) const {
    data[i % EACH * chunks + i / EACH] = value;
  }
  __device__ __forceinline__ float4 get(int chunk, int i) const { return data[i * chunks + chunk]; }
};

__device__ __forceinline__ float dot4(float w, float x, float y, float z, float4 a, float sum) {
  return sum + w * a.x + x * a.y + y * a.z + z * a.w;
}

// Chunk number c of a row times x, added to sum.
__device__ __forceinline__ float dot_chunk(uint4 chunk, const Row<float>& x, int c, float sum) {
  return dot4(__uint_as_float(chunk.x), __uint_as_float(chunk.y), __uint_as_float(chunk.z),
              __uint_as_float(chunk.w), x.get(c, 0), sum);
}

__device__ __forceinline__ float low(unsigned pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float high(unsigned pair) { return __uint_as_float(pair & 0xffff0000); }

// A bfloat16 is the upper half of a float32.
__device__ __forceinline__ float dot_chunk(uint4 chunk, const Row<__nv_bfloat16>& x, int c,
                                           float sum) {
  sum = dot4(low(chunk.x), high(chunk.x), low(chunk.y), high(chunk.y), x.get(c, 0), sum);
  return dot4(low(chunk.z), high(chunk.z), low(chunk.w), high(chunk.w), x.get(c, 1), sum);
}

__device__ __forceinline__ float dot_chunk(uint4 chunk, const Row<int8_t>& x, int c, float sum) {
  const unsigned words[4] = {chunk.x, chunk.y, chunk.z, chunk.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    unsigned w = words[i];
    sum = dot4((int8_t)w, (int8_t)(w >> 8), (int8_t)(w >> 16), (int8_t)(w >> 24), x.get(c, i), sum);
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

// 4 neighbouring elements, as floats. Reads go to L2: L1 may hold what another block has
// overwritten.
__device__ __forceinline__ float4 load4(const float* p) {
  return __ldcg(reinterpret_cast<const float4*>(p));
}
__device__ __forceinline__ float4 load4(const __nv_bfloat16* p) {
  uint2 bits = __ldcg(reinterpret_cast<const uint2*>(p));
  return make_float4(__uint_as_float(bits.x << 16), __uint_as_float(bits.x & 0xffff0000),
                     __uint_as_float(bits.y << 16), __uint_as_float(bits.y & 0xffff0000));
}

__device__ __forceinline__ void store4(float* p, float4 x) { *reinterpret_cast<float4*>(p) = x; }
__device__ __forceinline__ void store4(__nv_bfloat16* p, float4 x) {
  __nv_bfloat162 pairs[2] = {__floats2bfloat162_rn(x.x, x.y), __floats2bfloat162_rn(x.z, x.w)};
  *reinterpret_cast<uint2*>(p) = *reinterpret_cast<const uint2*>(pairs);
}
