// linear with a part of the row in shared memory, and the weights read by each thread for itself
__global__ void other(float* out, const float* in, const float* weight, const float* bias, int m,
                      int n, int k) {
  __shared__ float row[512];
  int r = blockIdx.y, c = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = 0.0f;
  for (int k0 = 0; k0 < k; k0 += 512) {
    __syncthreads();
    for (int j = threadIdx.x; j < 512 && k0 + j < k; j += blockDim.x)
      row[j] = in[(size_t)r * k + k0 + j];
    __syncthreads();
    for (int j = 0; c < n && j < 512 && k0 + j < k; j++)
      sum += row[j] * weight[(size_t)c * k + k0 + j];
  }
  if (c < n) out[(size_t)r * n + c] = sum + (bias ? bias[c] : 0.0f);
}

void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream) {
  other<<<dim3((n + 63) / 64, m), 64, 0, stream>>>(out, in, weight, bias, m, n, k);
}
