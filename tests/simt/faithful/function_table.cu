// Functions chosen at run time: a table of device functions, a pointer taken from the device and
// passed as an argument, a switch in a template, and functors as template arguments.
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

typedef int (*BinaryOp)(int, int);

__device__ __noinline__ int add(int a, int b) { return a + b; }
__device__ __noinline__ int subtract(int a, int b) { return a - b; }
__device__ __noinline__ int multiply(int a, int b) { return a * b; }
__device__ __noinline__ int larger(int a, int b) { return a > b ? a : b; }

__device__ BinaryOp table[] = {add, subtract, multiply, larger};
__device__ BinaryOp chosen = multiply;

__global__ void byTable(const int* a, const int* b, int* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = table[i % 4](a[i], b[i]);
}

__global__ void byPointer(const int* a, const int* b, int* out, int n, BinaryOp op) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = op(a[i], b[i]);
}

struct Affine {
  int scale, offset;
  __host__ __device__ int operator()(int a, int b) const { return scale * a + b + offset; }
};

template <class Op>
__global__ void byFunctor(const int* a, const int* b, int* out, int n, Op op) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = op(a[i], b[i]);
}

enum class Kind { Sum, Product };
template <Kind kind>
__device__ int fold(const int* values, int n) {
  int result = kind == Kind::Sum ? 0 : 1;
  for (int i = 0; i < n; i++) {
    switch (kind) {
      case Kind::Sum:
        result += values[i];
        break;
      case Kind::Product:
        result *= values[i] | 1;
        break;
    }
  }
  return result;
}
template <Kind kind>
__global__ void folds(const int* values, int* out, int each) {
  out[threadIdx.x] = fold<kind>(values + threadIdx.x * each, each);
}

// A chain of operations, as a variadic template.
template <class T>
__device__ T apply(T x) {
  return x;
}
template <class T, class F, class... Rest>
__device__ T apply(T x, F first, Rest... rest) {
  return apply(first(x), rest...);
}
struct Increment {
  __device__ int operator()(int x) const { return x + 1; }
};
struct Times {
  int factor;
  __device__ int operator()(int x) const { return x * factor; }
};
template <class... Ops>
__global__ void chain(int* x, int n, Ops... ops) {
  int i = threadIdx.x;
  if (i < n) x[i] = apply(x[i], ops...);
}

int main() {
  const int n = 64;
  int a[n], b[n], out[n], *d_a, *d_b, *d_out;
  for (int i = 0; i < n; i++) a[i] = i * 3, b[i] = 70 - i;
  CHECK(cudaMalloc(&d_a, sizeof a));
  CHECK(cudaMalloc(&d_b, sizeof b));
  CHECK(cudaMalloc(&d_out, sizeof out));
  CHECK(cudaMemcpy(d_a, a, sizeof a, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(d_b, b, sizeof b, cudaMemcpyHostToDevice));
  auto show = [&](const char* name) {
    CHECK(cudaGetLastError());
    CHECK(cudaMemcpy(out, d_out, sizeof out, cudaMemcpyDeviceToHost));
    int sum = 0;
    for (int i = 0; i < n; i++) sum += out[i];
    printf("%s = %d %d %d %d, sum %d\n", name, out[0], out[1], out[2], out[3], sum);
  };
  byTable<<<2, 32>>>(d_a, d_b, d_out, n);
  show("table");
  BinaryOp op;
  CHECK(cudaMemcpyFromSymbol(&op, chosen, sizeof(BinaryOp)));
  byPointer<<<2, 32>>>(d_a, d_b, d_out, n, op);
  show("pointer");
  byFunctor<<<2, 32>>>(d_a, d_b, d_out, n, Affine{2, 100});
  show("functor");
  folds<Kind::Sum><<<1, n / 4>>>(d_a, d_out, 4);
  folds<Kind::Product><<<1, n / 4>>>(d_a, d_out + n / 4, 2);
  show("folds");
  chain<<<1, n>>>(d_a, n, Increment(), Times{3}, Increment());
  CHECK(cudaMemcpy(d_out, d_a, sizeof a, cudaMemcpyDeviceToDevice));
  show("chain");
  CHECK(cudaFree(d_a));
  CHECK(cudaFree(d_b));
  CHECK(cudaFree(d_out));
}
