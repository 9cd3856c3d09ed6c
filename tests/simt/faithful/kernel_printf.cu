// printf in kernels. What threads print at the same time comes in any order, so here they take
// turns: one launch or one barrier after another.
#include <cuda_runtime.h>
#include <stdio.h>

__device__ const char* const kinds[] = {"even", "odd"};

__global__ void helloCUDA(float f) {
  if (threadIdx.x == 0) printf("hello = thread %d, f=%f\n", threadIdx.x, f);
}

__global__ void inTurns() {
  for (int turn = 0; turn < blockDim.x; turn++) {
    if (threadIdx.x == turn)
      printf("turn %d = %s, %5.2f, 0x%04x\n", turn, kinds[turn % 2], turn * 0.25, turn * 4096);
    __syncthreads();
  }
}

__global__ void types(long long big, unsigned char c, const void* p) {
  printf("types = %lld %u %c %d%% %e %g %s\n", big, (unsigned)c, 'A' + c, 50, 1234.5, 1e-7,
         p ? "pointer" : "null");
  int written = printf("arguments = %d %d %d %d %d %d %d %d\n", 1, 2, 3, 4, 5, 6, 7, 8);
  printf("returned = %d\n", written > 0);
}

__global__ void lastBlockOnly() {
  if (blockIdx.x == gridDim.x - 1 && threadIdx.x == blockDim.x - 1)
    printf("last = block (%u,%u) thread %u\n", blockIdx.x, blockIdx.y, threadIdx.x);
}

int main() {
  helloCUDA<<<1, 5>>>(1.2345f);
  cudaDeviceSynchronize();
  inTurns<<<1, 4>>>();
  cudaDeviceSynchronize();
  types<<<1, 1>>>(-(1LL << 40), 7, nullptr);
  cudaDeviceSynchronize();
  lastBlockOnly<<<100, 33>>>();
  cudaDeviceSynchronize();
  printf("error = %s\n", cudaGetErrorName(cudaGetLastError()));
  cudaDeviceReset();
}
