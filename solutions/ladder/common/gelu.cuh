// gelu.cuh: gelu, in four elements a thread.
#pragma once
#include "aligned.cuh"
#include "gpt.h"

// GPT-2's tanh form. u = sqrt(2/pi) (x + 0.044715 x^3); 0.5 (1 + tanh u) = 1 / (1 + e^-2u).
__device__ __forceinline__ float gelu_of(float x) {
  float u = 0.7978845608f * x * (1.0f + 0.044715f * x * x);
  return 0.5f * x * (1.0f + tanhf(u));
}

// PRECOND: out and in hold n floats, at addresses that are multiples of 16 if VECTOR.
template <bool VECTOR>
__global__ void gelu_kernel(float* out, const float* in, long n) {
  const int width = VECTOR ? 4 : 1;
  long i = (blockIdx.x * (long)blockDim.x + threadIdx.x) * width;
  if (VECTOR && i + 3 < n) {
    float4 x = *reinterpret_cast<const float4*>(in + i);
    *reinterpret_cast<float4*>(out + i) =
        make_float4(gelu_of(x.x), gelu_of(x.y), gelu_of(x.z), gelu_of(x.w));
  } else {
    for (long j = i; j < min(n, i + width); j++) out[j] = gelu_of(in[j]);
  }
}

void gelu(float* out, const float* in, int num_rows, int num_cols, cudaStream_t stream) {
  const int block = 256;
  long n = (long)num_rows * num_cols;
  bool vector = aligned(out) && aligned(in);
  long threads = vector ? (n + 3) / 4 : n;
  auto kernel = vector ? gelu_kernel<true> : gelu_kernel<false>;
  kernel<<<(threads + block - 1) / block, block, 0, stream>>>(out, in, n);
}
