// Histogram of bytes: atomics on global memory, then a histogram of each block in shared memory
// that is added up at the end.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#define BINS 256

static void HandleError(cudaError_t err, const char* file, int line) {
  if (err != cudaSuccess) {
    printf("%s in %s at line %d\n", cudaGetErrorString(err), file, line);
    exit(EXIT_FAILURE);
  }
}
#define HANDLE_ERROR(err) (HandleError(err, __FILE__, __LINE__))

__global__ void histo_global(unsigned char* buffer, long size, unsigned int* histo) {
  int i = threadIdx.x + blockIdx.x * blockDim.x;
  int stride = blockDim.x * gridDim.x;
  while (i < size) {
    atomicAdd(&histo[buffer[i]], 1);
    i += stride;
  }
}

__global__ void histo_shared(unsigned char* buffer, long size, unsigned int* histo) {
  __shared__ unsigned int temp[BINS];
  temp[threadIdx.x] = 0;
  __syncthreads();
  int i = threadIdx.x + blockIdx.x * blockDim.x;
  int stride = blockDim.x * gridDim.x;
  for (; i < size; i += stride) atomicAdd(&temp[buffer[i]], 1);
  __syncthreads();
  atomicAdd(&(histo[threadIdx.x]), temp[threadIdx.x]);
}

int main(void) {
  const long size = 1 << 18;
  unsigned char* buffer = (unsigned char*)malloc(size);
  unsigned seed = 12345;
  for (long i = 0; i < size; i++) {
    seed = seed * 1664525u + 1013904223u;
    buffer[i] = (unsigned char)((seed >> 24) & (seed >> 16));  // some values far more often
  }
  unsigned int expected[BINS] = {0};
  for (long i = 0; i < size; i++) expected[buffer[i]]++;

  unsigned char* dev_buffer;
  unsigned int *dev_histo, histo[BINS];
  HANDLE_ERROR(cudaMalloc((void**)&dev_buffer, size));
  HANDLE_ERROR(cudaMemcpy(dev_buffer, buffer, size, cudaMemcpyHostToDevice));
  HANDLE_ERROR(cudaMalloc((void**)&dev_histo, sizeof histo));

  for (int version = 0; version < 2; version++) {
    HANDLE_ERROR(cudaMemset(dev_histo, 0, sizeof histo));
    if (version == 0)
      histo_global<<<16, 256>>>(dev_buffer, size, dev_histo);
    else
      histo_shared<<<16, 256>>>(dev_buffer, size, dev_histo);
    HANDLE_ERROR(cudaGetLastError());
    HANDLE_ERROR(cudaMemcpy(histo, dev_histo, sizeof histo, cudaMemcpyDeviceToHost));
    long total = 0;
    for (int b = 0; b < BINS; b++) total += histo[b];
    printf("%s = same %d, total %ld, zeros %u\n", version ? "shared" : "global",
           memcmp(histo, expected, sizeof histo) == 0, total, histo[0]);
  }
  cudaFree(dev_histo);
  cudaFree(dev_buffer);
  free(buffer);
  return 0;
}
