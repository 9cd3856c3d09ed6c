// Pairs of narrow numbers, shuffles, atomics, operators and conversions as C++ chooses them.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdio>

#define SHOW(name, ...)                                           \
  {                                                               \
    auto v = __VA_ARGS__;                                         \
    printf(name " %.9g %.9g\n", __low2float(v), __high2float(v)); \
  }
__global__ void pairs() {
  __half2 a = __floats2half2_rn(1.5f, -2.0f), b = make_half2(0.5f, 3);
  SHOW("add", __hadd2(a, b));
  SHOW("operators", (a + b) * a - a / b);
  SHOW("fma", __hfma2(a, b, a));
  SHOW("div", __h2div(a, b));
  SHOW("neg", __hneg2(a));
  SHOW("abs", __habs2(a));
  SHOW("max", __hmax2(a, b));
  SHOW("eq", __heq2(a, __halves2half2(a.x, b.y)));
  SHOW("lt", __hlt2(a, b));
  SHOW("isnan", __hisnan2(__halves2half2(CUDART_NAN_FP16, CUDART_INF_FP16)));
  SHOW("swap", __lowhigh2highlow(a));
  SHOW("lows", __lows2half2(a, b));
  SHOW("highs", __highs2half2(a, b));
  SHOW("low2", __low2half2(a));
  SHOW("high2", __high2half2(a));
  SHOW("twice", __half2half2(__high2half(b)));
  SHOW("constant", __float2half2_rn(0.25f));
  SHOW("float2", __float22half2_rn(__half22float2(b)));
  SHOW("sqrt", h2sqrt(__floats2half2_rn(4, 9)));
  SHOW("bfloat16", __hmul2(__floats2bfloat162_rn(1.5f, -2), __float2bfloat162_rn(3)));
  SHOW("bfloat16_halves", __halves2bfloat162(__low2bfloat16(make_bfloat162(5, 6)), 7.0f));
  printf("both %d %d %d %d\n", __hbeq2(a, a), __hbne2(a, b), __hblt2(a, b), a == a);
  printf("mask %u\n", __hgt2_mask(a, b));

  __half h = 2.5;
  h += 1;
  h++;
  int whole = h;
  float wide = h;
  __nv_bfloat16 other(h);
  printf("scalar %d %.9g %.9g %d %d\n", whole, wide, (float)other, h ? 1 : 0, h < __half(0));
  printf("bits %d %d\n", __half_as_ushort(__half(1)), __half_as_short(__short_as_half(-32768)));
  printf("inf %d %d %d\n", __hisinf(CUDART_INF_FP16), __hisinf(-CUDART_INF_FP16), __hisinf(h));
}

template <class T, class T2>
__global__ void together(T* sum, T2* sum2, float* out) {
  T mine = T((float)threadIdx.x);
  T2 both = {mine, -mine};
  atomicAdd(sum, T(0.5f));
  atomicAdd(sum2, T2(T(1.0f), T(-2.0f)));
  out[threadIdx.x] = __shfl_xor_sync(0xffffffffu, mine, 1);
  out[32 + threadIdx.x] = __high2float(__shfl_down_sync(0xffffffffu, both, 2));
  // Read as words: several at a time, as kernels do it to save on loads.
  __shared__ __align__(16) T values[32 * 8];
  for (int i = 0; i < 8; i++) values[threadIdx.x * 8 + i] = T((float)(threadIdx.x + i));
  int4 eight = reinterpret_cast<int4*>(values)[threadIdx.x];
  T2* four = reinterpret_cast<T2*>(&eight);
  out[64 + threadIdx.x] = (float)__ldg(&four[1].y);
}
template <class T, class T2>
void show_together(const char* name) {
  T* sum;
  T2* sum2;
  float* out;
  cudaMalloc(&sum, sizeof(T)), cudaMalloc(&sum2, sizeof(T2)), cudaMalloc(&out, 96 * sizeof(float));
  cudaMemset(sum, 0, sizeof(T)), cudaMemset(sum2, 0, sizeof(T2));
  together<<<1, 32>>>(sum, sum2, out);
  printf("%s %g %g %g", name, (float)*sum, (float)sum2->x, (float)sum2->y);
  for (int i = 0; i < 96; i++) printf(" %g", out[i]);
  printf("\n");
}

int main() {
  pairs<<<1, 1>>>();
  show_together<__half, __half2>("together_half");
  show_together<__nv_bfloat16, __nv_bfloat162>("together_bfloat16");
}
