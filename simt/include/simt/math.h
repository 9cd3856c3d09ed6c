// Math functions that CUDA has beyond <math.h>, and the fast __-forms, which are exact ones here.
#pragma once
#include "qualifiers.h"

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / ::sqrt(x); }
inline float rsqrt(float x) { return rsqrtf(x); }
inline float rcbrtf(float x) { return 1.0f / cbrtf(x); }
inline double rcbrt(double x) { return 1.0 / ::cbrt(x); }
inline float rhypotf(float x, float y) { return 1.0f / hypotf(x, y); }
inline float norm3df(float a, float b, float c) { return sqrtf(a * a + b * b + c * c); }
inline float rnorm3df(float a, float b, float c) { return 1.0f / norm3df(a, b, c); }
inline float norm4df(float a, float b, float c, float d) {
  return sqrtf(a * a + b * b + c * c + d * d);
}
inline double normcdf(double x) { return 0.5 * ::erfc(-x * M_SQRT1_2); }
inline float normcdff(float x) { return (float)normcdf((double)x); }
inline double erfcx(double x) { return ::exp(x * x) * ::erfc(x); }
inline float erfcxf(float x) { return (float)erfcx((double)x); }

// The inverses: a rational first guess (Abramowitz and Stegun 26.2.22), then Halley's steps.
inline double erfcinv(double x) {
  if (!(x > 0 && x < 2)) return x == 0 ? INFINITY : x == 2 ? -INFINITY : NAN;
  if (x > 1) return -erfcinv(2 - x);
  double t = ::sqrt(-2 * ::log(x / 2));
  double y = M_SQRT1_2 * (t - (2.30753 + 0.27061 * t) / (1 + t * (0.99229 + 0.04481 * t)));
  for (int i = 0; i < 3; i++) {
    double off = ::erfc(y) - x;
    y += off / (M_2_SQRTPI * ::exp(-y * y) - y * off);
  }
  return y;
}
inline double erfinv(double x) {
  double y = erfcinv(1 - x);
  if (::fabs(x) > 0.5) return y;
  return y - (::erf(y) - x) / (M_2_SQRTPI * ::exp(-y * y));  // 1 - x has lost digits of x
}
inline double normcdfinv(double x) { return -M_SQRT2 * erfcinv(2 * x); }
inline float erfcinvf(float x) { return (float)erfcinv((double)x); }
inline float erfinvf(float x) { return (float)erfinv((double)x); }
inline float normcdfinvf(float x) { return (float)normcdfinv((double)x); }
// Modified Bessel functions by their series, in which all terms have one sign.
inline double simt_bessel_i(int order, double x) {
  double term = order ? x / 2 : 1, sum = 0;
  for (int k = 1; sum != sum + term; k++) {
    sum += term;
    term *= x * x / 4 / k / (k + order);
  }
  return sum;
}
inline double cyl_bessel_i0(double x) { return simt_bessel_i(0, x); }
inline double cyl_bessel_i1(double x) { return simt_bessel_i(1, x); }
inline float cyl_bessel_i0f(float x) { return (float)cyl_bessel_i0((double)x); }
inline float cyl_bessel_i1f(float x) { return (float)cyl_bessel_i1((double)x); }

// sin(pi x): reduced first, so that it is exact at whole and half numbers.
inline double sinpi(double x) {
  double r = ::remainder(x, 2.0);  // in [-1, 1]
  if (r == ::trunc(r)) return ::copysign(0.0, x);
  return ::sin(r * M_PI);
}
inline double cospi(double x) {
  double r = ::fabs(::remainder(x, 2.0));  // in [0, 1]
  return r == 0.5 ? 0.0 : ::cos(r * M_PI);
}
inline float sinpif(float x) { return (float)sinpi((double)x); }
inline float cospif(float x) { return (float)cospi((double)x); }
inline void sincospi(double x, double* s, double* c) { *s = sinpi(x), *c = cospi(x); }
inline void sincospif(float x, float* s, float* c) { *s = sinpif(x), *c = cospif(x); }

// min and max of any two arithmetic types, as CUDA overloads them.
#define SIMT_MIN_MAX(T)                            \
  inline T min(T a, T b) { return b < a ? b : a; } \
  inline T max(T a, T b) { return a < b ? b : a; }
SIMT_MIN_MAX(int)
SIMT_MIN_MAX(unsigned)
SIMT_MIN_MAX(long)
SIMT_MIN_MAX(unsigned long)
SIMT_MIN_MAX(long long)
SIMT_MIN_MAX(unsigned long long)
#undef SIMT_MIN_MAX
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return ::fmin(a, b); }
inline double max(double a, double b) { return ::fmax(a, b); }
template <class A, class B>
using simt_both =
    typename std::enable_if<std::is_arithmetic<A>::value && std::is_arithmetic<B>::value &&
                                !std::is_same<A, B>::value,
                            typename std::common_type<A, B>::type>::type;
template <class A, class B>
inline simt_both<A, B> min(A a, B b) {
  return min((simt_both<A, B>)a, (simt_both<A, B>)b);
}
template <class A, class B>
inline simt_both<A, B> max(A a, B b) {
  return max((simt_both<A, B>)a, (simt_both<A, B>)b);
}
inline unsigned umin(unsigned a, unsigned b) { return min(a, b); }
inline unsigned umax(unsigned a, unsigned b) { return max(a, b); }
inline long long llmin(long long a, long long b) { return min(a, b); }
inline long long llmax(long long a, long long b) { return max(a, b); }
inline unsigned long long ullmin(unsigned long long a, unsigned long long b) { return min(a, b); }
inline unsigned long long ullmax(unsigned long long a, unsigned long long b) { return max(a, b); }
inline float __saturatef(float x) { return fminf(fmaxf(x, 0.0f), 1.0f); }

// tanhf as CUDA computes it, to about 2 units in the last place: a polynomial near 0 (fitted for
// |x| < 0.6), else by exp. Several times faster than the C library's, which is exact to one. (In an
// instrumented build it is one call, like expf.)
SIMT_UNSEEN inline float simt_tanhf(float x) {
  float a = fabsf(x), s = x * x;
  float p = -6.276371889e-3f;
  p = p * s + 2.111620083e-2f;
  p = p * s - 5.387513340e-2f;
  p = p * s + 1.333292425e-1f;
  p = p * s - 3.333333135e-1f;
  float near_0 = x + x * s * p, beyond = copysignf(1.0f - 2.0f / (expf(2.0f * a) + 1.0f), x);
  // One of the two, by masks: a branch would be mispredicted for every third random number or so.
  unsigned bits[2], mask = -(unsigned)(a >= 0.6f);
  memcpy(&bits[0], &near_0, 4);
  memcpy(&bits[1], &beyond, 4);
  unsigned chosen = (bits[0] & ~mask) | (bits[1] & mask);
  memcpy(&x, &chosen, 4);
  return x;
}
#define tanhf simt_tanhf

// The C library has internal functions of these names, hence macros.
#define __expf(x) expf(x)
#define __exp10f(x) powf(10.0f, (x))
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __tanhf(x) tanhf(x)
#define __powf(x, y) powf((x), (y))
#define __sincosf(x, s, c) (*(s) = sinf(x), *(c) = cosf(x), (void)0)

inline float __fdividef(float a, float b) { return a / b; }
inline float fdividef(float a, float b) { return a / b; }
inline float __frsqrt_rn(float x) { return 1.0f / sqrtf(x); }

// Arithmetic with a stated rounding. _rn (to nearest) is what the CPU does; the other three
// (_rz, _ru, _rd) round to nearest as well: a difference of at most one unit in the last place.
#define SIMT_ROUNDED(mode)                                                                    \
  inline float __fadd_##mode(float a, float b) { return a + b; }                              \
  inline float __fsub_##mode(float a, float b) { return a - b; }                              \
  inline float __fmul_##mode(float a, float b) { return a * b; }                              \
  inline float __fdiv_##mode(float a, float b) { return a / b; }                              \
  inline float __fmaf_##mode(float a, float b, float c) { return __builtin_fmaf(a, b, c); }   \
  inline float __fsqrt_##mode(float a) { return sqrtf(a); }                                   \
  inline float __frcp_##mode(float a) { return 1.0f / a; }                                    \
  inline double __dadd_##mode(double a, double b) { return a + b; }                           \
  inline double __dsub_##mode(double a, double b) { return a - b; }                           \
  inline double __dmul_##mode(double a, double b) { return a * b; }                           \
  inline double __ddiv_##mode(double a, double b) { return a / b; }                           \
  inline double __fma_##mode(double a, double b, double c) { return __builtin_fma(a, b, c); } \
  inline double __dsqrt_##mode(double a) { return ::sqrt(a); }                                \
  inline double __drcp_##mode(double a) { return 1.0 / a; }
SIMT_ROUNDED(rn)
SIMT_ROUNDED(rz)
SIMT_ROUNDED(ru)
SIMT_ROUNDED(rd)
#undef SIMT_ROUNDED
