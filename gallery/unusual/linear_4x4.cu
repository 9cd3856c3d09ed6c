// linear with 4 x 4 outputs a thread
constexpr int SIDE = 64, STEP = 16;

__global__ void other(float* out, const float* in, const float* weight, const float* bias, int m,
                      int n, int k) {
  __shared__ float a[SIDE][STEP + 1], b[SIDE][STEP + 1];
  int t = threadIdx.x, ty = t / 16, tx = t % 16;
  int row = blockIdx.y * SIDE, col = blockIdx.x * SIDE;
  float sum[4][4] = {};
  for (int k0 = 0; k0 < k; k0 += STEP) {
    for (int i = t; i < SIDE * STEP; i += 256) {
      int r = i / STEP, j = i % STEP;
      bool inside = k0 + j < k;
      a[r][j] = inside && row + r < m ? in[(size_t)(row + r) * k + k0 + j] : 0.0f;
      b[r][j] = inside && col + r < n ? weight[(size_t)(col + r) * k + k0 + j] : 0.0f;
    }
    __syncthreads();
    for (int j = 0; j < STEP; j++)
      for (int y = 0; y < 4; y++)
        for (int x = 0; x < 4; x++) sum[y][x] += a[ty + 16 * y][j] * b[tx + 16 * x][j];
    __syncthreads();
  }
  for (int y = 0; y < 4; y++)
    for (int x = 0; x < 4; x++) {
      int r = row + ty + 16 * y, c = col + tx + 16 * x;
      if (r < m && c < n) out[(size_t)r * n + c] = sum[y][x] + (bias ? bias[c] : 0.0f);
    }
}

void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream) {
  other<<<dim3((n + 63) / 64, (m + 63) / 64), 256, 0, stream>>>(out, in, weight, bias, m, n, k);
}
