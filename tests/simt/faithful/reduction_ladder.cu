// Parallel reduction in seven steps, each a little faster on a GPU than the one before: interleaved
// addressing, without divergence, sequential addressing, first add while loading, unrolled last
// warp, fully unrolled by templates, several elements a thread with warp shuffles.
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(call)                                               \
  do {                                                            \
    cudaError_t e = (call);                                       \
    if (e != cudaSuccess) {                                       \
      printf("Error: %s:%d, ", __FILE__, __LINE__);               \
      printf("code: %d, reason: %s\n", e, cudaGetErrorString(e)); \
      exit(1);                                                    \
    }                                                             \
  } while (0)

constexpr int kBlock = 256;

__global__ void reduce0(const int* in, int* out, int n) {
  extern __shared__ int sdata[];
  unsigned tid = threadIdx.x, i = blockIdx.x * blockDim.x + tid;
  sdata[tid] = i < n ? in[i] : 0;
  __syncthreads();
  for (unsigned s = 1; s < blockDim.x; s *= 2) {
    if (tid % (2 * s) == 0) sdata[tid] += sdata[tid + s];
    __syncthreads();
  }
  if (tid == 0) out[blockIdx.x] = sdata[0];
}

__global__ void reduce1(const int* in, int* out, int n) {
  extern __shared__ int sdata[];
  unsigned tid = threadIdx.x, i = blockIdx.x * blockDim.x + tid;
  sdata[tid] = i < n ? in[i] : 0;
  __syncthreads();
  for (unsigned s = 1; s < blockDim.x; s *= 2) {
    unsigned index = 2 * s * tid;
    if (index < blockDim.x) sdata[index] += sdata[index + s];
    __syncthreads();
  }
  if (tid == 0) out[blockIdx.x] = sdata[0];
}

__global__ void reduce2(const int* in, int* out, int n) {
  extern __shared__ int sdata[];
  unsigned tid = threadIdx.x, i = blockIdx.x * blockDim.x + tid;
  sdata[tid] = i < n ? in[i] : 0;
  __syncthreads();
  for (unsigned s = blockDim.x / 2; s > 0; s >>= 1) {
    if (tid < s) sdata[tid] += sdata[tid + s];
    __syncthreads();
  }
  if (tid == 0) out[blockIdx.x] = sdata[0];
}

__device__ int loadPair(const int* in, unsigned i, int n) {
  int sum = i < n ? in[i] : 0;
  return i + blockDim.x < n ? sum + in[i + blockDim.x] : sum;
}

__global__ void reduce3(const int* in, int* out, int n) {
  extern __shared__ int sdata[];
  unsigned tid = threadIdx.x;
  sdata[tid] = loadPair(in, blockIdx.x * (blockDim.x * 2) + tid, n);
  __syncthreads();
  for (unsigned s = blockDim.x / 2; s > 0; s >>= 1) {
    if (tid < s) sdata[tid] += sdata[tid + s];
    __syncthreads();
  }
  if (tid == 0) out[blockIdx.x] = sdata[0];
}

// The last warp goes on by itself. Reads and writes are kept apart by __syncwarp().
template <unsigned blockSize>
__device__ void warpReduce(volatile int* sdata, unsigned tid) {
  int sum = sdata[tid];
#pragma unroll
  for (unsigned s = 32; s > 0; s >>= 1)
    if (blockSize >= 2 * s) {
      sum += sdata[tid + s];
      __syncwarp();
      sdata[tid] = sum;
      __syncwarp();
    }
}

__global__ void reduce4(const int* in, int* out, int n) {
  extern __shared__ int sdata[];
  unsigned tid = threadIdx.x;
  sdata[tid] = loadPair(in, blockIdx.x * (blockDim.x * 2) + tid, n);
  __syncthreads();
  for (unsigned s = blockDim.x / 2; s > 32; s >>= 1) {
    if (tid < s) sdata[tid] += sdata[tid + s];
    __syncthreads();
  }
  if (tid < 32) warpReduce<64>(sdata, tid);
  if (tid == 0) out[blockIdx.x] = sdata[0];
}

template <unsigned blockSize>
__global__ void reduce5(const int* in, int* out, int n) {
  extern __shared__ int sdata[];
  unsigned tid = threadIdx.x;
  sdata[tid] = loadPair(in, blockIdx.x * (blockSize * 2) + tid, n);
  __syncthreads();
  if (blockSize >= 512 && tid < 256) sdata[tid] += sdata[tid + 256];
  if (blockSize >= 512) __syncthreads();
  if (blockSize >= 256 && tid < 128) sdata[tid] += sdata[tid + 128];
  if (blockSize >= 256) __syncthreads();
  if (blockSize >= 128 && tid < 64) sdata[tid] += sdata[tid + 64];
  if (blockSize >= 128) __syncthreads();
  if (tid < 32) warpReduce<blockSize>(sdata, tid);
  if (tid == 0) out[blockIdx.x] = sdata[0];
}

template <unsigned blockSize>
__global__ void reduce6(const int* in, int* out, int n) {
  __shared__ int warps[blockSize / 32];
  int sum = 0;
  for (unsigned i = blockIdx.x * blockSize + threadIdx.x; i < n; i += gridDim.x * blockSize)
    sum += in[i];
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(0xffffffff, sum, offset);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    sum = threadIdx.x < blockSize / 32 ? warps[threadIdx.x] : 0;
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(0xffffffff, sum, offset);
    if (threadIdx.x == 0) out[blockIdx.x] = sum;
  }
}

int main() {
  const int n = 100003;
  int *host = (int*)malloc(n * sizeof(int)), expected = 0;
  for (int i = 0; i < n; i++) expected += host[i] = (i * 31) % 255;
  int *in, *out;
  const int maxBlocks = (n + kBlock - 1) / kBlock;
  CHECK(cudaMalloc(&in, n * sizeof(int)));
  CHECK(cudaMalloc(&out, maxBlocks * sizeof(int)));
  CHECK(cudaMemcpy(in, host, n * sizeof(int), cudaMemcpyHostToDevice));

  typedef void (*Reduce)(const int*, int*, int);
  Reduce kernels[] = {reduce0, reduce1,         reduce2,        reduce3,
                      reduce4, reduce5<kBlock>, reduce6<kBlock>};
  int elementsPerThread[] = {1, 1, 1, 2, 2, 2, 16};
  int* partial = (int*)malloc(maxBlocks * sizeof(int));
  for (int k = 0; k < 7; k++) {
    int each = kBlock * elementsPerThread[k], blocks = (n + each - 1) / each, sum = 0;
    kernels[k]<<<blocks, kBlock, kBlock * sizeof(int)>>>(in, out, n);
    CHECK(cudaGetLastError());
    CHECK(cudaMemcpy(partial, out, blocks * sizeof(int), cudaMemcpyDeviceToHost));
    for (int i = 0; i < blocks; i++) sum += partial[i];
    printf("reduce%d = %d, right %d\n", k, sum, sum == expected);
  }
  CHECK(cudaFree(in));
  CHECK(cudaFree(out));
  free(host);
  free(partial);
}
