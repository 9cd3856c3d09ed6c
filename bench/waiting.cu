// Blocks of 1024 threads that all wait at a barrier, each with a stack of its own. Prints the most
// memory that the process ever had, in MB.
#include <cstdio>
#include <cstring>

__global__ void wait_often(float* out) {
  float sum = threadIdx.x;
  for (int i = 0; i < 30; i++) {
    __syncthreads();
    sum += i;
  }
  out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

int main() {
  const int blocks = 512;
  float* out;
  cudaMalloc(&out, blocks * 1024 * sizeof(float));
  wait_often<<<blocks, 1024>>>(out);
  if (cudaDeviceSynchronize() != cudaSuccess) return 1;
  // Not getrusage: its peak is also that of the process that started this one.
  char line[256];
  FILE* status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status))
    if (long kb; sscanf(line, "VmHWM: %ld", &kb) == 1) printf("%ld\n", kb / 1024);
}
