// linear that reads float4 where k allows it
__global__ void other(float* out, const float* in, const float* weight, const float* bias, int m,
                      int n, int k) {
  __shared__ float a[32][33], b[32][33];
  int x = threadIdx.x % 32, y = threadIdx.x / 32, r = threadIdx.x / 8;
  int j = 4 * (threadIdx.x % 8), row = blockIdx.y * 32, col = blockIdx.x * 32;
  float sum[4] = {};
  auto load = [&](float* to, const float* from, bool inside, int k0) {
    float4 v = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (inside && k % 4 == 0 && k0 + j < k) {
      v = *reinterpret_cast<const float4*>(from);
    } else if (inside) {
      float* each = &v.x;
      for (int i = 0; i < 4 && k0 + j + i < k; i++) each[i] = from[i];
    }
    to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
  };
  for (int k0 = 0; k0 < k; k0 += 32) {
    load(&a[r][j], in + (size_t)(row + r) * k + k0 + j, row + r < m, k0);
    load(&b[r][j], weight + (size_t)(col + r) * k + k0 + j, col + r < n, k0);
    __syncthreads();
    for (int i = 0; i < 32; i++)
      for (int q = 0; q < 4; q++) sum[q] += a[y + 8 * q][i] * b[x][i];
    __syncthreads();
  }
  for (int q = 0; q < 4; q++)
    if (row + y + 8 * q < m && col + x < n)
      out[(size_t)(row + y + 8 * q) * n + col + x] = sum[q] + (bias ? bias[col + x] : 0.0f);
}

void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream) {
  other<<<dim3((n + 31) / 32, (m + 31) / 32), 256, 0, stream>>>(out, in, weight, bias, m, n, k);
}
