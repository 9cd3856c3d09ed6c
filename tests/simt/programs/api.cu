// The runtime API: error codes of bad launches and calls, copies, events, the virtual GPU.
#include <cstdio>

__global__ void nothing() {}
__global__ void fill(int* x, int v) { x[threadIdx.x] = v; }

int main() {
  dim3 blocks[] = {dim3(1025), dim3(0), dim3(1, 1, 65), dim3(32, 33), dim3(1024)};
  for (int i = 0; i < 5; i++) {
    nothing<<<1, blocks[i]>>>();
    cudaError_t peeked = cudaPeekAtLastError(), first = cudaGetLastError();
    printf("block%d %d %d %d\n", i, peeked, first, cudaGetLastError());
  }
  dim3 grids[] = {dim3(0), dim3(1, 65536), dim3(1, 1, 65536), dim3(70000, 1)};
  for (int i = 0; i < 4; i++) {
    nothing<<<grids[i], 1>>>();
    printf("grid%d %d\n", i, cudaGetLastError());
  }
  printf("names \"%s\" \"%s\"\n", cudaGetErrorName(cudaErrorInvalidConfiguration),
         strchr(cudaGetErrorString(cudaErrorInvalidConfiguration), ' ') ? "text" : "");

  int *x, host[4] = {1, 2, 3, 4}, back[4];
  cudaError_t allocated = cudaMalloc(&x, 16);
  printf("malloc %d %d\n", allocated, (int)((size_t)x % 256));
  printf("poison %d\n", x[0]);
  printf("copies %d", cudaMemcpy(x, host, 16, cudaMemcpyHostToDevice));
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  fill<<<1, 2, 0, stream>>>(x, 9);
  cudaMemcpyAsync(back, x, 16, cudaMemcpyDeviceToHost, stream);
  cudaStreamSynchronize(stream);
  printf(" %d %d %d %d\n", back[0], back[1], back[2], back[3]);
  printf("destroy %d\n", cudaStreamDestroy(stream));
  printf("null_copy %d\n", cudaMemcpy(nullptr, host, 16, cudaMemcpyHostToDevice));
  printf("bad_kind %d\n", cudaMemcpy(x, host, 16, (cudaMemcpyKind)77));
  cudaError_t freed = cudaFree(x), twice = cudaFree(x);
  printf("free %d %d %d\n", freed, twice, cudaFree(nullptr));
  cudaGetLastError();

  cudaEvent_t a, b;
  cudaEventCreate(&a), cudaEventCreate(&b);
  cudaEventRecord(a);
  fill<<<1000, 2>>>(back, 1);
  cudaEventRecord(b);
  cudaEventSynchronize(b);
  float ms = -1;
  printf("events %d", cudaEventElapsedTime(&ms, a, b));
  printf(" %d\n", ms > 0 && ms < 10000);

  cudaDeviceProp p;
  int devices, warp;
  cudaGetDeviceCount(&devices);
  cudaGetDeviceProperties(&p, 0);
  cudaDeviceGetAttribute(&warp, cudaDevAttrWarpSize, 0);
  printf("device %d %d %d %d %d\n", devices, warp, p.maxThreadsPerBlock, (int)p.sharedMemPerBlock,
         cudaSetDevice(3));
}
