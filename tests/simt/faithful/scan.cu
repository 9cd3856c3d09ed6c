// Prefix sums: Hillis-Steele (inclusive), Blelloch (exclusive, up-sweep and down-sweep), and a scan
// of any length in three launches: blocks, their totals, and the totals added.
#include <cuda_runtime.h>
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

#define BLOCK 128

// Two buffers, of which each step reads one and writes the other.
__global__ void hillisSteele(const int* in, int* out, int n) {
  extern __shared__ int temp[];
  int tid = threadIdx.x, pout = 0, pin = 1;
  temp[tid] = tid < n ? in[tid] : 0;
  __syncthreads();
  for (int offset = 1; offset < n; offset *= 2) {
    pout = 1 - pout;
    pin = 1 - pout;
    if (tid >= offset)
      temp[pout * n + tid] = temp[pin * n + tid] + temp[pin * n + tid - offset];
    else
      temp[pout * n + tid] = temp[pin * n + tid];
    __syncthreads();
  }
  out[tid] = temp[pout * n + tid];
}

// Scans 2 * BLOCK elements of each block; its total goes to sums.
__global__ void blelloch(const int* in, int* out, int* sums, int n) {
  __shared__ int temp[2 * BLOCK];
  int tid = threadIdx.x, first = blockIdx.x * 2 * BLOCK, offset = 1;
  temp[2 * tid] = first + 2 * tid < n ? in[first + 2 * tid] : 0;
  temp[2 * tid + 1] = first + 2 * tid + 1 < n ? in[first + 2 * tid + 1] : 0;
  for (int d = BLOCK; d > 0; d >>= 1) {  // up-sweep: sums of ever larger parts
    __syncthreads();
    if (tid < d) {
      int ai = offset * (2 * tid + 1) - 1, bi = offset * (2 * tid + 2) - 1;
      temp[bi] += temp[ai];
    }
    offset *= 2;
  }
  if (tid == 0) {
    if (sums) sums[blockIdx.x] = temp[2 * BLOCK - 1];
    temp[2 * BLOCK - 1] = 0;
  }
  for (int d = 1; d < 2 * BLOCK; d *= 2) {  // down-sweep
    offset >>= 1;
    __syncthreads();
    if (tid < d) {
      int ai = offset * (2 * tid + 1) - 1, bi = offset * (2 * tid + 2) - 1;
      int t = temp[ai];
      temp[ai] = temp[bi];
      temp[bi] += t;
    }
  }
  __syncthreads();
  if (first + 2 * tid < n) out[first + 2 * tid] = temp[2 * tid];
  if (first + 2 * tid + 1 < n) out[first + 2 * tid + 1] = temp[2 * tid + 1];
}

__global__ void addTotals(int* out, const int* totals, int n) {
  int i = blockIdx.x * 2 * BLOCK + threadIdx.x;
  if (i < n) out[i] += totals[blockIdx.x];
  if (i + BLOCK < n) out[i + BLOCK] += totals[blockIdx.x];
}

void exclusiveScan(const int* in, int* out, int n) {
  int blocks = (n + 2 * BLOCK - 1) / (2 * BLOCK);
  int *sums, *scanned;
  CHECK(cudaMalloc(&sums, blocks * sizeof(int)));
  CHECK(cudaMalloc(&scanned, blocks * sizeof(int)));
  blelloch<<<blocks, BLOCK>>>(in, out, sums, n);
  CHECK(cudaGetLastError());
  if (blocks > 1) {
    exclusiveScan(sums, scanned, blocks);
    addTotals<<<blocks, BLOCK>>>(out, scanned, n);
    CHECK(cudaGetLastError());
  }
  CHECK(cudaFree(sums));
  CHECK(cudaFree(scanned));
}

int main(int argc, char** argv) {
  const int n = argc > 1 ? atoi(argv[1]) : 70000;
  int *host = (int*)malloc(n * sizeof(int)), *result = (int*)malloc(n * sizeof(int));
  for (int i = 0; i < n; i++) host[i] = (i * 7 + 3) % 11;
  int *in, *out;
  CHECK(cudaMalloc(&in, n * sizeof(int)));
  CHECK(cudaMalloc(&out, n * sizeof(int)));
  CHECK(cudaMemcpy(in, host, n * sizeof(int), cudaMemcpyHostToDevice));

  hillisSteele<<<1, BLOCK, 2 * BLOCK * sizeof(int)>>>(in, out, BLOCK);
  CHECK(cudaMemcpy(result, out, BLOCK * sizeof(int), cudaMemcpyDeviceToHost));
  int wrong = 0, sum = 0;
  for (int i = 0; i < BLOCK; i++) wrong += result[i] != (sum += host[i]);
  printf("hillis-steele = %d wrong, last %d\n", wrong, result[BLOCK - 1]);

  exclusiveScan(in, out, n);
  CHECK(cudaMemcpy(result, out, n * sizeof(int), cudaMemcpyDeviceToHost));
  wrong = sum = 0;
  for (int i = 0; i < n; i++) {
    wrong += result[i] != sum;
    sum += host[i];
  }
  printf("blelloch = %d wrong, last %d\n", wrong, result[n - 1]);
  CHECK(cudaFree(in));
  CHECK(cudaFree(out));
  free(host);
  free(result);
}
