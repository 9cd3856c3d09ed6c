// Dot product: a partial sum a block, finished on the host; finished by an atomic; and finished by
// the last block to be done, which __threadfence() lets see the other blocks' sums.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

#define imin(a, b) (a < b ? a : b)

const int N = 33 * 1024;
const int threadsPerBlock = 256;
const int blocksPerGrid = imin(32, (N + threadsPerBlock - 1) / threadsPerBlock);

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

// The block's sum; only thread 0 has it.
__device__ double blockDot(const float* a, const float* b) {
  __shared__ double cache[threadsPerBlock];
  double temp = 0;
  for (int tid = threadIdx.x + blockIdx.x * blockDim.x; tid < N; tid += blockDim.x * gridDim.x)
    temp += (double)a[tid] * b[tid];
  cache[threadIdx.x] = temp;
  __syncthreads();
  for (int i = blockDim.x / 2; i != 0; i /= 2) {
    if (threadIdx.x < i) cache[threadIdx.x] += cache[threadIdx.x + i];
    __syncthreads();
  }
  return cache[0];
}

__global__ void dotPartial(const float* a, const float* b, double* c) {
  double sum = blockDot(a, b);
  if (threadIdx.x == 0) c[blockIdx.x] = sum;
}

__global__ void dotAtomic(const float* a, const float* b, double* c) {
  double sum = blockDot(a, b);
  if (threadIdx.x == 0) atomicAdd(c, sum);
}

__device__ unsigned int blocksDone = 0;

__global__ void dotLastBlock(const float* a, const float* b, volatile double* partial, double* c) {
  __shared__ bool isLast;
  double sum = blockDot(a, b);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = sum;
    __threadfence();
    unsigned int ticket = atomicInc(&blocksDone, gridDim.x);
    isLast = ticket == gridDim.x - 1;
  }
  __syncthreads();
  if (isLast && threadIdx.x == 0) {
    double total = 0;
    for (int i = 0; i < gridDim.x; i++) total += partial[i];
    *c = total;
    blocksDone = 0;
  }
}

int main(void) {
  float *a = new float[N], *b = new float[N], *dev_a, *dev_b;
  double partial_c[blocksPerGrid], *dev_c, c;
  for (int i = 0; i < N; i++) {
    a[i] = (float)i;
    b[i] = (float)i * 2;
  }
  CHECK(cudaMalloc((void**)&dev_a, N * sizeof(float)));
  CHECK(cudaMalloc((void**)&dev_b, N * sizeof(float)));
  CHECK(cudaMalloc((void**)&dev_c, (blocksPerGrid + 1) * sizeof(double)));
  CHECK(cudaMemcpy(dev_a, a, N * sizeof(float), cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(dev_b, b, N * sizeof(float), cudaMemcpyHostToDevice));

  // Whole numbers below 2^53: exact in any order.
  dotPartial<<<blocksPerGrid, threadsPerBlock>>>(dev_a, dev_b, dev_c);
  CHECK(cudaMemcpy(partial_c, dev_c, blocksPerGrid * sizeof(double), cudaMemcpyDeviceToHost));
  c = 0;
  for (int i = 0; i < blocksPerGrid; i++) c += partial_c[i];
#define sum_squares(x) (x * (x + 1) * (2 * x + 1) / 6)
  printf("partial = %.0f, expected %.0f\n", c, 2 * sum_squares((double)(N - 1)));

  CHECK(cudaMemset(dev_c, 0, sizeof(double)));
  dotAtomic<<<blocksPerGrid, threadsPerBlock>>>(dev_a, dev_b, dev_c);
  CHECK(cudaMemcpy(&c, dev_c, sizeof(double), cudaMemcpyDeviceToHost));
  printf("atomic = %.0f\n", c);

  for (int run = 0; run < 2; run++) {
    dotLastBlock<<<blocksPerGrid, threadsPerBlock>>>(dev_a, dev_b, dev_c, dev_c + blocksPerGrid);
    CHECK(cudaGetLastError());
    CHECK(cudaMemcpy(&c, dev_c + blocksPerGrid, sizeof(double), cudaMemcpyDeviceToHost));
    printf("last block, run %d = %.0f\n", run, c);
  }
  CHECK(cudaFree(dev_a));
  CHECK(cudaFree(dev_b));
  CHECK(cudaFree(dev_c));
  delete[] a;
  delete[] b;
}
