// Kinds of memory: device, pinned, registered, managed; what a pointer is; errors of wrong calls;
// variables of the device by their symbol; a memory pool.
#include <cuda_runtime.h>
#include <stdint.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)
#define SHOW(name, call)                                 \
  do {                                                   \
    printf("%s = %s\n", name, cudaGetErrorName((call))); \
    cudaGetLastError();                                  \
  } while (0)

__device__ int counter = 5;
__device__ float* buffer;
struct Settings {
  int size;
  float weights[3];
};
__constant__ Settings settings = {1, {0.5f, 0.25f, 0.125f}};
__managed__ int shared_by_both = 40;

__global__ void useAll(const int* pinned, int* registered) {
  counter += *pinned;
  *registered = settings.size + (int)(settings.weights[1] * 100);
  buffer[0] = (float)counter;
  shared_by_both += 2;
}

static const char* kindOf(const void* p) {
  cudaPointerAttributes a;
  CHECK(cudaPointerGetAttributes(&a, p));
  switch (a.type) {
    case cudaMemoryTypeHost:
      return "host";
    case cudaMemoryTypeDevice:
      return "device";
    case cudaMemoryTypeManaged:
      return "managed";
    default:
      return "unregistered";
  }
}

int main() {
  int *device, *pinned, *managed, *alias;
  std::vector<int> plain(4096);
  CHECK(cudaMalloc(&device, 1000));
  CHECK(cudaHostAlloc(&pinned, 1000, cudaHostAllocMapped));
  CHECK(cudaMallocManaged(&managed, 1000));
  printf("kinds = %s %s %s %s\n", kindOf(device + 3), kindOf(pinned + 3), kindOf(managed + 3),
         kindOf(plain.data()));
  CHECK(cudaHostRegister(plain.data(), plain.size() * sizeof(int), cudaHostRegisterDefault));
  printf("registered = %s\n", kindOf(plain.data() + 5));
  CHECK(cudaHostGetDevicePointer(&alias, plain.data(), 0));

  *pinned = 37;
  CHECK(cudaMemcpyToSymbol(buffer, &device, sizeof device));
  Settings host = {9, {1, 2, 3}};
  CHECK(cudaMemcpyToSymbol(settings, &host, sizeof host));
  useAll<<<1, 1>>>(pinned, alias);
  CHECK(cudaDeviceSynchronize());
  int count;
  float stored;
  CHECK(cudaMemcpyFromSymbol(&count, counter, sizeof count));
  CHECK(cudaMemcpy(&stored, device, sizeof stored, cudaMemcpyDefault));
  printf("results = %d %d %g %d\n", count, plain[0], stored, shared_by_both);

  SHOW("symbol too small", cudaMemcpyToSymbol(counter, &host, sizeof host));
  SHOW("registered twice", cudaHostRegister(plain.data(), 64, cudaHostRegisterDefault));
  CHECK(cudaHostUnregister(plain.data()));
  SHOW("not registered", cudaHostUnregister(plain.data()));
  SHOW("null", cudaMalloc((void**)NULL, 4));
  SHOW("too much", cudaMalloc(&alias, (size_t)1 << 50));
  SHOW("no bytes", cudaMalloc(&alias, 0));
  SHOW("free null", cudaFree(NULL));
  SHOW("no such device", cudaSetDevice(1000));
  SHOW("pitch", cudaMemcpy2D(device, 8, pinned, 4, 16, 2, cudaMemcpyHostToDevice));
  cudaEvent_t event, other;
  CHECK(cudaEventCreate(&event));
  CHECK(cudaEventCreate(&other));
  float ms;
  SHOW("not recorded", cudaEventElapsedTime(&ms, event, other));
  SHOW("never recorded is done", cudaEventQuery(event));

  cudaMemPool_t pool;
  CHECK(cudaDeviceGetDefaultMemPool(&pool, 0));
  uint64_t threshold = UINT64_MAX, read = 0;
  CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
  CHECK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &read));
  CHECK(cudaMallocAsync(&alias, 1 << 20, 0));
  uint64_t used = 0;
  CHECK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
  CHECK(cudaFreeAsync(alias, 0));
  CHECK(cudaStreamSynchronize(0));
  printf("pool = %d, used %d\n", read == threshold, (int)used);

  CHECK(cudaEventDestroy(event));
  CHECK(cudaEventDestroy(other));
  CHECK(cudaFree(device));
  CHECK(cudaFree(managed));
  CHECK(cudaFreeHost(pinned));
}
