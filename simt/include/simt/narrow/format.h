// Narrow floating-point formats: a number to its bits, rounded once, and back (IEEE 754).
//
// Arithmetic is done in float or double and rounded at the end. That is exact: + - * / and the
// square root of numbers with p bits, rounded first to at least 2p + 2 bits and then to p, are what
// rounding once gives (Figueroa 1995), and half has p = 11, bfloat16 p = 8, float 24. Where a
// result has more bits than that (a fused multiply-add, a double), the first rounding is "to odd":
// a result that is not exact gets 1 as its last bit, so the second rounding can't take it for a tie
// (Boldo and Melquiond 2008).
#pragma once
#include <cmath>
#include <limits>

#include "../intrinsics.h"
#include "../qualifiers.h"

namespace simt {

enum class Rounding { Nearest, Zero, Up, Down };

// Sign, exponent, mantissa, from the highest bit to the lowest.
template <int ExponentBits, int MantissaBits>
struct Format {
  static constexpr int kMantissa = MantissaBits;
  static constexpr int kMinExponent = 2 - (1 << (ExponentBits - 1));  // of the least normal number
  static constexpr unsigned kSign = 1u << (ExponentBits + MantissaBits);
  static constexpr unsigned kInfinity = ((1u << ExponentBits) - 1) << MantissaBits;
  static constexpr unsigned kNan = kSign - 1;  // the one that a GPU makes
};

template <class Layout>
SIMT_UNSEEN inline unsigned round_to(double x, Rounding mode) {
  unsigned sign = std::signbit(x) ? Layout::kSign : 0;
  if (x != x) return Layout::kNan;
  if (std::isinf(x)) return sign | Layout::kInfinity;
  bool to_nearest = mode == Rounding::Nearest;
  bool away = mode == (sign ? Rounding::Down : Rounding::Up);  // from zero
  // In units of the last place, which below the least normal number don't get any smaller.
  int exponent = std::max(std::ilogb(x), Layout::kMinExponent);
  double units = std::ldexp(std::fabs(x), Layout::kMantissa - exponent);
  units = to_nearest ? std::nearbyint(units) : away ? std::ceil(units) : std::floor(units);
  // A carry out of the mantissa increments the exponent, as it should.
  unsigned bits =
      ((unsigned)(exponent - Layout::kMinExponent) << Layout::kMantissa) + (unsigned)units;
  if (bits >= Layout::kInfinity)
    bits = to_nearest || away ? Layout::kInfinity : Layout::kInfinity - 1;
  return sign | bits;
}

template <class Layout>
SIMT_UNSEEN inline float widen(unsigned bits) {
  unsigned magnitude = bits & (Layout::kSign - 1);
  unsigned exponent = magnitude >> Layout::kMantissa,
           mantissa = magnitude & ((1u << Layout::kMantissa) - 1);
  float x;
  if (magnitude >= Layout::kInfinity)
    x = magnitude == Layout::kInfinity ? INFINITY : NAN;
  else if (exponent == 0)
    x = std::ldexp((float)mantissa, Layout::kMinExponent - Layout::kMantissa);
  else
    x = std::ldexp((float)(mantissa | 1u << Layout::kMantissa),
                   Layout::kMinExponent - Layout::kMantissa + (int)exponent - 1);
  return bits & Layout::kSign ? -x : x;
}

// --- the formats, with the fastest way that this processor has for what happens all the time

struct HalfFormat : Format<5, 10> {
#if defined(__F16C__) && defined(__FLT16_MAX__)
  SIMT_INLINE static unsigned short nearest(float x) {
    unsigned short rounded = bits<unsigned short>((_Float16)x);
    return x != x ? kNan : rounded;
  }
  SIMT_INLINE static float wide(unsigned short x) { return bits<_Float16>(x); }
#else
  static unsigned short nearest(float x) { return round_to<HalfFormat>(x, Rounding::Nearest); }
  static float wide(unsigned short x) { return widen<HalfFormat>(x); }
#endif
};

// The upper half of a float.
struct Bfloat16Format : Format<8, 7> {
  SIMT_INLINE static unsigned short nearest(float x) {
    unsigned all = bits<unsigned>(x), last = all >> 16 & 1;
    return x != x ? kNan : (all + 0x7fff + last) >> 16;  // just under one half more; ties: to even
  }
  SIMT_INLINE static float wide(unsigned short x) { return bits<float>((unsigned)x << 16); }
};

// --- rounding to odd, ahead of the rounding that counts

// error: what is missing from x, at least its sign.
SIMT_INLINE double odd_if_inexact(double x, double error) {
  unsigned long long all = bits<unsigned long long>(x);
  bool inexact = std::fabs(error) > 0;  // not for NaN: an infinite x stays what it is
  if (inexact && !(all & 1)) x = bits<double>((error > 0) == (x > 0) ? all + 1 : all - 1);
  return x;
}

inline float to_odd(double x) {
  float nearest = (float)x;
  if ((double)nearest == x || x != x) return nearest;
  unsigned toward_zero = bits<unsigned>(nearest) - (std::fabs((double)nearest) > std::fabs(x));
  return bits<float>(toward_zero | 1);
}

// Any integer, as a double.
template <class Integer>
inline double odd_double(Integer x) {
  unsigned long long magnitude = x < 0 ? 0 - (unsigned long long)x : (unsigned long long)x;
  if (magnitude >> 53) magnitude = (magnitude >> 11 | ((magnitude & 0x7ff) != 0)) << 11;
  return x < 0 ? -(double)magnitude : (double)magnitude;
}

// a * b + c for numbers of at most 24 bits each, so that the product is exact.
inline double odd_fma(double a, double b, double c) {
  double product = a * b, sum = product + c;
  double rest = sum - product, error = (product - (sum - rest)) + (c - rest);  // Knuth's TwoSum
  return odd_if_inexact(sum, error);
}

template <class Layout>
inline unsigned short round_to(double x) {
  return Layout::nearest(to_odd(x));
}

// --- to integers, as a GPU does: what is too large becomes the largest, NaN becomes 0, or only
// the highest bit in 64-bit integers

template <class Integer>
inline Integer to_integer(float x, Rounding mode) {
  constexpr Integer least = std::numeric_limits<Integer>::min(),
                    largest = std::numeric_limits<Integer>::max();
  if (x != x) return sizeof(Integer) == 8 ? (Integer)(1ull << 63) : 0;
  x = mode == Rounding::Nearest ? std::nearbyint(x)
      : mode == Rounding::Zero  ? std::trunc(x)
      : mode == Rounding::Up    ? std::ceil(x)
                                : std::floor(x);
  // As floats, the limits of large integers round up by one: hence >=.
  return x >= (float)largest ? largest : x <= (float)least ? least : (Integer)x;
}

}  // namespace simt
