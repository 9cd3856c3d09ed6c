// Shuffles within every kind of subset of a warp: hundreds of masks one after another, and up to 32
// groups of one warp at the same time.
#include <cstdio>

#define CHECK(call)                                                         \
  do {                                                                      \
    cudaError_t error = (call);                                             \
    if (error != cudaSuccess) {                                             \
      printf("%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      return 1;                                                             \
    }                                                                       \
  } while (0)

constexpr int kThreads = 96, kSteps = 300;

__device__ unsigned hash(unsigned x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

// In each step the lanes fall into two groups by a bit of a hash; each group adds up its lanes by
// passing values around in a ring, and meets twice.
__global__ void two_groups(unsigned* out) {
  unsigned lane = threadIdx.x % 32, sum = 0;
  for (int step = 0; step < kSteps; step++) {
    unsigned split = hash(step * 64 + threadIdx.x / 32);
    bool side = split >> lane & 1;
    unsigned mask = side ? split : ~split;
    unsigned above = mask & ~((2u << lane) - 1);  // (2u << 31 is 0)
    int next = __ffs(lane < 31 && above ? above : mask) - 1;
    unsigned value = lane + step;
    if (side) {
      value += __shfl_sync(mask, value, next);
      __syncwarp(mask);
      value += __shfl_sync(mask, value, next);
    } else {
      value = 3 * __shfl_sync(mask, value, next);
      value ^= __shfl_sync(mask, value, next);
    }
    sum = hash(sum + value);
  }
  out[threadIdx.x] = sum;
}

// Lanes with the same label, from one group of 32 to 32 groups of one.
__global__ void labels(unsigned* out) {
  unsigned lane = threadIdx.x % 32, sum = 0;
  for (int step = 0; step < kSteps; step++) {
    unsigned label = hash(step + 1000 * lane) % (1 + step % 32);
    unsigned mask = __match_any_sync(0xffffffffu, label);
    unsigned first = __shfl_sync(mask, lane, __ffs(mask) - 1);
    unsigned all = __reduce_add_sync(mask, lane + 1);
    sum = hash(sum + first + 64 * all);
  }
  out[threadIdx.x] = sum;
}

int main() {
  unsigned *out, host[kThreads];
  CHECK(cudaMalloc(&out, sizeof host));
  for (int which = 0; which < 2; which++) {
    if (which == 0)
      two_groups<<<1, kThreads>>>(out);
    else
      labels<<<1, kThreads>>>(out);
    CHECK(cudaGetLastError());
    CHECK(cudaMemcpy(host, out, sizeof host, cudaMemcpyDeviceToHost));
    printf(which == 0 ? "two groups =" : "labels =");
    for (int i = 0; i < kThreads; i++) printf(" %u", host[i]);
    printf("\n");
  }
  CHECK(cudaFree(out));
}
