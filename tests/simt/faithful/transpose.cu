// Matrix transpose: naive, coalesced by way of shared memory, and with a padded tile, which has no
// bank conflicts. Each block of 32 x 8 threads moves a tile of 32 x 32.
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>

#define TILE_DIM 32
#define BLOCK_ROWS 8

#define checkCudaErrors(val) check((val), #val, __FILE__, __LINE__)
template <typename T>
void check(T result, char const* const func, const char* const file, int const line) {
  if (result) {
    fprintf(stderr, "CUDA error at %s:%d code=%d(%s) \"%s\"\n", file, line, (int)result,
            cudaGetErrorName(result), func);
    exit(EXIT_FAILURE);
  }
}

__global__ void transposeNaive(float* odata, const float* idata, int width, int height) {
  int x = blockIdx.x * TILE_DIM + threadIdx.x;
  int y = blockIdx.y * TILE_DIM + threadIdx.y;
  for (int j = 0; j < TILE_DIM; j += BLOCK_ROWS)
    if (x < width && y + j < height) odata[x * height + (y + j)] = idata[(y + j) * width + x];
}

template <int PAD>
__global__ void transposeShared(float* odata, const float* idata, int width, int height) {
  __shared__ float tile[TILE_DIM][TILE_DIM + PAD];
  int x = blockIdx.x * TILE_DIM + threadIdx.x;
  int y = blockIdx.y * TILE_DIM + threadIdx.y;
  for (int j = 0; j < TILE_DIM; j += BLOCK_ROWS)
    if (x < width && y + j < height)
      tile[threadIdx.y + j][threadIdx.x] = idata[(y + j) * width + x];
  __syncthreads();
  x = blockIdx.y * TILE_DIM + threadIdx.x;
  y = blockIdx.x * TILE_DIM + threadIdx.y;
  for (int j = 0; j < TILE_DIM; j += BLOCK_ROWS)
    if (x < height && y + j < width)
      odata[(y + j) * height + x] = tile[threadIdx.x][threadIdx.y + j];
}

int main(int argc, char** argv) {
  const int width = argc > 1 ? atoi(argv[1]) : 200, height = argc > 2 ? atoi(argv[2]) : 150;
  const size_t mem_size = sizeof(float) * width * height;
  float *h_idata = (float*)malloc(mem_size), *h_odata = (float*)malloc(mem_size);
  for (int i = 0; i < width * height; i++) h_idata[i] = (float)i;
  float *d_idata, *d_odata;
  checkCudaErrors(cudaMalloc(&d_idata, mem_size));
  checkCudaErrors(cudaMalloc(&d_odata, mem_size));
  checkCudaErrors(cudaMemcpy(d_idata, h_idata, mem_size, cudaMemcpyHostToDevice));

  void (*kernels[])(float*, const float*, int, int) = {transposeNaive, transposeShared<0>,
                                                       transposeShared<1>};
  const char* names[] = {"naive", "coalesced", "padded"};
  dim3 grid((width + TILE_DIM - 1) / TILE_DIM, (height + TILE_DIM - 1) / TILE_DIM);
  dim3 threads(TILE_DIM, BLOCK_ROWS);
  for (int k = 0; k < 3; k++) {
    checkCudaErrors(cudaMemset(d_odata, 0, mem_size));
    kernels[k]<<<grid, threads>>>(d_odata, d_idata, width, height);
    checkCudaErrors(cudaGetLastError());
    checkCudaErrors(cudaMemcpy(h_odata, d_odata, mem_size, cudaMemcpyDeviceToHost));
    int wrong = 0;
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) wrong += h_odata[x * height + y] != h_idata[y * width + x];
    printf("%s = %d wrong, second %.9g\n", names[k], wrong, h_odata[1]);
  }
  checkCudaErrors(cudaFree(d_idata));
  checkCudaErrors(cudaFree(d_odata));
  free(h_idata);
  free(h_odata);
}
