// Functions of __half and __nv_bfloat16 on arrays, as a library: half_hexp(n, out, a), ...
// tests/simt/test_half.py calls each by its name. 16-bit numbers are passed as their bits.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

// out[i] = expression, in which i is the element. In plain loops: here, host code is device code.
#define EXPORT(name, Out, parameters, expression)            \
  extern "C" void name(int n, Out* out, EXPAND parameters) { \
    for (int i = 0; i < n; i++) out[i] = expression;         \
  }
#define EXPAND(...) __VA_ARGS__
#define UNARY(T, prefix, f) EXPORT(prefix##_##f, T, (const T* a), f(a[i]))
#define BINARY(T, prefix, f) EXPORT(prefix##_##f, T, (const T* a, const T* b), f(a[i], b[i]))
#define TERNARY(T, prefix, f) \
  EXPORT(prefix##_##f, T, (const T* a, const T* b, const T* c), f(a[i], b[i], c[i]))
#define CONVERT(To, f, From) EXPORT(convert##f, To, (const From* a), f(a[i]))

// clang-format off
#define FUNCTIONS(T, prefix)                                                                \
  UNARY(T, prefix, __hneg) UNARY(T, prefix, __habs) UNARY(T, prefix, hceil)                 \
  UNARY(T, prefix, hfloor) UNARY(T, prefix, htrunc) UNARY(T, prefix, hrint)                 \
  UNARY(T, prefix, hsqrt) UNARY(T, prefix, hrsqrt) UNARY(T, prefix, hrcp)                   \
  UNARY(T, prefix, hexp) UNARY(T, prefix, hexp2) UNARY(T, prefix, hexp10)                   \
  UNARY(T, prefix, hlog) UNARY(T, prefix, hlog2) UNARY(T, prefix, hlog10)                   \
  UNARY(T, prefix, hsin) UNARY(T, prefix, hcos) UNARY(T, prefix, htanh)                     \
  BINARY(T, prefix, __hadd) BINARY(T, prefix, __hsub) BINARY(T, prefix, __hmul)             \
  BINARY(T, prefix, __hdiv) BINARY(T, prefix, __hadd_sat) BINARY(T, prefix, __hmax)         \
  BINARY(T, prefix, __hmin) BINARY(T, prefix, __hmax_nan) BINARY(T, prefix, __hmin_nan)     \
  TERNARY(T, prefix, __hfma) TERNARY(T, prefix, __hfma_sat) TERNARY(T, prefix, __hfma_relu) \
  COMPARISONS(T, prefix, eq) COMPARISONS(T, prefix, ne) COMPARISONS(T, prefix, lt)          \
  COMPARISONS(T, prefix, le) COMPARISONS(T, prefix, gt) COMPARISONS(T, prefix, ge)
// clang-format on
#define COMPARISONS(T, prefix, name)                                            \
  EXPORT(prefix##_##name, int, (const T* a, const T* b), __h##name(a[i], b[i])) \
  EXPORT(prefix##_##name##u, int, (const T* a, const T* b), __h##name##u(a[i], b[i]))
FUNCTIONS(__half, half)
FUNCTIONS(__nv_bfloat16, bfloat16)

BINARY(__half2, half, __hmul2)
TERNARY(__half2, half, __hfma2)
TERNARY(__half2, half, __hcmadd)
BINARY(__nv_bfloat162, bfloat16, __hmul2)
TERNARY(__nv_bfloat162, bfloat16, __hfma2)
TERNARY(__nv_bfloat162, bfloat16, __hcmadd)

CONVERT(float, __half2float, __half)
CONVERT(float, __bfloat162float, __nv_bfloat16)
CONVERT(int, __half2int_rn, __half)
CONVERT(int, __half2int_rz, __half)
CONVERT(int, __half2int_ru, __half)
CONVERT(int, __half2int_rd, __half)
CONVERT(short, __half2short_rn, __half)
CONVERT(unsigned, __half2uint_rz, __half)
CONVERT(unsigned char, __half2uchar_rz, __half)
CONVERT(int, __bfloat162int_rn, __nv_bfloat16)
CONVERT(long long, __bfloat162ll_rz, __nv_bfloat16)
CONVERT(unsigned long long, __bfloat162ull_rd, __nv_bfloat16)

CONVERT(__half, __float2half, float)
CONVERT(__half, __float2half_rn, float)
CONVERT(__half, __float2half_rz, float)
CONVERT(__half, __float2half_ru, float)
CONVERT(__half, __float2half_rd, float)
CONVERT(__half, __double2half, double)
CONVERT(__half, __int2half_rn, int)
CONVERT(__half, __ushort2half_rn, unsigned short)
CONVERT(__nv_bfloat16, __float2bfloat16, float)
CONVERT(__nv_bfloat16, __float2bfloat16_rn, float)
CONVERT(__nv_bfloat16, __float2bfloat16_rz, float)
CONVERT(__nv_bfloat16, __float2bfloat16_ru, float)
CONVERT(__nv_bfloat16, __float2bfloat16_rd, float)
CONVERT(__nv_bfloat16, __double2bfloat16, double)
CONVERT(__nv_bfloat16, __int2bfloat16_rn, int)
CONVERT(__nv_bfloat16, __ll2bfloat16_rn, long long)

#ifdef __SIMT__
// Without the processor's own conversions, for those that have none.
static float widen(__half x) { return simt::widen<simt::HalfFormat>(__half_as_ushort(x)); }
CONVERT(float, widen, __half)
#endif
