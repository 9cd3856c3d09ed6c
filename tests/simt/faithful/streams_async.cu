// Streams: pinned memory, copies in and out and kernels of several streams that may overlap,
// events between streams, host functions and callbacks, and stream-ordered allocation.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

__global__ void kernel(float* a, int offset) {
  int i = offset + threadIdx.x + blockIdx.x * blockDim.x;
  float x = (float)(i % 1000);
  a[i] = a[i] + x * 2;
}

__global__ void addScalar(int* x, const int* y) { *x += *y; }

void CUDART_CB hostWork(void* data) { *(int*)data += 100; }

void CUDART_CB done(cudaStream_t, cudaError_t status, void* data) {
  *(int*)data = status == cudaSuccess ? 1 : -1;
}

int main(int argc, char** argv) {
  const int blockSize = 256, nStreams = 4;
  const int n = 16 * blockSize * nStreams, streamSize = n / nStreams;
  const size_t bytes = n * sizeof(float), streamBytes = streamSize * sizeof(float);
  float *a, *d_a;
  CHECK(cudaMallocHost((void**)&a, bytes));
  CHECK(cudaMalloc((void**)&d_a, bytes));

  float ms;
  cudaEvent_t startEvent, stopEvent, ready;
  cudaStream_t stream[nStreams];
  CHECK(cudaEventCreate(&startEvent));
  CHECK(cudaEventCreate(&stopEvent));
  CHECK(cudaEventCreateWithFlags(&ready, cudaEventDisableTiming));
  int least, greatest;
  CHECK(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  for (int i = 0; i < nStreams; ++i)
    CHECK(cudaStreamCreateWithPriority(&stream[i], cudaStreamNonBlocking, i ? least : greatest));

  for (int version = 1; version <= 2; version++) {
    for (int i = 0; i < n; i++) a[i] = 1;
    CHECK(cudaEventRecord(startEvent, 0));
    if (version == 1)  // each stream's copies and kernel together
      for (int i = 0; i < nStreams; ++i) {
        int offset = i * streamSize;
        CHECK(cudaMemcpyAsync(&d_a[offset], &a[offset], streamBytes, cudaMemcpyHostToDevice,
                              stream[i]));
        kernel<<<streamSize / blockSize, blockSize, 0, stream[i]>>>(d_a, offset);
        CHECK(cudaMemcpyAsync(&a[offset], &d_a[offset], streamBytes, cudaMemcpyDeviceToHost,
                              stream[i]));
      }
    else {  // all copies in, all kernels, all copies out
      for (int i = 0; i < nStreams; ++i)
        CHECK(cudaMemcpyAsync(&d_a[i * streamSize], &a[i * streamSize], streamBytes,
                              cudaMemcpyHostToDevice, stream[i]));
      for (int i = 0; i < nStreams; ++i)
        kernel<<<streamSize / blockSize, blockSize, 0, stream[i]>>>(d_a, i * streamSize);
      for (int i = 0; i < nStreams; ++i)
        CHECK(cudaMemcpyAsync(&a[i * streamSize], &d_a[i * streamSize], streamBytes,
                              cudaMemcpyDeviceToHost, stream[i]));
    }
    CHECK(cudaDeviceSynchronize());
    CHECK(cudaEventRecord(stopEvent, 0));
    CHECK(cudaEventSynchronize(stopEvent));
    CHECK(cudaEventElapsedTime(&ms, startEvent, stopEvent));
    int wrong = 0;
    for (int i = 0; i < n; i++) wrong += a[i] != 1 + (i % 1000) * 2;
    printf("version %d = %d wrong, timed %d\n", version, wrong, ms > 0);
  }

  // stream 1 waits for stream 0; then the host has its say in the order of the stream.
  int *x, *y, host[2] = {5, 7}, result = 0, called = 0;
  CHECK(cudaMallocAsync(&x, sizeof(int), stream[0]));
  CHECK(cudaMallocAsync(&y, sizeof(int), stream[0]));
  CHECK(cudaMemcpyAsync(x, &host[0], sizeof(int), cudaMemcpyHostToDevice, stream[0]));
  CHECK(cudaMemcpyAsync(y, &host[1], sizeof(int), cudaMemcpyHostToDevice, stream[0]));
  CHECK(cudaEventRecord(ready, stream[0]));
  CHECK(cudaStreamWaitEvent(stream[1], ready, 0));
  addScalar<<<1, 1, 0, stream[1]>>>(x, y);
  CHECK(cudaMemcpyAsync(&result, x, sizeof(int), cudaMemcpyDeviceToHost, stream[1]));
  CHECK(cudaLaunchHostFunc(stream[1], hostWork, &result));
  CHECK(cudaStreamAddCallback(stream[1], done, &called, 0));
  CHECK(cudaFreeAsync(y, stream[1]));
  CHECK(cudaFreeAsync(x, stream[1]));
  CHECK(cudaStreamSynchronize(stream[1]));
  printf("streams = %d, called %d, idle %d\n", result, called, cudaStreamQuery(stream[1]));

  unsigned flags;
  int priority;
  CHECK(cudaStreamGetFlags(stream[2], &flags));
  CHECK(cudaStreamGetPriority(stream[0], &priority));
  printf("flags = %u, priority %d\n", flags, priority == greatest);
  for (int i = 0; i < nStreams; ++i) CHECK(cudaStreamDestroy(stream[i]));
  CHECK(cudaEventDestroy(startEvent));
  CHECK(cudaEventDestroy(stopEvent));
  CHECK(cudaEventDestroy(ready));
  CHECK(cudaFreeHost(a));
  CHECK(cudaFree(d_a));
}
