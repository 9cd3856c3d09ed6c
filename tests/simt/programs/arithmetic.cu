// Kernels whose floating-point operations can be counted by hand: test_arithmetic.py has the sums.
#include <cuda_fp16.h>

#include <vector>

__global__ void saxpy(float* y, const float* x, float a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + y[i];  // 2
}

__global__ void matmul(float* c, const float* a, const float* b, int n) {
  int row = blockIdx.y * blockDim.y + threadIdx.y, col = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n || col >= n) return;
  float sum = 0;
  for (int k = 0; k < n; k++) sum += a[row * n + k] * b[k * n + col];  // 2
  c[row * n + col] = sum;
}

__global__ void vectors(float4* y, const float4* x) {
  float4 v = x[threadIdx.x];
  v.x *= 3, v.y *= 3, v.z *= 3, v.w *= 3;  // 4
  y[threadIdx.x] = v;
}

__global__ void functions(float* y, const float* x) {
  float v = x[threadIdx.x];
  y[threadIdx.x] = expf(v) + logf(v);                // 1, and two calls
  if (threadIdx.x < 8) y[threadIdx.x] = tanhf(v);    // a call by 8 lanes
  y[threadIdx.x] = sqrtf(y[threadIdx.x]) / (v + 2);  // 3
}

__global__ void doubles(double* y, const double* x) { y[threadIdx.x] = x[threadIdx.x] * x[0] - 1; }

__global__ void halves(__half* y, const __half* x) {
  y[threadIdx.x] = __hadd(x[threadIdx.x], x[threadIdx.x]);  // 1
}

__global__ void integers(int* y, const int* x) { y[threadIdx.x] = 3 * x[threadIdx.x] + 1; }

__device__ __noinline__ float cube(float x) { return x * x * x; }  // 2

__global__ void divergent(float* y, const float* x) {
  float v = x[threadIdx.x];
  if (threadIdx.x % 4 == 0)
    v = cube(v);
  else if (threadIdx.x % 4 == 1)
    v = v + 3;  // 1
  for (int i = 0; i < (int)threadIdx.x % 32; i++) {
    v *= x[i];  // 1
  }
  y[threadIdx.x] = v;
}

template <class T>
T* device(int n) {
  std::vector<T> host(n, T(0.5f));
  T* p;
  cudaMalloc(&p, n * sizeof(T));
  cudaMemcpy(p, host.data(), n * sizeof(T), cudaMemcpyHostToDevice);
  return p;
}

int main() {
  float *a = device<float>(64 * 64), *b = device<float>(64 * 64), *c = device<float>(64 * 64);
  saxpy<<<8, 128>>>(a, b, 2, 1000);
  matmul<<<dim3(3, 3), dim3(16, 16)>>>(c, a, b, 40);
  vectors<<<1, 64>>>((float4*)a, (float4*)b);
  functions<<<1, 64>>>(a, b);
  doubles<<<1, 64>>>((double*)a, (double*)b);
  halves<<<1, 64>>>((__half*)a, (__half*)b);
  integers<<<1, 64>>>((int*)a, (int*)b);
  divergent<<<2, 64>>>(a, b);
  return cudaDeviceSynchronize() != cudaSuccess;
}
