// Device query: properties, attributes, limits and occupancy. Prints what is the same on every GPU
// of compute capability 9.0, and compares the two ways to ask.
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>

#include <initializer_list>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

__global__ void kernel(int* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = i;
}

__global__ void dynamicKernel(int* x) {
  extern __shared__ int shared[];
  shared[threadIdx.x] = threadIdx.x;
  __syncthreads();
  if (threadIdx.x == 0) *x = shared[blockDim.x - 1];
}

static int attribute(cudaDeviceAttr which) {
  int value;
  CHECK(cudaDeviceGetAttribute(&value, which, 0));
  return value;
}

int main() {
  int deviceCount, driverVersion = 0, runtimeVersion = 0;
  CHECK(cudaGetDeviceCount(&deviceCount));
  if (deviceCount == 0) {
    printf("There are no available device(s) that support CUDA\n");
    return 1;
  }
  CHECK(cudaSetDevice(0));
  cudaDeviceProp p;
  CHECK(cudaGetDeviceProperties(&p, 0));
  CHECK(cudaDriverGetVersion(&driverVersion));
  CHECK(cudaRuntimeGetVersion(&runtimeVersion));
  printf("versions = %d\n", driverVersion >= 12000 && runtimeVersion >= 12000);
  printf("named = %d\n", p.name[0] != 0);
  printf("compute capability = %d.%d\n", p.major, p.minor);
  printf("warp = %d\n", p.warpSize);
  printf("block = %d of %d x %d x %d\n", p.maxThreadsPerBlock, p.maxThreadsDim[0],
         p.maxThreadsDim[1], p.maxThreadsDim[2]);
  printf("grid = %d x %d x %d\n", p.maxGridSize[0], p.maxGridSize[1], p.maxGridSize[2]);
  printf("multiprocessor = %d threads, %d blocks, %d registers\n", p.maxThreadsPerMultiProcessor,
         p.maxBlocksPerMultiProcessor, p.regsPerMultiprocessor);
  printf("shared = %zu of a block, %zu if asked, %zu of a multiprocessor\n", p.sharedMemPerBlock,
         p.sharedMemPerBlockOptin, p.sharedMemPerMultiprocessor);
  printf("constant = %zu\n", p.totalConstMem);
  printf("registers = %d\n", p.regsPerBlock);
  printf("features = %d %d %d %d\n", p.concurrentKernels, p.unifiedAddressing, p.managedMemory,
         p.canMapHostMemory);
  printf("texture alignment = %zu\n", p.textureAlignment);
  printf("memory pitch = %zu\n", p.memPitch);

  int same = attribute(cudaDevAttrMultiProcessorCount) == p.multiProcessorCount;
  same += attribute(cudaDevAttrWarpSize) == p.warpSize;
  same += attribute(cudaDevAttrL2CacheSize) == p.l2CacheSize;
  same += attribute(cudaDevAttrAsyncEngineCount) == p.asyncEngineCount;
  same += attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin) == (int)p.sharedMemPerBlockOptin;
  same += attribute(cudaDevAttrReservedSharedMemoryPerBlock) == 1024;
  same += attribute(cudaDevAttrClockRate) > 0;
  printf("same = %d of 7\n", same);

  size_t freeBytes, totalBytes, stack;
  CHECK(cudaMemGetInfo(&freeBytes, &totalBytes));
  printf("memory = %d\n", freeBytes > 0 && freeBytes <= totalBytes);
  CHECK(cudaDeviceSetLimit(cudaLimitStackSize, 2048));
  CHECK(cudaDeviceGetLimit(&stack, cudaLimitStackSize));
  printf("stack = %zu\n", stack);
  int peer = 1;
  CHECK(cudaDeviceCanAccessPeer(&peer, 0, 0));
  printf("peer of itself = %d\n", peer);

  int minGrid, blockSize, blocks;
  CHECK(cudaOccupancyMaxPotentialBlockSize(&minGrid, &blockSize, kernel, 0, 0));
  printf("occupancy = block %d, full %d\n", blockSize,
         minGrid * blockSize == p.multiProcessorCount * p.maxThreadsPerMultiProcessor);
  for (int size : {32, 100, 256, 1024}) {
    CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, size, 0));
    printf("blocks of %d = %d\n", size, blocks);
  }
  CHECK(
      cudaFuncSetAttribute(dynamicKernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 100 << 10));
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, dynamicKernel, 128, 100 << 10));
  printf("blocks with 100 KB = %d\n", blocks);
  int *x, host;
  CHECK(cudaMalloc(&x, sizeof(int)));
  dynamicKernel<<<1, 128, 100 << 10>>>(x);
  CHECK(cudaMemcpy(&host, x, sizeof host, cudaMemcpyDeviceToHost));
  cudaFuncAttributes attributes;
  CHECK(cudaFuncGetAttributes(&attributes, kernel));
  printf("function = %d, %d threads\n", host, attributes.maxThreadsPerBlock);
  CHECK(cudaFree(x));
}
