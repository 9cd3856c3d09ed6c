// Radix sort, 4 bits a pass: a histogram of each block, an exclusive scan over all (digit, block)
// pairs, and a stable scatter. Signed keys and floats by way of an order-preserving map.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

constexpr int kBits = 4, kDigits = 1 << kBits, kBlock = 128;

__device__ __forceinline__ int digitOf(unsigned key, int shift) {
  return (key >> shift) & (kDigits - 1);
}

__global__ void countDigits(const unsigned* keys, int n, int shift, int* counts) {
  __shared__ int histogram[kDigits];
  if (threadIdx.x < kDigits) histogram[threadIdx.x] = 0;
  __syncthreads();
  int i = blockIdx.x * kBlock + threadIdx.x;
  if (i < n) atomicAdd(&histogram[digitOf(keys[i], shift)], 1);
  __syncthreads();
  if (threadIdx.x < kDigits) counts[threadIdx.x * gridDim.x + blockIdx.x] = histogram[threadIdx.x];
}

// One block scans all counts, a part for each thread.
__global__ void scanAll(int* counts, int n) {
  __shared__ int totals[kBlock];
  int each = (n + kBlock - 1) / kBlock, first = threadIdx.x * each, sum = 0;
  for (int i = first; i < first + each && i < n; i++) sum += counts[i];
  totals[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    int running = 0;
    for (int t = 0; t < kBlock; t++) {
      int own = totals[t];
      totals[t] = running;
      running += own;
    }
  }
  __syncthreads();
  sum = totals[threadIdx.x];
  for (int i = first; i < first + each && i < n; i++) {
    int own = counts[i];
    counts[i] = sum;
    sum += own;
  }
}

__global__ void scatter(const unsigned* keys, int n, int shift, const int* offsets,
                        unsigned* sorted) {
  __shared__ unsigned char digits[kBlock];
  int i = blockIdx.x * kBlock + threadIdx.x;
  digits[threadIdx.x] = i < n ? (unsigned char)digitOf(keys[i], shift) : (unsigned char)0xff;
  __syncthreads();
  if (i >= n) return;
  int digit = digits[threadIdx.x], rank = 0;  // how many before me in the block have my digit
  for (int t = 0; t < threadIdx.x; t++) rank += digits[t] == digit;
  sorted[offsets[digit * gridDim.x + blockIdx.x] + rank] = keys[i];
}

// As unsigned numbers, the keys are in the order of the floats.
__global__ void encode(unsigned* keys, int n) {
  int i = blockIdx.x * kBlock + threadIdx.x;
  if (i < n) keys[i] ^= (unsigned)(-(int)(keys[i] >> 31)) | 0x80000000u;
}
__global__ void decode(unsigned* keys, int n) {
  int i = blockIdx.x * kBlock + threadIdx.x;
  if (i < n) keys[i] ^= ((keys[i] >> 31) - 1) | 0x80000000u;
}

void radixSort(unsigned*& keys, unsigned*& other, int n) {
  int blocks = (n + kBlock - 1) / kBlock;
  int* counts;
  CHECK(cudaMalloc(&counts, blocks * kDigits * sizeof(int)));
  for (int shift = 0; shift < 32; shift += kBits) {
    countDigits<<<blocks, kBlock>>>(keys, n, shift, counts);
    scanAll<<<1, kBlock>>>(counts, blocks * kDigits);
    scatter<<<blocks, kBlock>>>(keys, n, shift, counts, other);
    std::swap(keys, other);
  }
  CHECK(cudaGetLastError());
  CHECK(cudaFree(counts));
}

int main() {
  const int n = 5003;
  std::vector<unsigned> ints(n), sortedInts(n);
  std::vector<float> floats(n), sortedFloats(n);
  unsigned seed = 99;
  for (int i = 0; i < n; i++) {
    ints[i] = seed = seed * 1664525u + 1013904223u;
    floats[i] = ((int)(seed >> 9) - (1 << 22)) * 0.125f;
  }
  unsigned *keys, *other;
  CHECK(cudaMalloc(&keys, n * sizeof(unsigned)));
  CHECK(cudaMalloc(&other, n * sizeof(unsigned)));

  CHECK(cudaMemcpy(keys, ints.data(), n * sizeof(unsigned), cudaMemcpyHostToDevice));
  radixSort(keys, other, n);
  CHECK(cudaMemcpy(sortedInts.data(), keys, n * sizeof(unsigned), cudaMemcpyDeviceToHost));
  std::sort(ints.begin(), ints.end());
  printf("unsigned = same %d, median %u\n", ints == sortedInts, sortedInts[n / 2]);

  CHECK(cudaMemcpy(keys, floats.data(), n * sizeof(float), cudaMemcpyHostToDevice));
  int blocks = (n + kBlock - 1) / kBlock;
  encode<<<blocks, kBlock>>>(keys, n);
  radixSort(keys, other, n);
  decode<<<blocks, kBlock>>>(keys, n);
  CHECK(cudaMemcpy(sortedFloats.data(), keys, n * sizeof(float), cudaMemcpyDeviceToHost));
  std::sort(floats.begin(), floats.end());
  printf("float = same %d, first %.9g, last %.9g\n", floats == sortedFloats, sortedFloats[0],
         sortedFloats[n - 1]);
  CHECK(cudaFree(keys));
  CHECK(cudaFree(other));
}
