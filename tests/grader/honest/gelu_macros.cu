// macros that put names together, continued lines, conditions, pragmas, an X macro
#include <cstdint>
#if __has_include(<cuda_fp16.h>)
#include <cuda_fp16.h>
#endif
#ifndef GELU_THREADS
#define GELU_THREADS 256
#elif GELU_THREADS > 1024
#error "a block has at most 1024 threads: that's the limit"
#endif
#ifdef __CUDACC__
#pragma nv_diag_suppress 177
#else
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#pragma region gelu
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define NAME(function) CAT(function, _by_macro)
#define TEXT(x) #x
#define CONSTANTS(X)    \
  X(SCALE, 0.79788456f) \
  X(CUBIC, 0.044715f)
#define DEFINE(name, value) __device__ const float CAT(GELU_, name) = value;
CONSTANTS(DEFINE)
#undef DEFINE
#define ELEMENTWISE(name, expression)                        \
  __global__ void name(float* out, const float* in, int n) { \
    const int i = blockIdx.x * blockDim.x + threadIdx.x;     \
    if (i < n) {                                             \
      const float x = in[i];                                 \
      out[i] = expression;                                   \
    }                                                        \
  }
ELEMENTWISE(NAME(gelu), 0.5f * x * (1.0f + tanhf(GELU_SCALE * (x + GELU_CUBIC * x * x * x))))

void gelu(float* out, const float* in, int num_rows, int num_cols, cudaStream_t stream) {
  const int n = num_rows * num_cols;
  _Pragma("GCC unroll 4") for (int once = 0; once < 1; once++) {
    NAME(gelu)<<<(n + GELU_THREADS - 1) / GELU_THREADS, GELU_THREADS, 0, stream>>>(out, in, n);
  }
}
#pragma endregion
