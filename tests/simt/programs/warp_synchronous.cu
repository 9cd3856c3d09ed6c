// What a warp does in step: code from before __syncwarp, on volatile arrays.
#include <cstdio>

__device__ void warp_sum(volatile int* s, int t) {
  s[t] += s[t + 32];
  s[t] += s[t + 16];
  s[t] += s[t + 8];
  s[t] = s[t] + s[t + 4];
  s[t] += s[t + 2];
  s[t] += s[t + 1];
}
__global__ void sums(const int* in, int* out) {
  __shared__ int s[128];
  int t = threadIdx.x;
  s[t] = in[blockIdx.x * 128 + t];
  __syncthreads();
  if (t < 64) s[t] += s[t + 64];
  __syncthreads();
  if (t < 32) warp_sum(s, t);
  if (t == 0) out[blockIdx.x] = s[0];
}

// Lanes of which the condition fails wait for the others behind it.
__device__ void warp_largest(volatile int* s, volatile int* place, int t) {
  for (int n = 16; n > 0; n /= 2) {
    if (t < n && s[t] < s[t + n]) {
      s[t] = s[t + n];
      place[t] = place[t + n];
    }
  }
}
__global__ void largest(const int* in, int* out) {
  __shared__ int s[32], place[32];
  s[threadIdx.x] = in[threadIdx.x], place[threadIdx.x] = threadIdx.x;
  __syncwarp();
  warp_largest(s, place, threadIdx.x);
  if (threadIdx.x == 0) out[0] = place[0];
}

// Each lane reads what the one before it wrote in the step before.
__global__ void prefix(const int* in, int* out) {
  __shared__ volatile int s[64];
  int t = threadIdx.x;
  s[t] = 0;
  s[t + 32] = in[t];
  for (int n = 1; n < 32; n *= 2) s[t + 32] += s[t + 32 - n];
  out[t] = s[t + 32];
}

int main() {
  int host[256], *in, *out;
  for (int i = 0; i < 256; i++) host[i] = i * i % 101 + i % 7;
  cudaMallocManaged(&in, sizeof host);
  cudaMallocManaged(&out, sizeof host);
  memcpy(in, host, sizeof host);
  sums<<<2, 128>>>(in, out);
  printf("sums %d %d\n", out[0], out[1]);
  printf("largest");
  for (int i = 0; i < 8; i++) {
    largest<<<1, 32>>>(in + 32 * i, out);
    printf(" %d", out[0]);
  }
  prefix<<<1, 32>>>(in, out);
  printf("\nprefix");
  for (int i = 0; i < 32; i++) printf(" %d", out[i]);
  printf("\n");
  return cudaDeviceSynchronize();
}
