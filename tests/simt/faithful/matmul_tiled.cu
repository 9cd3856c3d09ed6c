// Matrix multiplication: naive, then in tiles of shared memory, with the tile's size as a template
// parameter; timed with events.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#define CUDA_CHECK(err) (handleError(err, __FILE__, __LINE__))
static void handleError(cudaError_t err, const char* file, int line) {
  if (err != cudaSuccess) {
    printf("%s in %s at line %d\n", cudaGetErrorString(err), file, line);
    exit(EXIT_FAILURE);
  }
}

__global__ void matmulNaive(const float* A, const float* B, float* C, int M, int N, int K) {
  int row = blockIdx.y * blockDim.y + threadIdx.y;
  int col = blockIdx.x * blockDim.x + threadIdx.x;
  if (row < M && col < N) {
    float sum = 0.0f;
    for (int k = 0; k < K; k++) sum += A[row * K + k] * B[k * N + col];
    C[row * N + col] = sum;
  }
}

template <int BLOCK_SIZE>
__global__ void matmulTiled(const float* A, const float* B, float* C, int M, int N, int K) {
  __shared__ float As[BLOCK_SIZE][BLOCK_SIZE];
  __shared__ float Bs[BLOCK_SIZE][BLOCK_SIZE];
  int tx = threadIdx.x, ty = threadIdx.y;
  int row = blockIdx.y * BLOCK_SIZE + ty, col = blockIdx.x * BLOCK_SIZE + tx;
  float sum = 0.0f;
  for (int t = 0; t < (K + BLOCK_SIZE - 1) / BLOCK_SIZE; t++) {
    int k = t * BLOCK_SIZE;
    As[ty][tx] = (row < M && k + tx < K) ? A[row * K + k + tx] : 0.0f;
    Bs[ty][tx] = (col < N && k + ty < K) ? B[(k + ty) * N + col] : 0.0f;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < BLOCK_SIZE; ++i) sum += As[ty][i] * Bs[i][tx];
    __syncthreads();
  }
  if (row < M && col < N) C[row * N + col] = sum;
}

template <typename Kernel>
void measure(const char* name, Kernel kernel, int block, int M, int N, int K, const float* A,
             const float* B, float* C, const std::vector<float>& expected) {
  CUDA_CHECK(cudaMemset(C, 0, sizeof(float) * M * N));
  dim3 threads(block, block);
  dim3 grid((N + block - 1) / block, (M + block - 1) / block);
  cudaEvent_t start, stop;
  CUDA_CHECK(cudaEventCreate(&start));
  CUDA_CHECK(cudaEventCreate(&stop));
  CUDA_CHECK(cudaEventRecord(start));
  kernel<<<grid, threads>>>(A, B, C, M, N, K);
  CUDA_CHECK(cudaEventRecord(stop));
  CUDA_CHECK(cudaEventSynchronize(stop));
  float milliseconds = 0;
  CUDA_CHECK(cudaEventElapsedTime(&milliseconds, start, stop));

  std::vector<float> host(M * N);
  CUDA_CHECK(cudaMemcpy(host.data(), C, host.size() * sizeof(float), cudaMemcpyDeviceToHost));
  int wrong = 0;
  for (size_t i = 0; i < host.size(); i++) wrong += host[i] != expected[i];
  printf("%s = %d wrong, timed %d, corner %.9g\n", name, wrong, milliseconds > 0, host.back());
  CUDA_CHECK(cudaEventDestroy(start));
  CUDA_CHECK(cudaEventDestroy(stop));
}

int main() {
  const int M = 70, N = 51, K = 45;  // no multiples of the tile
  std::vector<float> a(M * K), b(K * N), expected(M * N);
  for (int i = 0; i < M * K; i++) a[i] = (float)(i % 13 - 6);  // whole numbers: sums are exact
  for (int i = 0; i < K * N; i++) b[i] = (float)(i % 7 - 3);
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++)
      for (int k = 0; k < K; k++) expected[i * N + j] += a[i * K + k] * b[k * N + j];

  float *A, *B, *C;
  CUDA_CHECK(cudaMalloc(&A, a.size() * sizeof(float)));
  CUDA_CHECK(cudaMalloc(&B, b.size() * sizeof(float)));
  CUDA_CHECK(cudaMalloc(&C, expected.size() * sizeof(float)));
  CUDA_CHECK(cudaMemcpy(A, a.data(), a.size() * sizeof(float), cudaMemcpyHostToDevice));
  CUDA_CHECK(cudaMemcpy(B, b.data(), b.size() * sizeof(float), cudaMemcpyHostToDevice));
  measure("naive", matmulNaive, 16, M, N, K, A, B, C, expected);
  measure("tiled 8", matmulTiled<8>, 8, M, N, K, A, B, C, expected);
  measure("tiled 16", matmulTiled<16>, 16, M, N, K, A, B, C, expected);
  measure("tiled 32", matmulTiled<32>, 32, M, N, K, A, B, C, expected);
  cudaFree(A);
  cudaFree(B);
  cudaFree(C);
}
