// linear with k split over blocks and atomicAdd
__global__ void other(float* out, const float* in, const float* weight, const float* bias, int m,
                      int n, int k) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= m * n) return;
  float sum = bias && blockIdx.y == 0 ? bias[i % n] : 0.0f;
  for (int j = blockIdx.y; j < k; j += gridDim.y) sum += in[i / n * k + j] * weight[i % n * k + j];
  atomicAdd(out + i, sum);
}

void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream) {
  cudaMemsetAsync(out, 0, sizeof(float) * m * n, stream);
  other<<<dim3((m * n + 63) / 64, 3), 64, 0, stream>>>(out, in, weight, bias, m, n, k);
}
