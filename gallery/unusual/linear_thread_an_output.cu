// linear with one thread an output
__global__ void other(float* out, const float* in, const float* weight, const float* bias, int m,
                      int n, int k) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= m * n) return;
  float sum = bias ? bias[i % n] : 0.0f;
  for (int j = k - 1; j >= 0; j--) sum = fmaf(in[i / n * k + j], weight[i % n * k + j], sum);
  out[i] = sum;
}

void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream) {
  other<<<(m * n + 127) / 128, 128, 0, stream>>>(out, in, weight, bias, m, n, k);
}
