// Comparisons, the larger and the smaller of two (CUDA Math API, "Half Comparison Functions" and
// "Half2 Comparison Functions"). Included once for each type, after arithmetic.h.

inline bool __hisnan(SIMT_T a) { return (float)a != (float)a; }
inline int __hisinf(SIMT_T a) {
  return __habs(a) == SIMT_T(INFINITY) ? ((float)a > 0 ? 1 : -1) : 0;
}
inline SIMT_T2 __hisnan2(SIMT_T2 a) {
  return {SIMT_T((float)__hisnan(a.x)), SIMT_T((float)__hisnan(a.y))};
}

// With a NaN, __heq is false and __hequ ("unordered") true. Of pairs: __heq2 is 1 or 0 for each
// element, __heq2_mask 0xffff or 0, __hbeq2 says whether it holds for both.
#define SIMT_COMPARE(name, holds)                                                         \
  SIMT_INLINE bool __h##name(SIMT_T p, SIMT_T q) {                                        \
    float a = p, b = q;                                                                   \
    return holds;                                                                         \
  }                                                                                       \
  SIMT_INLINE bool __hb##name##2(SIMT_T2 a, SIMT_T2 b) {                                  \
    return __h##name(a.x, b.x) && __h##name(a.y, b.y);                                    \
  }                                                                                       \
  SIMT_INLINE SIMT_T2 __h##name##2(SIMT_T2 a, SIMT_T2 b) {                                \
    return {SIMT_T((float)__h##name(a.x, b.x)), SIMT_T((float)__h##name(a.y, b.y))};      \
  }                                                                                       \
  SIMT_INLINE unsigned __h##name##2_mask(SIMT_T2 a, SIMT_T2 b) {                          \
    return (__h##name(a.x, b.x) ? 0xffffu : 0) | (__h##name(a.y, b.y) ? 0xffff0000u : 0); \
  }
SIMT_COMPARE(eq, a == b)
SIMT_COMPARE(ne, (a < b) || (a > b))
SIMT_COMPARE(lt, a < b)
SIMT_COMPARE(le, a <= b)
SIMT_COMPARE(gt, a > b)
SIMT_COMPARE(ge, a >= b)
SIMT_COMPARE(equ, !(a < b) && !(a > b))
SIMT_COMPARE(neu, a != b)
SIMT_COMPARE(ltu, !(a >= b))
SIMT_COMPARE(leu, !(a > b))
SIMT_COMPARE(gtu, !(a <= b))
SIMT_COMPARE(geu, !(a < b))
#undef SIMT_COMPARE

// Of a number and NaN: the number, or, with _nan, NaN. +0 is larger than -0.
namespace simt {
SIMT_INLINE bool below(SIMT_T a, SIMT_T b) {
  return (float)a == (float)b ? std::signbit((float)a) && !std::signbit((float)b)
                              : (float)a < (float)b;
}
}  // namespace simt
inline SIMT_T __hmax(SIMT_T a, SIMT_T b) {
  return __hisnan(a) ? SIMT_T((float)b) : __hisnan(b) || simt::below(b, a) ? a : b;
}
inline SIMT_T __hmin(SIMT_T a, SIMT_T b) {
  return __hisnan(a) ? SIMT_T((float)b) : __hisnan(b) || simt::below(a, b) ? a : b;
}
inline SIMT_T __hmax_nan(SIMT_T a, SIMT_T b) {
  return __hisnan(a) || __hisnan(b) ? a + b : __hmax(a, b);
}
inline SIMT_T __hmin_nan(SIMT_T a, SIMT_T b) {
  return __hisnan(a) || __hisnan(b) ? a + b : __hmin(a, b);
}
SIMT_EACH2(__hmax2, __hmax)
SIMT_EACH2(__hmin2, __hmin)
SIMT_EACH2(__hmax2_nan, __hmax_nan)
SIMT_EACH2(__hmin2_nan, __hmin_nan)
