// Pi by throwing points into a square: each thread has its own generator (a hash to seed it, then
// xorshift), a block counts by shuffles, the blocks by an atomic.
#include <cuda_runtime.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

class Random {
 public:
  __host__ __device__ explicit Random(uint32_t stream) {
    // Neighbouring streams must not resemble each other: mix the bits.
    stream = (stream + 1) * 2654435769u;
    stream ^= stream >> 16;
    stream *= 0x85ebca6bu;
    stream ^= stream >> 13;
    state_ = stream ? stream : 1;
  }
  __host__ __device__ uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }

 private:
  uint32_t state_;
};

// Points on a grid of 2^16 x 2^16, so that the test is exact.
__host__ __device__ int hits(uint32_t stream, int trials) {
  Random random(stream);
  int count = 0;
  for (int i = 0; i < trials; i++) {
    uint64_t x = random.next() >> 16, y = random.next() >> 16;
    count += x * x + y * y < (1ull << 32);
  }
  return count;
}

__global__ void estimate(int trials, unsigned long long* total) {
  __shared__ int warps[32];
  int count = hits(blockIdx.x * blockDim.x + threadIdx.x, trials);
  for (int offset = warpSize / 2; offset > 0; offset /= 2)
    count += __shfl_down_sync(0xffffffff, count, offset);
  if (threadIdx.x % warpSize == 0) warps[threadIdx.x / warpSize] = count;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < blockDim.x / warpSize; w++) count += warps[w];
    atomicAdd(total, (unsigned long long)count);
  }
}

int main(int argc, char** argv) {
  int trials = argc > 1 ? atoi(argv[1]) : 200;
  const int blocks = 40, threads = 128;
  unsigned long long *d_total, total;
  CHECK(cudaMalloc(&d_total, sizeof total));
  CHECK(cudaMemset(d_total, 0, sizeof total));
  estimate<<<blocks, threads>>>(trials, d_total);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(&total, d_total, sizeof total, cudaMemcpyDeviceToHost));

  unsigned long long expected = 0;
  for (int i = 0; i < blocks * threads; i++) expected += hits(i, trials);
  printf("hits = %llu, right %d\n", total, total == expected);
  printf("pi = %.9g\n", 4.0 * total / ((double)blocks * threads * trials));
  CHECK(cudaFree(d_total));
}
