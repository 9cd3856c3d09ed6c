// Launches without <<<>>>: cudaLaunchKernel with a list of arguments, by a typed and by a void
// pointer; cudaLaunchKernelEx with a configuration; and what a launch that cannot be says.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

struct Range {
  int begin, end;
};

template <typename T>
__global__ void scale(T* x, T factor, Range range) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= range.begin && i < range.end) x[i] *= factor;
}

__global__ void fill(float* x, float value) {
  extern __shared__ float shared[];
  shared[threadIdx.x] = value + threadIdx.x;
  __syncthreads();
  x[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

__global__ void nothing() {}

int main() {
  const int n = 32;
  float *x, host[n];
  CHECK(cudaMalloc(&x, sizeof host));
  auto show = [&](const char* name) {
    CHECK(cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost));
    printf("%s = %g %g %g\n", name, host[0], host[5], host[31]);
  };

  float value = 100, factor = 0.5f;
  Range range = {4, 20};
  void *fillArgs[] = {&x, &value}, *scaleArgs[] = {&x, &factor, &range};
  std::map<std::string, void*> kernels;  // as a program that looks kernels up by name has it
  kernels["fill"] = (void*)fill;
  kernels["scale"] = (void*)scale<float>;
  CHECK(cudaLaunchKernel(kernels["fill"], dim3(1), dim3(n), fillArgs, n * sizeof(float), 0));
  show("fill");
  CHECK(cudaLaunchKernel(kernels["scale"], dim3(2), dim3(n / 2), scaleArgs, 0, NULL));
  show("scale");
  range.begin = 0, range.end = 1;
  CHECK(cudaLaunchKernel(scale<float>, dim3(2), dim3(n / 2), scaleArgs));
  show("typed");

  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(1);
  config.blockDim = dim3(n);
  config.dynamicSmemBytes = n * sizeof(float);
  CHECK(cudaLaunchKernelEx(&config, fill, x, 7.0f));
  show("configured");
  CHECK(cudaLaunchKernelExC(&config, (const void*)fill, fillArgs));
  show("configured list");

  // Errors are returned by these calls, and kept for cudaGetLastError by all.
  // Which error it is differs between CUDA 12 (cudaErrorInvalidConfiguration) and 13
  // (InvalidValue).
  cudaError_t error = cudaLaunchKernel((void*)nothing, dim3(1), dim3(2048), NULL, 0, 0);
  printf("too many threads = %d\n", error != cudaSuccess);
  printf("kept = %d\n", cudaGetLastError() == error);
  nothing<<<dim3(1, 70000), 1>>>();
  error = cudaPeekAtLastError();
  printf("grid = %d\n", error != cudaSuccess);
  printf("peeked = %d\n", cudaGetLastError() == error);
  printf("cleared = %s\n", cudaGetErrorName(cudaGetLastError()));
  nothing<<<0, 1>>>();
  printf("empty grid = %d\n", cudaGetLastError() != cudaSuccess);
  fill<<<1, n, 64 * 1024>>>(x, 1);
  printf("shared memory = %s\n", cudaGetErrorName(cudaGetLastError()));
  printf("text = %s\n", cudaGetErrorString(cudaErrorInvalidConfiguration));
  nothing<<<1, 1>>>();
  printf("after = %s\n", cudaGetErrorName(cudaDeviceSynchronize()));
  CHECK(cudaFree(x));
}
