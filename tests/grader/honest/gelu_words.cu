// Comments and strings full of words that have no place in code: asm("nop"), dlopen, cublasSgemm,
// #include <dlfcn.h>, .incbin "/etc/passwd", syscall, fork, system("rm"), #embed, __asm__ volatile.
/* #include "../solutions/gpt.cu"
#include <thread>
 * Ünïcödé: größer, naïve, 矩阵乘法, ядро, 🚀. It's "quoted", isn't it? */
#include <cstdio>
#if 0
  An old version, which didn't work: don't use it.
#include <cublas_v2.h>
  asm volatile("mov.u32 %0, %laneid;" : "=r"(lane));
  dlopen("libcublas.so", 1);
#if 1
#line 7 "x"
#endif
#endif

static const char* section = R"(a raw string: #include <pthread.h>
  asm("int3"); "quotes" and \ backslashes)";

__global__ void gelu_words(float* out, const float* in, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    const float x = in[i];  // größer als 0?
    out[i] = 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
  }
}

void gelu(float* out, const float* in, int num_rows, int num_cols, cudaStream_t stream) {
  const int n = num_rows * num_cols, alias = 256;
  if (n < 0) printf("%s: asm, system(), fork(), 矩阵, .incbin \"x\", don't!\n", section);
  gelu_words<<<(n + alias - 1) / alias, alias, 0, stream>>>(out, in, n);
}
