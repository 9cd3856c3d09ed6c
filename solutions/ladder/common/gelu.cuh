// gelu.cuh: gelu, four float4s a thread.
#pragma once
#include "aligned.cuh"
#include "gpt.h"

// GPT-2's tanh form. u = sqrt(2/pi) (x + 0.044715 x^3); 0.5 (1 + tanh u) = 1 / (1 + e^-2u), which
// takes a few instructions where tanhf takes some twenty.
__device__ __forceinline__ float gelu_of(float x) {
  float u = 0.7978845608f * x * (1.0f + 0.044715f * x * x);
  return __fdividef(x, 1.0f + __expf(-2.0f * u));
}

const int GELU_AT_ONCE = 4;

// PRECOND: out and in hold n floats, at addresses that are multiples of 16 if VECTOR.
// A thread has 4 float4s, a block apart: all are on their way before the first is used.
template <bool VECTOR>
__global__ void gelu_kernel(float* out, const float* in, long n) {
  const int AT_ONCE = GELU_AT_ONCE, WIDTH = VECTOR ? 4 : 1;
  long first = (blockIdx.x * (long)blockDim.x * AT_ONCE + threadIdx.x) * WIDTH;
  long step = (long)blockDim.x * WIDTH;
  if (VECTOR && first + (AT_ONCE - 1) * step + 3 < n) {
    float4 x[AT_ONCE];
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++)
      x[i] = __ldcs(reinterpret_cast<const float4*>(in + first + i * step));  // read once
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++)
      *reinterpret_cast<float4*>(out + first + i * step) =
          make_float4(gelu_of(x[i].x), gelu_of(x[i].y), gelu_of(x[i].z), gelu_of(x[i].w));
  } else {
    for (int i = 0; i < AT_ONCE; i++)
      for (long j = first + i * step; j < min(n, first + i * step + WIDTH); j++)
        out[j] = gelu_of(in[j]);
  }
}

void gelu(float* out, const float* in, int num_rows, int num_cols, cudaStream_t stream) {
  const int block = 256;
  long n = (long)num_rows * num_cols;
  bool vector = aligned(out) && aligned(in);
  long each = block * GELU_AT_ONCE * (vector ? 4 : 1);  // elements of a block
  auto kernel = vector ? gelu_kernel<true> : gelu_kernel<false>;
  kernel<<<(n + each - 1) / each, block, 0, stream>>>(out, in, n);
}
