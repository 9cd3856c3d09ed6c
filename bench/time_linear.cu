// Runs the `linear` that it is linked with, M = 64, N = K = 768, and prints the seconds of each
// run.
//   time_linear [runs]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "gpt.h"

static float* on_device(int size) {
  std::vector<float> values(size);
  for (int i = 0; i < size; i++) values[i] = (float)(i % 17) / 16 - 0.5f;
  float* p;
  cudaMalloc(&p, size * sizeof(float));
  cudaMemcpy(p, values.data(), size * sizeof(float), cudaMemcpyHostToDevice);
  return p;
}

int main(int argc, char** argv) {
  const int m = 64, n = 768, k = 768, runs = argc > 1 ? atoi(argv[1]) : 1;
  float *in = on_device(m * k), *weight = on_device(n * k), *bias = on_device(n);
  float* out = on_device(m * n);
  for (int run = 0; run < runs; run++) {
    auto start = std::chrono::steady_clock::now();
    linear(out, in, weight, bias, m, n, k, nullptr);
    cudaError_t error = cudaDeviceSynchronize();
    if (error != cudaSuccess) return fprintf(stderr, "%s\n", cudaGetErrorString(error)), 1;
    printf("%g\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
}
