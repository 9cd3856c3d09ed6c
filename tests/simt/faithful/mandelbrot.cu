// The Mandelbrot set in double precision, with a complex number that has overloaded operators.
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>

#define DIM 96

struct cuComplexD {
  double r, i;
  __host__ __device__ cuComplexD(double a, double b) : r(a), i(b) {}
  __host__ __device__ double magnitude2() const { return r * r + i * i; }
  __host__ __device__ cuComplexD operator*(const cuComplexD& a) const {
    return cuComplexD(r * a.r - i * a.i, i * a.r + r * a.i);
  }
  __host__ __device__ cuComplexD operator+(const cuComplexD& a) const {
    return cuComplexD(r + a.r, i + a.i);
  }
};

__host__ __device__ int escape(int x, int y, int limit) {
  // Steps of 1/32: every product in the first rounds is exact.
  cuComplexD c((x - 64) / 32.0, (y - 48) / 32.0), z(0, 0);
  int n = 0;
  while (n < limit && z.magnitude2() <= 4.0) {
    z = z * z + c;
    n++;
  }
  return n;
}

__global__ void kernel(unsigned char* ptr) {
  int x = blockIdx.x * blockDim.x + threadIdx.x;
  int y = blockIdx.y * blockDim.y + threadIdx.y;
  int offset = x + y * blockDim.x * gridDim.x;
  ptr[offset] = (unsigned char)escape(x, y, 60);
}

int main(void) {
  unsigned char *bitmap = (unsigned char*)malloc(DIM * DIM), *dev_bitmap;
  if (cudaMalloc((void**)&dev_bitmap, DIM * DIM) != cudaSuccess) return 1;
  dim3 grid(DIM / 16, DIM / 8);
  dim3 block(16, 8);
  kernel<<<grid, block>>>(dev_bitmap);
  if (cudaMemcpy(bitmap, dev_bitmap, DIM * DIM, cudaMemcpyDeviceToHost) != cudaSuccess) return 1;

  int inside = 0, histogram[61] = {0};
  for (int i = 0; i < DIM * DIM; i++) {
    inside += bitmap[i] == 60;
    histogram[bitmap[i]]++;
  }
  // Points at the rim of the set may go either way by rounding: a few of 9216.
  printf("inside ~2e-2 = %d\n", inside);
  printf("early =");
  for (int n = 1; n <= 6; n++) printf(" %d", histogram[n]);
  printf("\n");
  const char shades[] = " .:-=+*#%@";
  for (int y = 8; y < DIM; y += 16) {
    char line[DIM / 4 + 1] = {0};
    for (int x = 0; x < DIM; x += 4) {
      int n = bitmap[y * DIM + x];
      line[x / 4] = shades[n < 9 ? n : 9];
    }
    printf("row %d = |%s|\n", y, line);
  }
  cudaFree(dev_bitmap);
  free(bitmap);
  return 0;
}
