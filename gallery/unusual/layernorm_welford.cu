// layernorm by Welford's update
__global__ void other(float* out, const float* in, const float* weight, const float* bias,
                      float eps, int cols) {
  const float* x = in + blockIdx.x * cols;
  float mean = 0.0f, m2 = 0.0f;
  for (int c = 0; c < cols; c++) {
    float delta = x[c] - mean;
    mean += delta / (c + 1);
    m2 += delta * (x[c] - mean);
  }
  for (int c = threadIdx.x; c < cols; c += 32)
    out[blockIdx.x * cols + c] = (x[c] - mean) * rsqrtf(m2 / cols + eps) * weight[c] + bias[c];
}

void layernorm(float* out, const float* in, const float* weight, const float* bias, float eps,
               int num_rows, int num_cols, cudaStream_t stream) {
  other<<<num_rows, 32, 0, stream>>>(out, in, weight, bias, eps, num_cols);
}
