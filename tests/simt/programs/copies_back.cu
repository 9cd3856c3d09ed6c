// Copies to the host of what was written, in part, or not at all: one case for each argument.
#include <cstdlib>
#include <cstring>

__global__ void fill(char* p, size_t pitch, int rows) {
  for (int row = 0; row < rows; row++) p[row * pitch + threadIdx.x] = 1;
}

int main(int, char** argv) {
  const char* name = argv[1];
  const size_t width = 32, rows = 4;
  static char host[width * rows];
  size_t pitch;
  char* p;
  cudaMallocPitch(&p, &pitch, width, rows);
  if (!strcmp(name, "whole")) fill<<<1, 32>>>(p, pitch, rows);
  if (!strcmp(name, "last row")) fill<<<1, 32>>>(p + 3 * pitch, pitch, 1);
  if (!strcmp(name, "padding")) fill<<<1, 8>>>(p + width, pitch, rows);
  if (!strcmp(name, "too far"))
    cudaMemcpy(host, p, (size_t)1 << 44, cudaMemcpyDeviceToHost);
  else
    cudaMemcpy2D(host, width, p, pitch, width, rows, cudaMemcpyDeviceToHost);
  cudaFree(p);
}
