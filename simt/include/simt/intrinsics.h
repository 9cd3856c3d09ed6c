// Integer and type-cast intrinsics, clocks (CUDA Math API, "Integer Intrinsics", "Type Casting").
#pragma once
#include "qualifiers.h"

// --- bits
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll(x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned __brev(unsigned x) {
  unsigned r = 0;
  for (int i = 0; i < 32; i++) r |= (x >> i & 1) << (31 - i);
  return r;
}
inline unsigned long long __brevll(unsigned long long x) {
  return (unsigned long long)__brev((unsigned)x) << 32 | __brev((unsigned)(x >> 32));
}
// Four bytes picked out of the eight of y:x, one for each hexadecimal digit of s.
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned s) {
  unsigned long long both = (unsigned long long)y << 32 | x;
  unsigned r = 0;
  for (int i = 0; i < 4; i++) {
    unsigned pick = s >> (4 * i) & 0xf, byte = both >> (8 * (pick & 7)) & 0xff;
    if (pick & 8) byte = byte & 0x80 ? 0xff : 0;  // the sign, copied
    r |= byte << (8 * i);
  }
  return r;
}
inline unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned n) {
  return (unsigned)(((unsigned long long)hi << 32 | lo) << (n & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned n) {
  return (unsigned)(((unsigned long long)hi << 32 | lo) >> (n & 31));
}
inline unsigned __funnelshift_lc(unsigned lo, unsigned hi, unsigned n) {
  return n < 32 ? __funnelshift_l(lo, hi, n) : lo;
}
inline unsigned __funnelshift_rc(unsigned lo, unsigned hi, unsigned n) {
  return n < 32 ? __funnelshift_r(lo, hi, n) : hi;
}
// The place of the n-th set bit from base on, upwards; of the -n-th downwards if n < 0; or ~0.
inline unsigned __fns(unsigned mask, unsigned base, int n) {
  int step = n < 0 ? -1 : 1, wanted = n < 0 ? -n : n;
  if (wanted == 0) return mask >> base & 1 ? base : ~0u;
  for (int i = (int)base; i >= 0 && i < 32; i += step)
    if (mask >> i & 1 && --wanted == 0) return (unsigned)i;
  return ~0u;
}

// --- products and averages
inline int __mul24(int a, int b) { return (a << 8 >> 8) * (b << 8 >> 8); }
inline unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffff) * (b & 0xffffff); }
inline int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return (unsigned)((unsigned long long)a * b >> 32);
}
inline long long __mul64hi(long long a, long long b) { return (long long)((__int128)a * b >> 64); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}
inline int __hadd(int a, int b) { return (int)(((long long)a + b) >> 1); }
inline int __rhadd(int a, int b) { return (int)(((long long)a + b + 1) >> 1); }
inline unsigned __uhadd(unsigned a, unsigned b) {
  return (unsigned)(((unsigned long long)a + b) >> 1);
}
inline unsigned __urhadd(unsigned a, unsigned b) {
  return (unsigned)(((unsigned long long)a + b + 1) >> 1);
}
inline unsigned __sad(int a, int b, unsigned c) {
  return (a > b ? (unsigned)a - b : (unsigned)b - a) + c;
}
inline unsigned __usad(unsigned a, unsigned b, unsigned c) { return (a > b ? a - b : b - a) + c; }
// Four products of bytes, added up.
inline int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; i++) c += (signed char)(a >> (8 * i)) * (signed char)(b >> (8 * i));
  return c;
}
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int i = 0; i < 4; i++) c += (a >> (8 * i) & 0xff) * (b >> (8 * i) & 0xff);
  return c;
}
// Two products of half-words of a with bytes of b: its low two or its high two.
inline int __dp2a_lo(int a, int b, int c) {
  return (short)a * (signed char)b + (short)(a >> 16) * (signed char)(b >> 8) + c;
}
inline int __dp2a_hi(int a, int b, int c) { return __dp2a_lo(a, b >> 16, c); }
inline unsigned __dp2a_lo(unsigned a, unsigned b, unsigned c) {
  return (a & 0xffff) * (b & 0xff) + (a >> 16) * (b >> 8 & 0xff) + c;
}
inline unsigned __dp2a_hi(unsigned a, unsigned b, unsigned c) { return __dp2a_lo(a, b >> 16, c); }

// --- the same bits as another type
namespace simt {
template <class To, class From>
inline To bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}
}  // namespace simt
inline int __float_as_int(float x) { return simt::bits<int>(x); }
inline unsigned __float_as_uint(float x) { return simt::bits<unsigned>(x); }
inline float __int_as_float(int x) { return simt::bits<float>(x); }
inline float __uint_as_float(unsigned x) { return simt::bits<float>(x); }
inline long long __double_as_longlong(double x) { return simt::bits<long long>(x); }
inline double __longlong_as_double(long long x) { return simt::bits<double>(x); }
inline int __double2hiint(double x) { return (int)(simt::bits<long long>(x) >> 32); }
inline int __double2loint(double x) { return (int)simt::bits<long long>(x); }
inline double __hiloint2double(int hi, int lo) {
  return simt::bits<double>((long long)hi << 32 | (unsigned)lo);
}

// --- conversions with a stated rounding: rn to nearest even, rz to zero, ru up, rd down
#define SIMT_CONVERT(T, name, From, prefix)                                       \
  inline T __##prefix##2##name##_rn(From x) { return (T)::nearbyint((double)x); } \
  inline T __##prefix##2##name##_rz(From x) { return (T)::trunc((double)x); }     \
  inline T __##prefix##2##name##_ru(From x) { return (T)::ceil((double)x); }      \
  inline T __##prefix##2##name##_rd(From x) { return (T)::floor((double)x); }
SIMT_CONVERT(int, int, float, float)
SIMT_CONVERT(unsigned, uint, float, float)
SIMT_CONVERT(long long, ll, float, float)
SIMT_CONVERT(unsigned long long, ull, float, float)
SIMT_CONVERT(int, int, double, double)
SIMT_CONVERT(unsigned, uint, double, double)
SIMT_CONVERT(long long, ll, double, double)
SIMT_CONVERT(unsigned long long, ull, double, double)
#undef SIMT_CONVERT
inline float __int2float_rn(int x) { return (float)x; }
inline float __uint2float_rn(unsigned x) { return (float)x; }
inline float __ll2float_rn(long long x) { return (float)x; }
inline double __int2double_rn(int x) { return (double)x; }
inline double __uint2double_rn(unsigned x) { return (double)x; }
inline double __ll2double_rn(long long x) { return (double)x; }
inline float __double2float_rn(double x) { return (float)x; }

// --- clocks, and the GPU's way to give up
namespace simt {
SIMT_HIDDEN long long nanoseconds();
[[noreturn]] SIMT_HIDDEN void trap(const char* file, int line);
SIMT_HIDDEN void spin_hint();  // block.cpp: let others run
}  // namespace simt
// clock() is <time.h>'s: runtime/clock.cpp gives it a second meaning in kernels.
inline long long clock64() { return simt::nanoseconds(); }
inline unsigned long long __globaltimer() { return (unsigned long long)simt::nanoseconds(); }
inline void __trap(SIMT_HERE) { simt::trap(file, line); }
inline void __nanosleep(unsigned) { simt::spin_hint(); }
inline void __brkpt() {}
inline void __prof_trigger(int) {}
