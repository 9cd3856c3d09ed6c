// The heat equation in 2D, by explicit steps on rows of a pitch: cudaMallocPitch, cudaMemcpy2D,
// cudaMemset2D; and a box of 3D memory at the end.
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

__device__ __host__ inline float* rowOf(float* base, size_t pitch, int y) {
  return (float*)((char*)base + y * pitch);
}

// With a factor of 1/8 and six steps all values are exact: multiples of 2^-18 below 2^6.
__global__ void step(float* in, float* out, size_t pitch, int width, int height) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  float* row = rowOf(in, pitch, y);
  float value = row[x];
  if (x > 0 && x < width - 1 && y > 0 && y < height - 1)
    value += 0.125f * (row[x - 1] + row[x + 1] + rowOf(in, pitch, y - 1)[x] +
                       rowOf(in, pitch, y + 1)[x] - 4 * value);
  rowOf(out, pitch, y)[x] = value;
}

__global__ void fillBox(cudaPitchedPtr box, cudaExtent extent) {
  int x = threadIdx.x, y = blockIdx.x, z = blockIdx.y;
  char* slice = (char*)box.ptr + z * box.pitch * extent.height;
  ((int*)(slice + y * box.pitch))[x] = 100 * z + 10 * y + x;
}

int main() {
  const int width = 61, height = 33, steps = 6;
  float host[height][width], reference[2][height][width];
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) host[y][x] = (float)(x == 0 ? 64 : (x * y) % 5);
  float *a, *b;
  size_t pitch;
  CHECK(cudaMallocPitch(&a, &pitch, width * sizeof(float), height));
  CHECK(cudaMallocPitch(&b, &pitch, width * sizeof(float), height));
  printf("pitch = %d\n", pitch >= width * sizeof(float) && pitch % 32 == 0);
  CHECK(cudaMemset2D(b, pitch, 0, width * sizeof(float), height));
  CHECK(cudaMemcpy2D(a, pitch, host, sizeof host[0], width * sizeof(float), height,
                     cudaMemcpyHostToDevice));
  dim3 block(16, 8), grid((width + 15) / 16, (height + 7) / 8);
  for (int s = 0; s < steps; s++) {
    step<<<grid, block>>>(a, b, pitch, width, height);
    float* t = a;
    a = b, b = t;
  }
  CHECK(cudaGetLastError());
  memcpy(reference[0], host, sizeof host);
  for (int s = 0; s < steps; s++)
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) {
        float (*in)[width] = reference[s % 2], value = in[y][x];
        if (x > 0 && x < width - 1 && y > 0 && y < height - 1)
          value += 0.125f * (in[y][x - 1] + in[y][x + 1] + in[y - 1][x] + in[y + 1][x] - 4 * value);
        reference[1 - s % 2][y][x] = value;
      }
  CHECK(cudaMemcpy2D(host, sizeof host[0], a, pitch, width * sizeof(float), height,
                     cudaMemcpyDeviceToHost));
  int wrong = 0;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) wrong += host[y][x] != reference[steps % 2][y][x];
  printf("heat = %d wrong, [5][2] %.9g\n", wrong, host[5][2]);

  // A window of the middle, into a small array.
  float window[3][4];
  CHECK(cudaMemcpy2D(window, sizeof window[0], rowOf(a, pitch, 10) + 20, pitch, sizeof window[0], 3,
                     cudaMemcpyDeviceToHost));
  printf("window = %d\n", window[2][3] == host[12][23]);
  CHECK(cudaFree(a));
  CHECK(cudaFree(b));

  cudaExtent extent = make_cudaExtent(6 * sizeof(int), 5, 4);
  cudaPitchedPtr box;
  CHECK(cudaMalloc3D(&box, extent));
  fillBox<<<dim3(5, 4), 6>>>(box, extent);
  int part[2][3][4];  // x 1..4, y 2..4, z 1..2
  cudaMemcpy3DParms copy = {};
  copy.srcPtr = box;
  copy.srcPos = make_cudaPos(1 * sizeof(int), 2, 1);
  copy.dstPtr = make_cudaPitchedPtr(part, sizeof part[0][0], 4, 3);
  copy.extent = make_cudaExtent(sizeof part[0][0], 3, 2);
  copy.kind = cudaMemcpyDeviceToHost;
  CHECK(cudaMemcpy3D(&copy));
  printf("box = %d %d %d\n", part[0][0][0], part[0][2][3], part[1][1][0]);
  CHECK(cudaFree(box.ptr));
}
