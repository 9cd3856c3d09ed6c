// One fault for each name on the command line. After it, the process must live, with CUDA's error.
#include <cstdio>
#include <cstring>

__global__ void branch(float* x) {
  if (threadIdx.x < 20) __syncthreads();  // LINE branch
  x[threadIdx.x] = 1;
}
__global__ void early_return(float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  x[i] = 1;
  __syncthreads();  // LINE early_return
  x[i] += 1;
}
__global__ void two_barriers(float* x) {
  if (threadIdx.x % 2)
    __syncthreads();  // LINE two_barriers
  else
    __syncthreads();
  x[threadIdx.x] = 1;
}
__global__ void shuffle(float* x) {
  float v = x[threadIdx.x];
  if (threadIdx.x < 16) v += __shfl_down_sync(0xffffffffu, v, 8);  // LINE shuffle
  x[threadIdx.x] = v;
}
__global__ void mask(float* x) {
  __syncwarp(0x1);  // LINE mask
}
__global__ void endless(float* x) {
  int i = threadIdx.x;
  while (i >= 0) {
    i = (i + 1) & 1023;
    x[0] = i;  // LINE endless
  }
}
__global__ void endless_barrier(float* x) {
  while (true) {
    __syncthreads();  // LINE endless_barrier
    if (x[0] == 12345) break;
  }
}
__global__ void null_write(float* x) {
  if (threadIdx.x == 5 && blockIdx.x == 2) x[0] = 1;  // LINE null_write
}
__global__ void wild(float* x) {
  x[threadIdx.x * 1000000000000LL] = 1;  // LINE wild
}
__device__ int deep(int n) {
  volatile int a[64];  // LINE overflow
  a[n & 63] = n;
  return n > 1000000 ? 0 : deep(n + 1) + a[3];
}
__global__ void overflow(float* x) { x[0] = deep(0); }
__global__ void large_array(float* x) {
  volatile float big[100000];
  for (int i = 0; i < 100000; i++) big[i] = i;
  x[0] = big[threadIdx.x];
}
__global__ void fails(float* x, int n) {
  assert(threadIdx.x < n);  // LINE fails
}
__global__ void divide(float* x, int n) {
  x[0] = 5 / n;  // LINE divide
}
__global__ void trap(float* x) {
  if (threadIdx.x == 3) __trap();  // LINE trap
}
__global__ void too_much(float* x) {
  __shared__ float a[10000];
  __shared__ float b[5000];
  a[threadIdx.x] = b[threadIdx.x] = 1;
}
__global__ void fine(float* x) { x[threadIdx.x] = 7; }

int main(int, char** argv) {
  const char* m = argv[1];
  float* x;
  cudaMalloc(&x, 4096);
  if (!strcmp(m, "branch")) branch<<<2, 32>>>(x);
  if (!strcmp(m, "early_return")) early_return<<<2, 64>>>(x, 100);
  if (!strcmp(m, "two_barriers")) two_barriers<<<1, 8>>>(x);
  if (!strcmp(m, "shuffle")) shuffle<<<1, 64>>>(x);
  if (!strcmp(m, "mask")) mask<<<1, 32>>>(x);
  if (!strcmp(m, "endless")) endless<<<1, 32>>>(x);
  if (!strcmp(m, "endless_barrier")) endless_barrier<<<1, 32>>>(x);
  if (!strcmp(m, "null_write")) null_write<<<4, 32>>>(nullptr);
  if (!strcmp(m, "wild")) wild<<<1, 32>>>(x);
  if (!strcmp(m, "overflow")) overflow<<<1, 32>>>(x);
  if (!strcmp(m, "large_array")) large_array<<<1, 32>>>(x);
  if (!strcmp(m, "fails")) fails<<<1, 32>>>(x, 7);
  if (!strcmp(m, "divide")) divide<<<1, 32>>>(x, 0);
  if (!strcmp(m, "trap")) trap<<<1, 32>>>(x);
  if (!strcmp(m, "too_much")) too_much<<<1, 32>>>(x);
  printf("report %s\n", simt_last_report());
  fine<<<1, 1>>>(x);  // does nothing now
  printf("error %d %d %d\n", cudaGetLastError(), cudaDeviceSynchronize(), x[0] == 7);
  simt_clear();
  fine<<<1, 1>>>(x);
  printf("after %d %d\n", cudaGetLastError(), x[0] == 7);
}
