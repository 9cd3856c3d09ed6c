// SAXPY (y = a x + y) with managed memory, a grid-stride loop and a grid sized to the device.
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmath>

inline cudaError_t checkCuda(cudaError_t result) {
  if (result != cudaSuccess) {
    fprintf(stderr, "CUDA Runtime Error: %s\n", cudaGetErrorString(result));
    exit(1);
  }
  return result;
}

__global__ void initWith(float num, float* a, int N) {
  int index = threadIdx.x + blockIdx.x * blockDim.x;
  int stride = blockDim.x * gridDim.x;
  for (int i = index; i < N; i += stride) a[i] = num;
}

__global__ void saxpy(float a, const float* __restrict__ x, float* __restrict__ y, int N) {
  int index = threadIdx.x + blockIdx.x * blockDim.x;
  int stride = blockDim.x * gridDim.x;
#pragma unroll 4
  for (int i = index; i < N; i += stride) y[i] = a * x[i] + y[i];
}

int main() {
  const int N = 2 << 16;
  size_t size = N * sizeof(float);
  float *x, *y;
  checkCuda(cudaMallocManaged(&x, size));
  checkCuda(cudaMallocManaged(&y, size));

  int deviceId, numberOfSMs;
  checkCuda(cudaGetDevice(&deviceId));
  checkCuda(cudaDeviceGetAttribute(&numberOfSMs, cudaDevAttrMultiProcessorCount, deviceId));
#if CUDART_VERSION >= 13000
  cudaMemLocation here = {};
  here.type = cudaMemLocationTypeDevice;
  here.id = deviceId;
  checkCuda(cudaMemPrefetchAsync(x, size, here, 0));
#else
  checkCuda(cudaMemPrefetchAsync(x, size, deviceId));
#endif

  size_t threadsPerBlock = 256, numberOfBlocks = 4 * numberOfSMs;
  initWith<<<numberOfBlocks, threadsPerBlock>>>(3, x, N);
  initWith<<<numberOfBlocks, threadsPerBlock>>>(4, y, N);
  saxpy<<<numberOfBlocks, threadsPerBlock>>>(2, x, y, N);
  checkCuda(cudaGetLastError());
  checkCuda(cudaDeviceSynchronize());

  float maxError = 0;
  for (int i = 0; i < N; i++) maxError = fmaxf(maxError, fabsf(y[i] - 10.0f));
  printf("max error = %.9g\n", maxError);

  // The host writes, the device goes on from there.
  for (int i = 0; i < N; i++) y[i] = (float)(i % 7);
  saxpy<<<numberOfBlocks, threadsPerBlock>>>(-1, x, y, N);
  checkCuda(cudaDeviceSynchronize());
  double sum = 0;
  for (int i = 0; i < N; i++) sum += y[i];
  printf("sum = %.9g\n", sum);

  cudaPointerAttributes attributes;
  checkCuda(cudaPointerGetAttributes(&attributes, x + 5));
  printf("managed = %d\n", attributes.type == cudaMemoryTypeManaged);
  checkCuda(cudaFree(x));
  checkCuda(cudaFree(y));
}
