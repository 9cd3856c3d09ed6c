// XORWOW (curandState): bits and uniform numbers are exact, normal ones depend on logf and sincosf.
#include <curand_kernel.h>

#include <cstdio>

using State = curandState;
constexpr int kSeeds = 4;

__device__ State make(int i) {
  const unsigned long long seeds[kSeeds] = {0, 1234, 0xfedcba9876543210ull, 42};
  const unsigned long long sequences[kSeeds] = {0, 5, 0x123456789abcull, 1};
  const unsigned long long offsets[kSeeds] = {0, 3, 0x1000000000full, 6};
  State state;
  curand_init(seeds[i], sequences[i], offsets[i], &state);
  return state;
}

__global__ void bits(unsigned* out) {
  State state = make(threadIdx.x);
  out += threadIdx.x * 16;
  for (int i = 0; i < 10; i++) out[i] = curand(&state);
  skipahead(1001ull, &state);
  for (int i = 10; i < 13; i++) out[i] = curand(&state);
  skipahead_sequence(3ull, &state);
  for (int i = 13; i < 16; i++) out[i] = curand(&state);
}

__global__ void uniform(double* out) {
  State state = make(threadIdx.x);
  out += threadIdx.x * 10;
  for (int i = 0; i < 7; i++) out[i] = curand_uniform(&state);
  for (int i = 7; i < 10; i++) out[i] = curand_uniform_double(&state);
}

__global__ void normal(double* out) {
  State state = make(threadIdx.x);
  out += threadIdx.x * 14;
  for (int i = 0; i < 3; i++) out[i] = curand_normal(&state);
  float2 two = curand_normal2(&state);
  out[3] = two.x, out[4] = two.y;
  for (int i = 5; i < 12; i++) out[i] = curand_normal_double(&state);
  double2 pair = curand_normal2_double(&state);
  out[12] = pair.x, out[13] = pair.y;
}

int main() {
  unsigned *words, host_words[kSeeds * 16];
  double *values, host_values[kSeeds * 14];
  cudaMalloc(&words, sizeof host_words);
  cudaMalloc(&values, sizeof host_values);
  bits<<<1, kSeeds>>>(words);
  cudaMemcpy(host_words, words, sizeof host_words, cudaMemcpyDeviceToHost);
  for (int s = 0; s < kSeeds; s++) {
    printf("bits%d =", s);
    for (int i = 0; i < 16; i++) printf(" %08x", host_words[s * 16 + i]);
    printf("\n");
  }
  uniform<<<1, kSeeds>>>(values);
  cudaMemcpy(host_values, values, kSeeds * 10 * sizeof(double), cudaMemcpyDeviceToHost);
  for (int s = 0; s < kSeeds; s++) {
    printf("uniform%d =", s);
    for (int i = 0; i < 10; i++) printf(" %.17g", host_values[s * 10 + i]);
    printf("\n");
  }
  normal<<<1, kSeeds>>>(values);
  cudaMemcpy(host_values, values, sizeof host_values, cudaMemcpyDeviceToHost);
  for (int s = 0; s < kSeeds; s++) {
    printf("normal%d ~1e-4 =", s);  // a GPU's own fast sine and cosine
    for (int i = 0; i < 14; i++) printf(" %.9g", host_values[s * 14 + i]);
    printf("\n");
  }
  return cudaDeviceSynchronize() != cudaSuccess;
}
