// Habits of CUDA programs: code that depends on the architecture, default arguments, launches
// through macros and by pointers, references to managed memory, a clock to wait by.
#include <cstdio>
#include <ctime>

#ifndef __DRIVER_TYPES_H__
#error "the runtime API is there without an #include"
#endif

#if __CUDA_ARCH__ >= 700  // on the device only
__device__ int added_for_new_devices(int n) { return n + 70; }
#endif
#ifndef __CUDA_ARCH__  // on the host only
static int of_the_host() { return 1; }
#endif

template <class T>
__device__ T widest(T n) {
  return n;
}
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
template <>
__device__ int widest<int>(int n) {
  return n + 800;
}
#endif

__global__ void architecture(int* out) {
#if __CUDA_ARCH__ >= 700
  out[0] = added_for_new_devices(1);
#else
  out[0] = -1;
#endif
  out[1] = widest(2);
#ifdef __CUDA_ARCH__
  out[2] = __CUDA_ARCH__ >= 600;
#endif
}

__global__ void scale(int* out, int n, int factor = 10, int offset = 1) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) out[i] = out[i] * factor + offset;
}

template <class T, int kStep = 2>
__global__ void fill(T* out, T first) {
  out[threadIdx.x] = first + T(threadIdx.x * kStep);
}

struct Counter {
  int hits;
};
__global__ void count(Counter& counter) { atomicAdd(&counter.hits, 1); }

__global__ void wait(clock_t ticks, int* out) {
  clock_t start = clock();
  while (clock() - start < ticks) {
  }
  out[0] = clock() - start >= ticks;
}

#define LAUNCH(kernel, blocks, ...)     \
  do {                                  \
    kernel<<<blocks, 8>>>(__VA_ARGS__); \
  } while (0)

static void show(const char* label, const int* device, int n) {
  int values[8];
  cudaMemcpy(values, device, n * sizeof(int), cudaMemcpyDeviceToHost);
  printf("%s =", label);
  for (int i = 0; i < n; i++) printf(" %d", values[i]);
  printf("\n");
}

int main() {
  int* out;
  cudaMalloc(&out, 8 * sizeof(int));
  architecture<<<1, 1>>>(out);
  show("architecture", out, 3);
#ifndef __CUDA_ARCH__
  printf("host = %d\n", of_the_host());
#endif

  fill<<<1, 8>>>(out, 5);
  scale<<<1, 4>>>(out, 4);
  scale<<<1, 4>>>(out, 4, 2);
  show("defaults", out, 8);
  LAUNCH(fill, 1, out, 1);
  LAUNCH(scale, 1, out, 8);
  LAUNCH((fill<int, 3>), 1, out, 1);
  show("macro", out, 8);
  // clang-format off
  scale << <1, 4 >> > (out, 2, -1);
  // clang-format on
  show("spaced", out, 3);

  Counter* counter;
  cudaMallocManaged(&counter, sizeof *counter);
  counter->hits = 0;
  count<<<3, 32>>>(*counter);
  cudaDeviceSynchronize();
  printf("reference = %d\n", counter->hits);

  int kilohertz;
  cudaDeviceGetAttribute(&kilohertz, cudaDevAttrClockRate, 0);
  wait<<<1, 1>>>((clock_t)kilohertz, out);  // a millisecond
  show("clock", out, 1);

  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cudaStreamAttrValue attribute = {};
  attribute.accessPolicyWindow.hitRatio = 0.5f;
  attribute.accessPolicyWindow.hitProp = cudaAccessPropertyPersisting;
  attribute.accessPolicyWindow.missProp = cudaAccessPropertyStreaming;
  cudaStreamSetAttribute(stream, cudaStreamAttributeAccessPolicyWindow, &attribute);
  attribute = {};
  cudaStreamGetAttribute(stream, cudaStreamAttributeAccessPolicyWindow, &attribute);
  printf("attribute = %g %d\n", attribute.accessPolicyWindow.hitRatio,
         (int)attribute.accessPolicyWindow.hitProp);
  size_t shared = 0;
  cudaOccupancyAvailableDynamicSMemPerBlock(&shared, scale, 2, 256);
  printf("two blocks fit = %d\n", shared > 0);
  return cudaDeviceSynchronize();
}
