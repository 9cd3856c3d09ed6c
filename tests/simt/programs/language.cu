// CUDA C++ as programs write it: lambdas, functors, static members and variadic templates as
// kernels, address spaces, and the smaller headers.
#include <cuda_profiler_api.h>
#include <cuda_runtime.h>
#include <math_functions.h>
#include <nvtx3/nvToolsExt.h>

#include <cstdio>
#include <cuda/std/array>
#include <cuda/std/bit>
#include <cuda/std/complex>
#include <cuda/std/cstdint>
#include <cuda/std/limits>
#include <cuda/std/tuple>
#include <cuda/std/type_traits>
#include <cuda/std/utility>
#include <nv/target>
#include <nvtx3/nvtx3.hpp>

template <class F>
__global__ void for_each(int n, F f) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) f(i);
}

struct Square {
  float* x;
  __host__ __device__ void operator()(int i) const { x[i] = x[i] * x[i]; }
};

template <class T>
struct Kernels {
  static __global__ void fill(T* x, T v) { x[threadIdx.x] = v; }
};

template <class... T>
__global__ void add_all(float* out, T... values) {
  float sum = 0;
  for (float v : {(float)values...}) sum += v;
  *out = sum;
}

template <typename T, typename... Rest>
__global__ void __launch_bounds__(128, 2) first_of(T* __restrict__ out, const T first, Rest...) {
  *out = first;
}

__host__ __device__ int where_am_i() {
  int place = 0;
  NV_IF_ELSE_TARGET(NV_IS_DEVICE, (place = 1;), (place = 2;))
  NV_IF_TARGET(NV_PROVIDES_SM_80, (place += 10;))
  return place;
}

__device__ float global;
__global__ void address_spaces(int* out) {
  __shared__ int shared[2];
  int local = 0;
  bool round_trip = __cvta_shared_to_generic(__cvta_generic_to_shared(&shared[1])) == &shared[1];
  bool results[] = {__isGlobal(out) && __isGlobal(&global),
                    __isShared(&shared[1]) != 0,
                    __isLocal(&local) != 0,
                    !__isGlobal(shared),
                    !__isShared(&local),
                    round_trip};
  for (int i = 0; i < 6; i++) out[i] = results[i];
  out[6] = where_am_i();
}

__device__ __noinline__ int third(const int* p, int n) {
  __builtin_assume(n > 2);
  __prof_trigger(0);
#pragma unroll 2
  for (int i = 0; i < n; i++)
    if (i == 2) return p[i];
  __builtin_unreachable();
}
__global__ void use_third(int* out) {
  int local[] = {1, 2, 3, 4};
  *out = third(local, 4);
}

// An argument is copied on the host, once a launch; each thread has the bytes of that copy.
struct Counted {
  int value;
  static int copies;
  explicit Counted(int value) : value(value) {}
  Counted(const Counted& other) : value(other.value + 1) { copies++; }
};
int Counted::copies;
__global__ void add_own(int* out, Counted counted, char behind) {
  counted.value += threadIdx.x;  // of this thread alone
  out[threadIdx.x] = counted.value + behind;
}

int main() {
  nvtx3::scoped_range whole{"main", nvtx3::rgb{255, 0, 0}};
  int depth = nvtxRangePushA("inner");
  printf("nvtx %d %d %d\n", depth, nvtxRangePop(), cudaProfilerStart());

  float* x;
  cudaMallocManaged(&x, 400);
  int k = 3;
  for_each<<<1, 100>>>(100, [=] __device__(int i) { x[i] = i + k; });
  for_each<<<1, 100>>>(100, [=] __host__ __device__(int i) { x[i] += 1; });
  for_each<<<1, 100>>>(100, Square{x});
  printf("lambdas %g\n", x[2]);
  Kernels<float>::fill<<<1, 4>>>(x, 2.5f);
  printf("member %g\n", x[3]);
  add_all<<<1, 1>>>(x, 1, 2.5f, 3.0);
  add_all<int, int><<<1, 1>>>(x + 1, 1, 2);
  first_of<<<1, 1>>>(x + 2, 7.5f, 'c', nullptr, 4L);
  printf("variadic %g %g %g\n", x[0], x[1], x[2]);

  int* out;
  cudaMallocManaged(&out, 400);
  Counted counted(10);
  add_own<<<1, 1>>>(out, counted, 0);
  int once = Counted::copies, alone = out[0];
  add_own<<<1, 100>>>(out, counted, 0);
  printf("copied %d %d %d\n", Counted::copies == 2 * once, out[0] == alone, out[99] - alone);

  address_spaces<<<1, 1>>>(out);
  printf("spaces");
  for (int i = 0; i < 7; i++) printf(" %d", out[i]);
  printf(" %d\n", where_am_i());
  use_third<<<1, 1>>>(out);
  printf("third %d\n", out[0]);

  cuda::std::complex<float> c(1, 2);
  cuda::std::array<cuda::std::int32_t, 3> array{{1, 2, 3}};
  auto pair = cuda::std::make_tuple(1, cuda::std::numeric_limits<short>::max());
  printf("std %g %d %d %d\n", (c * c).real(), array[1], cuda::std::get<1>(pair),
         cuda::std::is_same<int, cuda::std::int32_t>::value);
  printf("alignments %d %d %d %d %d %d\n", (int)alignof(char4), (int)alignof(float3),
         (int)alignof(float4), (int)alignof(double2), (int)alignof(longlong3),
         (int)alignof(ulong4));
}
