// Arithmetic on the two half-words or four bytes of a word (CUDA Math API, "SIMD Intrinsics").
// The last letter but one says how a part is read, s (signed) or u (unsigned), the digit how many
// there are: __vmaxs4, __vavgu2.
#pragma once
#include "qualifiers.h"

namespace simt {
// f of each two parts, cut to the part's size. T is the type of a part.
template <class T, class F>
inline unsigned each_part(unsigned a, unsigned b, F f) {
  constexpr int bits = 8 * sizeof(T);
  constexpr unsigned mask = (1u << bits) - 1;
  unsigned result = 0;
  for (int i = 0; i < 32; i += bits) result |= ((unsigned)f((T)(a >> i), (T)(b >> i)) & mask) << i;
  return result;
}
template <class T>
inline int saturate(int x) {
  constexpr int low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
  return x < low ? low : x > high ? high : x;
}
template <class T>
inline unsigned sum_of_differences(unsigned a, unsigned b) {
  unsigned sum = 0;
  for (unsigned i = 0; i < 32; i += 8 * sizeof(T)) sum += abs((int)(T)(a >> i) - (int)(T)(b >> i));
  return sum;
}
}  // namespace simt

#define SIMT_PARTS(name, T, result)                                              \
  inline unsigned name(unsigned a, unsigned b) {                                 \
    return simt::each_part<T>(a, b, [](int x, int y) -> int { return result; }); \
  }
#define SIMT_PARTS_OF_ONE(name, T, result)                                     \
  inline unsigned name(unsigned a) {                                           \
    return simt::each_part<T>(a, 0, [](int x, int) -> int { return result; }); \
  }
#define SIMT_COMPARED(what, n, letter, T, holds)           \
  SIMT_PARTS(__vcmp##what##letter##n, T, (holds) ? -1 : 0) \
  SIMT_PARTS(__vset##what##letter##n, T, holds)
#define SIMT_SIGNED_OR_NOT(n, letter, T)                        \
  SIMT_PARTS(__vadd##letter##s##n, T, simt::saturate<T>(x + y)) \
  SIMT_PARTS(__vsub##letter##s##n, T, simt::saturate<T>(x - y)) \
  SIMT_PARTS(__vabsdiff##letter##n, T, abs(x - y))              \
  SIMT_PARTS(__vmin##letter##n, T, x < y ? x : y)               \
  SIMT_PARTS(__vmax##letter##n, T, x < y ? y : x)               \
  SIMT_COMPARED(ge, n, letter, T, x >= y)                       \
  SIMT_COMPARED(gt, n, letter, T, x > y)                        \
  SIMT_COMPARED(le, n, letter, T, x <= y)                       \
  SIMT_COMPARED(lt, n, letter, T, x < y)                        \
  inline unsigned __vsad##letter##n(unsigned a, unsigned b) {   \
    return simt::sum_of_differences<T>(a, b);                   \
  }
#define SIMT_SIMD(n, S, U)                                     \
  SIMT_PARTS(__vadd##n, U, x + y)                              \
  SIMT_PARTS(__vsub##n, U, x - y)                              \
  SIMT_PARTS(__vavgs##n, S, (x + y + (x + y >= 0)) >> 1)       \
  SIMT_PARTS(__vavgu##n, U, (x + y + 1) >> 1)                  \
  SIMT_PARTS(__vhaddu##n, U, (x + y) >> 1)                     \
  SIMT_PARTS_OF_ONE(__vabs##n, S, abs(x))                      \
  SIMT_PARTS_OF_ONE(__vabsss##n, S, simt::saturate<S>(abs(x))) \
  SIMT_PARTS_OF_ONE(__vneg##n, S, -x)                          \
  SIMT_PARTS_OF_ONE(__vnegss##n, S, simt::saturate<S>(-x))     \
  SIMT_COMPARED(eq, n, , U, x == y)                            \
  SIMT_COMPARED(ne, n, , U, x != y)                            \
  SIMT_SIGNED_OR_NOT(n, s, S)                                  \
  SIMT_SIGNED_OR_NOT(n, u, U)
SIMT_SIMD(2, short, unsigned short)
SIMT_SIMD(4, signed char, unsigned char)
#undef SIMT_SIMD
#undef SIMT_SIGNED_OR_NOT
#undef SIMT_COMPARED
#undef SIMT_PARTS_OF_ONE
#undef SIMT_PARTS
