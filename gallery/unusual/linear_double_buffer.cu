// linear with two sets of tiles and one barrier a step
__global__ void other(float* out, const float* in, const float* weight, const float* bias, int m,
                      int n, int k) {
  __shared__ float a[2][32][33], b[2][32][33];
  int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * 32, col = blockIdx.x * 32;
  auto load = [&](int t) {
    int j = t * 32 + x;
    a[t % 2][y][x] = row + y < m && j < k ? in[(size_t)(row + y) * k + j] : 0.0f;
    b[t % 2][y][x] = col + y < n && j < k ? weight[(size_t)(col + y) * k + j] : 0.0f;
  };
  float sum = 0.0f;
  int steps = (k + 31) / 32;
  load(0);
  for (int t = 0; t < steps; t++) {
    __syncthreads();
    if (t + 1 < steps) load(t + 1);
    for (int j = 0; j < 32; j++) sum = fmaf(a[t % 2][y][j], b[t % 2][x][j], sum);
  }
  if (row + y >= m || col + x >= n) return;
  out[(size_t)(row + y) * n + col + x] = bias ? sum + bias[col + x] : sum;
}

void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream) {
  other<<<dim3((n + 31) / 32, (m + 31) / 32), dim3(32, 32), 0, stream>>>(out, in, weight, bias, m,
                                                                         n, k);
}
