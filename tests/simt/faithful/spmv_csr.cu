// Sparse matrix times vector in CSR form: one thread a row, then one warp a row; with a power
// iteration on top.
#include <cuda_runtime.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define CUDA_CALL(x)                                  \
  do {                                                \
    if ((x) != cudaSuccess) {                         \
      printf("Error at %s:%d\n", __FILE__, __LINE__); \
      return EXIT_FAILURE;                            \
    }                                                 \
  } while (0)

struct CsrMatrix {
  int rows;
  const int *rowPtr, *col;
  const float* value;
};

__global__ void spmvScalar(CsrMatrix A, const float* x, float* y) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= A.rows) return;
  float dot = 0;
  for (int i = A.rowPtr[row]; i < A.rowPtr[row + 1]; i++) dot += A.value[i] * x[A.col[i]];
  y[row] = dot;
}

__global__ void spmvVector(CsrMatrix A, const float* x, float* y) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x & 31;
  if (row >= A.rows) return;
  float dot = 0;
  for (int i = A.rowPtr[row] + lane; i < A.rowPtr[row + 1]; i += 32)
    dot += __ldg(A.value + i) * __ldg(x + __ldg(A.col + i));
#pragma unroll
  for (int delta = 16; delta; delta >>= 1) dot += __shfl_xor_sync(0xffffffff, dot, delta);
  if (lane == 0) y[row] = dot;
}

__global__ void sumOfSquares(const float* y, int n, float* sum) {
  float mine = 0;
  for (int i = threadIdx.x; i < n; i += 32) mine += y[i] * y[i];
  for (int delta = 16; delta; delta >>= 1) mine += __shfl_xor_sync(0xffffffff, mine, delta);
  if (threadIdx.x == 0) *sum = mine;
}

__global__ void normalise(const float* y, float* x, int n, const float* sum) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = y[i] / sqrtf(*sum);
}

int main() {
  const int n = 300;
  std::vector<int> rowPtr(1, 0), col;
  std::vector<float> value;
  for (int r = 0; r < n; r++) {  // rows of very different length, some empty
    int length = r % 7 == 3 ? 0 : 1 + r * r % 61;
    for (int k = 0; k < length; k++) {
      col.push_back((r * 17 + k * 5) % n);
      value.push_back((float)(1 + (r + k) % 5));
    }
    rowPtr.push_back((int)col.size());
  }
  std::vector<float> x(n), expected(n), y(n);
  for (int i = 0; i < n; i++) x[i] = (float)(i % 9 - 2);
  for (int r = 0; r < n; r++)
    for (int i = rowPtr[r]; i < rowPtr[r + 1]; i++) expected[r] += value[i] * x[col[i]];

  int *d_rowPtr, *d_col;
  float *d_value, *d_x, *d_y, *d_sum;
  CUDA_CALL(cudaMalloc(&d_rowPtr, rowPtr.size() * sizeof(int)));
  CUDA_CALL(cudaMalloc(&d_col, col.size() * sizeof(int)));
  CUDA_CALL(cudaMalloc(&d_value, value.size() * sizeof(float)));
  CUDA_CALL(cudaMalloc(&d_x, n * sizeof(float)));
  CUDA_CALL(cudaMalloc(&d_y, n * sizeof(float)));
  CUDA_CALL(cudaMalloc(&d_sum, sizeof(float)));
  CUDA_CALL(cudaMemcpy(d_rowPtr, rowPtr.data(), rowPtr.size() * 4, cudaMemcpyHostToDevice));
  CUDA_CALL(cudaMemcpy(d_col, col.data(), col.size() * 4, cudaMemcpyHostToDevice));
  CUDA_CALL(cudaMemcpy(d_value, value.data(), value.size() * 4, cudaMemcpyHostToDevice));
  CUDA_CALL(cudaMemcpy(d_x, x.data(), n * sizeof(float), cudaMemcpyHostToDevice));
  CsrMatrix A = {n, d_rowPtr, d_col, d_value};

  for (int version = 0; version < 2; version++) {
    CUDA_CALL(cudaMemset(d_y, 0xff, n * sizeof(float)));
    if (version == 0)
      spmvScalar<<<(n + 127) / 128, 128>>>(A, d_x, d_y);
    else
      spmvVector<<<(n * 32 + 127) / 128, 128>>>(A, d_x, d_y);
    CUDA_CALL(cudaGetLastError());
    CUDA_CALL(cudaMemcpy(y.data(), d_y, n * sizeof(float), cudaMemcpyDeviceToHost));
    int wrong = 0;
    for (int i = 0; i < n; i++) wrong += y[i] != expected[i];  // whole numbers: exact
    printf("%s = %d wrong, y[9] %.9g\n", version ? "vector" : "scalar", wrong, y[9]);
  }

  for (int step = 0; step < 30; step++) {
    spmvVector<<<(n * 32 + 127) / 128, 128>>>(A, d_x, d_y);
    sumOfSquares<<<1, 32>>>(d_y, n, d_sum);
    normalise<<<(n + 127) / 128, 128>>>(d_y, d_x, n, d_sum);
  }
  float sum;
  CUDA_CALL(cudaMemcpy(&sum, d_sum, sizeof sum, cudaMemcpyDeviceToHost));
  // Products that are rounded, with and without fused multiply-adds.
  printf("power iteration ~1e-4 = %.9g\n", sqrtf(sum));
  cudaFree(d_rowPtr), cudaFree(d_col), cudaFree(d_value);
  cudaFree(d_x), cudaFree(d_y), cudaFree(d_sum);
  return EXIT_SUCCESS;
}
