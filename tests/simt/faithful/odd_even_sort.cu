// Odd-even transposition sort: one launch a phase for a whole array, and in shared memory for many
// short arrays at once, one a block.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

static void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  fprintf(stderr, "%s: %s (%s)\n", what, cudaGetErrorName(error), cudaGetErrorString(error));
  exit(1);
}

template <typename T>
__device__ void swapIfGreater(T& a, T& b) {
  if (a > b) {
    T t = a;
    a = b;
    b = t;
  }
}

__global__ void phase(float* data, int n, int odd) {
  int i = 2 * (blockIdx.x * blockDim.x + threadIdx.x) + odd;
  if (i + 1 < n) swapIfGreater(data[i], data[i + 1]);
}

template <int N>
__global__ void sortRows(short* data) {
  __shared__ short row[N];
  short* mine = data + blockIdx.x * N;
  for (int i = threadIdx.x; i < N; i += blockDim.x) row[i] = mine[i];
  __syncthreads();
  for (int p = 0; p < N; p++) {
    int i = 2 * threadIdx.x + (p & 1);
    if (i + 1 < N) swapIfGreater(row[i], row[i + 1]);
    __syncthreads();
  }
  for (int i = threadIdx.x; i < N; i += blockDim.x) mine[i] = row[i];
}

int main() {
  const int n = 501, rows = 20, width = 64;
  std::vector<float> host(n), expected;
  for (int i = 0; i < n; i++) host[i] = (float)((i * 7919) % 1009) * 0.5f;
  expected = host;
  std::sort(expected.begin(), expected.end());
  float* data;
  check(cudaMalloc(&data, n * sizeof(float)), "cudaMalloc");
  check(cudaMemcpy(data, host.data(), n * sizeof(float), cudaMemcpyHostToDevice), "copy in");
  for (int p = 0; p < n; p++) phase<<<(n / 2 + 127) / 128, 128>>>(data, n, p % 2);
  check(cudaGetLastError(), "phase");
  check(cudaMemcpy(host.data(), data, n * sizeof(float), cudaMemcpyDeviceToHost), "copy out");
  printf("array = same %d, median %.9g\n", host == expected, host[n / 2]);

  std::vector<short> table(rows * width);
  for (int i = 0; i < rows * width; i++) table[i] = (short)((i * 331) % 1021 - 500);
  short* rowsData;
  check(cudaMalloc(&rowsData, table.size() * sizeof(short)), "cudaMalloc");
  check(cudaMemcpy(rowsData, table.data(), table.size() * 2, cudaMemcpyHostToDevice), "copy in");
  sortRows<width><<<rows, width / 2>>>(rowsData);
  check(cudaGetLastError(), "sortRows");
  std::vector<short> sorted(table.size());
  check(cudaMemcpy(sorted.data(), rowsData, table.size() * 2, cudaMemcpyDeviceToHost), "copy out");
  int same = 0;
  for (int r = 0; r < rows; r++) {
    std::sort(table.begin() + r * width, table.begin() + (r + 1) * width);
    same += std::equal(&table[r * width], &table[r * width] + width, &sorted[r * width]);
  }
  printf("rows = %d right, least %d\n", same, sorted[3 * width]);
  check(cudaFree(data), "cudaFree");
  check(cudaFree(rowsData), "cudaFree");
  return 0;
}
