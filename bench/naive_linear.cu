// A linear layer without shared memory: one thread an output. bench/simt.py measures it.
#include "gpt.h"

__global__ void naive_kernel(float* out, const float* in, const float* weight, const float* bias,
                             int m, int n, int k) {
  int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
  if (row >= m || col >= n) return;
  float sum = bias ? bias[col] : 0.0f;
  for (int i = 0; i < k; i++) sum += in[(size_t)row * k + i] * weight[(size_t)col * k + i];
  out[(size_t)row * n + col] = sum;
}

void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream) {
  dim3 block(32, 8), grid((n + 31) / 32, (m + 7) / 8);
  naive_kernel<<<grid, block, 0, stream>>>(out, in, weight, bias, m, n, k);
}
