// layernorm with one thread a row
__global__ void other(float* out, const float* in, const float* weight, const float* bias,
                      float eps, int rows, int cols) {
  int r = blockIdx.x * blockDim.x + threadIdx.x;
  if (r >= rows) return;
  const float* x = in + r * cols;
  float sum = 0.0f, squares = 0.0f;
  for (int c = 0; c < cols; c++) sum += x[c];
  float mean = sum / cols;
  for (int c = 0; c < cols; c++) squares += (x[c] - mean) * (x[c] - mean);
  float std = sqrtf(squares / cols + eps);
  for (int c = 0; c < cols; c++) out[r * cols + c] = (x[c] - mean) / std * weight[c] + bias[c];
}

void layernorm(float* out, const float* in, const float* weight, const float* bias, float eps,
               int num_rows, int num_cols, cudaStream_t stream) {
  other<<<(num_rows + 63) / 64, 64, 0, stream>>>(out, in, weight, bias, eps, num_rows, num_cols);
}
