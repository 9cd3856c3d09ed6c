// linear with k split over blocks, and a second kernel that adds up what they left in memory
__global__ void partial_sums(float* partial, const float* in, const float* weight, int m, int n,
                             int k) {
  __shared__ float a[32][33], b[32][33];
  int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * 32, col = blockIdx.x * 32;
  int each = (k + gridDim.z - 1) / gridDim.z, end = min(k, (int)(blockIdx.z + 1) * each);
  float sum = 0.0f;
  for (int k0 = blockIdx.z * each; k0 < end; k0 += 32) {
    bool inside = k0 + x < end;
    a[y][x] = inside && row + y < m ? in[(size_t)(row + y) * k + k0 + x] : 0.0f;
    b[y][x] = inside && col + y < n ? weight[(size_t)(col + y) * k + k0 + x] : 0.0f;
    __syncthreads();
    for (int j = 0; j < 32; j++) sum += a[y][j] * b[x][j];
    __syncthreads();
  }
  if (row + y < m && col + x < n) partial[((size_t)blockIdx.z * m + row + y) * n + col + x] = sum;
}

__global__ void add_up(float* out, const float* partial, const float* bias, int parts, int m,
                       int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= m * n) return;
  float sum = bias ? bias[i % n] : 0.0f;
  for (int part = 0; part < parts; part++) sum += partial[(size_t)part * m * n + i];
  out[i] = sum;
}

void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream) {
  float* partial;
  dim3 grid((n + 31) / 32, (m + 31) / 32, 2);
  cudaMallocAsync(&partial, sizeof(float) * grid.z * m * n, stream);
  partial_sums<<<grid, dim3(32, 32), 0, stream>>>(partial, in, weight, m, n, k);
  add_up<<<(m * n + 255) / 256, 256, 0, stream>>>(out, partial, bias, grid.z, m, n);
  cudaFreeAsync(partial, stream);
}
