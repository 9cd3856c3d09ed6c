// Bitonic sort: within a block in shared memory as long as the stride allows, in global memory
// above that. Keys with values, in both directions.
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>

typedef unsigned int uint_t;
#define SHARED_SIZE_LIMIT 512u

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

__device__ inline void Comparator(uint_t& keyA, uint_t& valA, uint_t& keyB, uint_t& valB,
                                  uint_t dir) {
  if ((keyA > keyB) == dir) {
    uint_t t = keyA;
    keyA = keyB, keyB = t;
    t = valA;
    valA = valB, valB = t;
  }
}

// Sorts each part of SHARED_SIZE_LIMIT elements, every other one the other way round.
__global__ __launch_bounds__(SHARED_SIZE_LIMIT / 2) void bitonicSortShared(uint_t* key,
                                                                           uint_t* val) {
  __shared__ uint_t s_key[SHARED_SIZE_LIMIT], s_val[SHARED_SIZE_LIMIT];
  uint_t base = blockIdx.x * SHARED_SIZE_LIMIT + threadIdx.x, half = SHARED_SIZE_LIMIT / 2;
  s_key[threadIdx.x] = key[base], s_val[threadIdx.x] = val[base];
  s_key[threadIdx.x + half] = key[base + half], s_val[threadIdx.x + half] = val[base + half];
  for (uint_t size = 2; size <= SHARED_SIZE_LIMIT; size <<= 1) {
    // The merge of the whole part goes in the direction of the block.
    uint_t ddd = size < SHARED_SIZE_LIMIT ? (threadIdx.x & (size / 2)) == 0 : !(blockIdx.x & 1);
    for (uint_t stride = size / 2; stride > 0; stride >>= 1) {
      __syncthreads();
      uint_t pos = 2 * threadIdx.x - (threadIdx.x & (stride - 1));
      Comparator(s_key[pos], s_val[pos], s_key[pos + stride], s_val[pos + stride], ddd);
    }
  }
  __syncthreads();
  key[base] = s_key[threadIdx.x], val[base] = s_val[threadIdx.x];
  key[base + half] = s_key[threadIdx.x + half], val[base + half] = s_val[threadIdx.x + half];
}

__global__ void bitonicMergeGlobal(uint_t* key, uint_t* val, uint_t length, uint_t size,
                                   uint_t stride, uint_t dir) {
  uint_t comparator = blockIdx.x * blockDim.x + threadIdx.x;
  uint_t i = comparator & (length / 2 - 1);
  uint_t ddd = dir ^ ((i & (size / 2)) != 0);
  uint_t pos = 2 * comparator - (comparator & (stride - 1));
  Comparator(key[pos], val[pos], key[pos + stride], val[pos + stride], ddd);
}

void bitonicSort(uint_t* key, uint_t* val, uint_t length, uint_t dir) {
  bitonicSortShared<<<length / SHARED_SIZE_LIMIT, SHARED_SIZE_LIMIT / 2>>>(key, val);
  for (uint_t size = 2 * SHARED_SIZE_LIMIT; size <= length; size <<= 1)
    for (uint_t stride = size / 2; stride > 0; stride >>= 1)
      bitonicMergeGlobal<<<length / 512, 256>>>(key, val, length, size, stride, dir);
  CHECK(cudaGetLastError());
}

int main() {
  const uint_t N = 8192;
  uint_t *h_key = (uint_t*)malloc(N * sizeof(uint_t)), *h_val = (uint_t*)malloc(N * sizeof(uint_t));
  uint_t* sorted = (uint_t*)malloc(N * sizeof(uint_t));
  uint_t seed = 2001;
  for (uint_t i = 0; i < N; i++) {
    seed = seed * 1664525u + 1013904223u;
    h_key[i] = seed >> 4;
  }
  uint_t *d_key, *d_val;
  CHECK(cudaMalloc((void**)&d_key, N * sizeof(uint_t)));
  CHECK(cudaMalloc((void**)&d_val, N * sizeof(uint_t)));
  for (uint_t dir = 0; dir < 2; dir++) {
    for (uint_t i = 0; i < N; i++) h_val[i] = i;
    CHECK(cudaMemcpy(d_key, h_key, N * sizeof(uint_t), cudaMemcpyHostToDevice));
    CHECK(cudaMemcpy(d_val, h_val, N * sizeof(uint_t), cudaMemcpyHostToDevice));
    bitonicSort(d_key, d_val, N, dir);
    CHECK(cudaMemcpy(sorted, d_key, N * sizeof(uint_t), cudaMemcpyDeviceToHost));
    CHECK(cudaMemcpy(h_val, d_val, N * sizeof(uint_t), cudaMemcpyDeviceToHost));
    int unordered = 0, mismatched = 0;
    for (uint_t i = 0; i < N; i++) {
      if (i) unordered += dir ? sorted[i - 1] > sorted[i] : sorted[i - 1] < sorted[i];
      mismatched += h_key[h_val[i]] != sorted[i];
    }
    printf("%s = %d unordered, %d mismatched, first %u, last %u\n", dir ? "up" : "down", unordered,
           mismatched, sorted[0], sorted[N - 1]);
  }
  CHECK(cudaFree(d_key));
  CHECK(cudaFree(d_val));
  free(h_key);
  free(h_val);
  free(sorted);
}
