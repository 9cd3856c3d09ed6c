// Who runs: every thread of 1-3D grids exactly once, with its own indices; templates; structs.
#include <cstdio>

__global__ void count(int* visits, int* sums) {
  dim3 g = gridDim, b = blockDim;
  int block = (blockIdx.z * g.y + blockIdx.y) * g.x + blockIdx.x;
  int thread = (threadIdx.z * b.y + threadIdx.y) * b.x + threadIdx.x;
  visits[block * (b.x * b.y * b.z) + thread] += 1;
  atomicAdd(sums + 0, 1);
  atomicAdd(sums + 1, (int)(blockIdx.x + 10 * blockIdx.y + 100 * blockIdx.z));
  atomicAdd(sums + 2, (int)(threadIdx.x + 10 * threadIdx.y + 100 * threadIdx.z));
}

namespace shapes {
template <typename T, int N, bool Plus>
__global__ void apply(T* x) {
  if (Plus)
    *x += N;
  else
    *x -= N;
}
struct Four {
  float v[4];
};
__global__ void by_value(Four f, float* out) { *out = f.v[3]; }
}  // namespace shapes

#define LAUNCH(kernel, ...) kernel<<<1, 1>>>(__VA_ARGS__)

__constant__ float table[4];
__device__ int total = 5;
__global__ void read_globals(float* out) {
  out[0] = table[2];
  out[1] = (float)total;
}

int main() {
  dim3 grids[] = {dim3(7), dim3(3, 4), dim3(2, 3, 4), dim3(1)};
  dim3 blocks[] = {dim3(65), dim3(8, 9), dim3(4, 5, 6), dim3(1024)};
  int *visits, *sums;
  cudaMalloc(&visits, 4 * 4096);
  cudaMalloc(&sums, 4 * 3);
  for (int i = 0; i < 4; i++) {
    dim3 g = grids[i], b = blocks[i];
    int n = g.x * g.y * g.z * b.x * b.y * b.z, once = 0;
    cudaMemset(visits, 0, 4 * 4096);
    cudaMemset(sums, 0, 4 * 3);
    count<<<g, b>>>(visits, sums);
    for (int k = 0; k < 4096; k++) once += visits[k] == 1;
    printf("grid%d %d %d %d %d %d\n", i, n, once, sums[0], sums[1], sums[2]);
  }

  int* x;
  cudaMalloc(&x, 4);
  cudaMemset(x, 0, 4);
  int a = 64, c = 1;
  // clang-format off
  shapes::apply<int, (3 > 2), true><<<a >> 6, c, c < a ? 0 : 2>>>(x);
  shapes::apply<int, 100, true>
      <<<dim3(1, 2),
         dim3(1)>>>(x);
  // clang-format on
  LAUNCH((shapes::apply<int, 10, true>), x);
  void (*pointer)(int*) = shapes::apply<int, 4, false>;
  pointer<<<1, 1>>>(x);
  auto lambda = [&] { shapes::apply<int, 1000, true><<<1, 1>>>(x); };
  lambda();
  const char* text = "k<<<1,1>>>(x)";  // k<<<1,1>>>(x)
  printf("templates %d %d\n", *x, (int)strlen(text));

  float* f;
  cudaMalloc(&f, 8);
  shapes::by_value<<<1, 1>>>({{1, 2, 3, 4}}, f);
  printf("by_value %g\n", f[0]);
  float host[4] = {1, 2, 3.5f, 4};
  cudaMemcpyToSymbol(table, host, sizeof host);
  read_globals<<<1, 1>>>(f);
  printf("globals %g %g\n", f[0], f[1]);
}
