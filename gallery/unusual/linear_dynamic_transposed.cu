// linear with both tiles in one dynamic array, stored with k first
constexpr int SIDE = 32, STRIDE = SIDE + 1;

__global__ void other(float* out, const float* in, const float* weight, const float* bias, int m,
                      int n, int k) {
  extern __shared__ float tiles[];
  float *a = tiles, *b = tiles + SIDE * STRIDE;
  int x = threadIdx.x % SIDE, row = blockIdx.y * SIDE, col = blockIdx.x * SIDE;
  float sum[SIDE / 8] = {};
  for (int k0 = 0; k0 < k; k0 += SIDE) {
    for (int r = threadIdx.x / SIDE; r < SIDE; r += 8) {
      bool inside = k0 + x < k;
      a[x * STRIDE + r] = inside && row + r < m ? in[(size_t)(row + r) * k + k0 + x] : 0.0f;
      b[x * STRIDE + r] = inside && col + r < n ? weight[(size_t)(col + r) * k + k0 + x] : 0.0f;
    }
    __syncthreads();
    for (int j = 0; j < SIDE; j++)
      for (int q = 0; q < SIDE / 8; q++)
        sum[q] += a[j * STRIDE + threadIdx.x / SIDE + 8 * q] * b[j * STRIDE + x];
    __syncthreads();
  }
  for (int q = 0; q < SIDE / 8; q++) {
    int r = row + threadIdx.x / SIDE + 8 * q, c = col + x;
    if (r < m && c < n) out[(size_t)r * n + c] = sum[q] + (bias ? bias[c] : 0.0f);
  }
}

void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream) {
  dim3 grid((n + SIDE - 1) / SIDE, (m + SIDE - 1) / SIDE);
  size_t bytes = 2 * SIDE * STRIDE * sizeof(float);
  other<<<grid, 8 * SIDE, bytes, stream>>>(out, in, weight, bias, m, n, k);
}
