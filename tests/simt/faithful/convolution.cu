// Stencil and convolution: the weights are in constant memory, a tile with its halo in shared
// memory. 1D with a radius, then 2D separable (rows, columns).
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>

#define RADIUS 3
#define BLOCK 128
#define TILE 16

__constant__ float d_weights[2 * RADIUS + 1];

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

__global__ void stencil1D(const float* in, float* out, int n) {
  __shared__ float temp[BLOCK + 2 * RADIUS];
  int g = blockIdx.x * blockDim.x + threadIdx.x, s = threadIdx.x + RADIUS;
  temp[s] = g < n ? in[g] : 0.0f;
  if (threadIdx.x < RADIUS) {
    temp[s - RADIUS] = g >= RADIUS ? in[g - RADIUS] : 0.0f;
    temp[s + BLOCK] = g + BLOCK < n ? in[g + BLOCK] : 0.0f;
  }
  __syncthreads();
  if (g >= n) return;
  float result = 0.0f;
#pragma unroll
  for (int offset = -RADIUS; offset <= RADIUS; offset++)
    result += temp[s + offset] * d_weights[offset + RADIUS];
  out[g] = result;
}

// One thread loads up to four elements of the tile with its halo. ROWS: along x, otherwise y.
template <bool ROWS>
__global__ void convolve2D(const float* in, float* out, int width, int height) {
  const int HX = ROWS ? RADIUS : 0, HY = ROWS ? 0 : RADIUS;
  __shared__ float tile[TILE + 2 * RADIUS][TILE + 2 * RADIUS + 1];
  int x0 = blockIdx.x * TILE - HX, y0 = blockIdx.y * TILE - HY;
  for (int y = threadIdx.y; y < TILE + 2 * HY; y += TILE)
    for (int x = threadIdx.x; x < TILE + 2 * HX; x += TILE) {
      int gx = x0 + x, gy = y0 + y;
      bool inside = gx >= 0 && gx < width && gy >= 0 && gy < height;
      tile[y][x] = inside ? in[gy * width + gx] : 0.0f;
    }
  __syncthreads();
  int x = blockIdx.x * TILE + threadIdx.x, y = blockIdx.y * TILE + threadIdx.y;
  if (x >= width || y >= height) return;
  float sum = 0.0f;
  for (int k = 0; k <= 2 * RADIUS; k++)
    sum += d_weights[k] * tile[threadIdx.y + (ROWS ? 0 : k)][threadIdx.x + (ROWS ? k : 0)];
  out[y * width + x] = sum;
}

int main() {
  const int n = 1000, width = 50, height = 37;
  // Whole numbers: all sums are exact.
  float weights[2 * RADIUS + 1] = {1, 2, 4, 8, 4, 2, 1};
  CHECK(cudaMemcpyToSymbol(d_weights, weights, sizeof(weights)));
  float *in, *out, *middle, host[width * height], result[width * height];
  CHECK(cudaMalloc(&in, sizeof host));
  CHECK(cudaMalloc(&out, sizeof host));
  CHECK(cudaMalloc(&middle, sizeof host));
  for (int i = 0; i < width * height; i++) host[i] = (float)(i * i % 17);
  CHECK(cudaMemcpy(in, host, sizeof host, cudaMemcpyHostToDevice));

  stencil1D<<<(n + BLOCK - 1) / BLOCK, BLOCK>>>(in, out, n);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(result, out, n * sizeof(float), cudaMemcpyDeviceToHost));
  int wrong = 0;
  for (int i = 0; i < n; i++) {
    float sum = 0;
    for (int k = -RADIUS; k <= RADIUS; k++)
      if (i + k >= 0 && i + k < n) sum += host[i + k] * weights[k + RADIUS];
    wrong += result[i] != sum;
  }
  printf("stencil = %d wrong, middle %.9g\n", wrong, result[n / 2]);

  // Other weights, by way of the variable's address and from an offset in it.
  float* address;
  size_t size;
  CHECK(cudaGetSymbolAddress((void**)&address, d_weights));
  CHECK(cudaGetSymbolSize(&size, d_weights));
  float ones[] = {3, 5};
  CHECK(cudaMemcpyToSymbol(d_weights, ones, sizeof ones, sizeof(float)));
  CHECK(cudaMemcpyFromSymbol(weights, d_weights, sizeof weights));
  printf("weights = %g %g %g %g of %d bytes\n", weights[0], weights[1], weights[2], weights[3],
         (int)size);

  dim3 threads(TILE, TILE), grid((width + TILE - 1) / TILE, (height + TILE - 1) / TILE);
  convolve2D<true><<<grid, threads>>>(in, middle, width, height);
  convolve2D<false><<<grid, threads>>>(middle, out, width, height);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(result, out, sizeof host, cudaMemcpyDeviceToHost));
  wrong = 0;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      float sum = 0;
      for (int j = -RADIUS; j <= RADIUS; j++)
        for (int i = -RADIUS; i <= RADIUS; i++)
          if (x + i >= 0 && x + i < width && y + j >= 0 && y + j < height)
            sum += host[(y + j) * width + x + i] * weights[i + RADIUS] * weights[j + RADIUS];
      wrong += result[y * width + x] != sum;
    }
  printf("convolution = %d wrong, corner %.9g\n", wrong, result[0]);
  CHECK(cudaFree(in));
  CHECK(cudaFree(out));
  CHECK(cudaFree(middle));
}
