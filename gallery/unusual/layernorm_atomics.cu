// layernorm that adds up by atomics in shared memory
__global__ void other(float* out, const float* in, const float* weight, const float* bias,
                      float eps, int cols) {
  __shared__ float sum, squares;
  const float* x = in + (size_t)blockIdx.x * cols;
  if (threadIdx.x == 0) sum = squares = 0.0f;
  __syncthreads();
  float mine = 0.0f;
  for (int c = threadIdx.x; c < cols; c += blockDim.x) mine += x[c];
  atomicAdd(&sum, mine);
  __syncthreads();
  float mean = sum / cols;
  mine = 0.0f;
  for (int c = threadIdx.x; c < cols; c += blockDim.x) mine += (x[c] - mean) * (x[c] - mean);
  atomicAdd(&squares, mine);
  __syncthreads();
  float rstd = rsqrtf(squares / cols + eps);
  for (int c = threadIdx.x; c < cols; c += blockDim.x)
    out[(size_t)blockIdx.x * cols + c] = (x[c] - mean) * rstd * weight[c] + bias[c];
}

void layernorm(float* out, const float* in, const float* weight, const float* bias, float eps,
               int num_rows, int num_cols, cudaStream_t stream) {
  other<<<num_rows, 192, 0, stream>>>(out, in, weight, bias, eps, num_cols);
}
