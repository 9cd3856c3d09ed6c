// Shared memory: static, dynamic, at file scope, several types, poison, limits.
#include <cstdio>

extern __shared__ __align__(16) float file_dynamic[];
__shared__ int file_static[64];

__global__ void reverse(const int* in, int* out) {
  __shared__ int tile[64], copy[2][64];
  int t = threadIdx.x;
  tile[t] = in[blockIdx.x * 64 + t];
  copy[t & 1][t] = 1;
  file_static[t] = t;
  __syncthreads();
  out[blockIdx.x * 64 + t] = tile[63 - t] + 1000 * copy[(t + 1) & 1][t ^ 1] + file_static[63 - t];
}

__global__ void dynamic(float* out, int n) {
  extern __shared__ float4 v[];
  float* words = reinterpret_cast<float*>(v);
  words[threadIdx.x] = threadIdx.x;
  __syncthreads();
  if (threadIdx.x == 0) {
    float sum = 0;
    for (int i = 0; i < n; i++) sum += file_dynamic[i];
    out[blockIdx.x] = sum;
  }
}

template <int N>
__device__ float sum_of(float x) {
  __shared__ float values[N];
  values[threadIdx.x % N] = x;
  __syncthreads();
  float sum = 0;
  for (float v : values) sum += v;
  __syncthreads();
  return sum;
}
struct Pair {
  double d;
  char c;
};
__global__ void templates(float* out) {
  __shared__ struct Pair pairs[3];
  __shared__ alignas(64) char aligned[10];
  if (threadIdx.x < 3) pairs[threadIdx.x] = {threadIdx.x * 1.5, 'x'};
  float a = sum_of<32>(1), b = sum_of<16>(threadIdx.x % 16);
  if (threadIdx.x == 0) {
    out[0] = a;
    out[1] = b;
    out[2] = (float)pairs[2].d;
    out[3] = (float)((size_t)&aligned % 64);
    out[4] = sizeof(pairs) / sizeof(Pair);
  }
}

__global__ void poison(float* out) {
  __shared__ float never_written[32];
  extern __shared__ float neither[];
  out[threadIdx.x] = never_written[threadIdx.x];
  out[32 + threadIdx.x] = neither[threadIdx.x];
}

int main() {
  int *in, *out;
  float* f;
  cudaMalloc(&in, 4 * 640);
  cudaMalloc(&out, 4 * 640);
  cudaMalloc(&f, 4 * 640);
  for (int i = 0; i < 640; i++) in[i] = i;
  reverse<<<10, 64>>>(in, out);
  int right = 0;
  for (int i = 0; i < 640; i++) right += out[i] == i / 64 * 64 + 2 * (63 - i % 64) + 1000;
  printf("reverse %d\n", right);
  dynamic<<<3, 128, 128 * 4>>>(f, 128);
  printf("dynamic %g %g\n", f[0], f[2]);
  templates<<<1, 32>>>(f);
  printf("templates %g %g %g %g %g\n", f[0], f[1], f[2], f[3], f[4]);
  poison<<<2, 32, 128>>>(f);
  int nan = 0;
  for (int i = 0; i < 64; i++) nan += f[i] != f[i];
  printf("poison %d\n", nan);

  dynamic<<<1, 32, 49 * 1024>>>(f, 1);
  printf("too_much %d\n", cudaGetLastError());
  cudaFuncSetAttribute(dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, 100 * 1024);
  dynamic<<<1, 32, 99 * 1024>>>(f, 32);
  printf("opted_in %d %g\n", cudaGetLastError(), f[0]);
}
