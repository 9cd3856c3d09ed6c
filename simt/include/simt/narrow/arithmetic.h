// Arithmetic of a narrow type and of pairs (CUDA Math API, "Half Arithmetic Functions" and "Half2
// Arithmetic Functions"). Included once for each type.
//
// _rn says that a product is not to be fused with a sum that uses it, _sat clamps to [0, 1] and
// turns NaN into 0, _relu turns what is negative into 0.

namespace simt {
SIMT_INLINE SIMT_T saturated(SIMT_T x) {
  float wide = x;
  return wide > 0 ? wide < 1 ? x : SIMT_T(1.0f) : SIMT_T(0.0f);
}
SIMT_INLINE SIMT_T relu(SIMT_T x) { return (float)x <= 0 ? SIMT_T(0.0f) : x; }
}  // namespace simt

// name2 does what name does, for each element.
#define SIMT_EACH1(name2, name) \
  SIMT_INLINE SIMT_T2 name2(SIMT_T2 a) { return {name(a.x), name(a.y)}; }
#define SIMT_EACH2(name2, name) \
  SIMT_INLINE SIMT_T2 name2(SIMT_T2 a, SIMT_T2 b) { return {name(a.x, b.x), name(a.y, b.y)}; }
#define SIMT_EACH3(name2, name)                                \
  SIMT_INLINE SIMT_T2 name2(SIMT_T2 a, SIMT_T2 b, SIMT_T2 c) { \
    return {name(a.x, b.x, c.x), name(a.y, b.y, c.y)};         \
  }

#define SIMT_ARITHMETIC(name, op)                                                       \
  SIMT_INLINE SIMT_T name(SIMT_T a, SIMT_T b) { return a op b; }                        \
  SIMT_INLINE SIMT_T name##_rn(SIMT_T a, SIMT_T b) { return a op b; }                   \
  SIMT_INLINE SIMT_T name##_sat(SIMT_T a, SIMT_T b) { return simt::saturated(a op b); } \
  SIMT_EACH2(name##2, name)                                                             \
  SIMT_EACH2(name##2_rn, name##_rn)                                                     \
  SIMT_EACH2(name##2_sat, name##_sat)
SIMT_ARITHMETIC(__hadd, +)
SIMT_ARITHMETIC(__hsub, -)
SIMT_ARITHMETIC(__hmul, *)
#undef SIMT_ARITHMETIC

SIMT_INLINE SIMT_T __hdiv(SIMT_T a, SIMT_T b) { return a / b; }
SIMT_INLINE SIMT_T __hneg(SIMT_T a) { return -a; }
SIMT_INLINE SIMT_T __habs(SIMT_T a) {
  return SIMT_RAW{(unsigned short)(SIMT_RAW(a).x & ~SIMT_FORMAT::kSign)};
}
SIMT_EACH2(__h2div, __hdiv)
SIMT_EACH1(__hneg2, __hneg)
SIMT_EACH1(__habs2, __habs)

// a * b + c, rounded once.
SIMT_INLINE SIMT_T __hfma(SIMT_T a, SIMT_T b, SIMT_T c) {
  return SIMT_T(simt::odd_fma((float)a, (float)b, (float)c));
}
SIMT_INLINE SIMT_T __hfma_sat(SIMT_T a, SIMT_T b, SIMT_T c) {
  return simt::saturated(__hfma(a, b, c));
}
SIMT_INLINE SIMT_T __hfma_relu(SIMT_T a, SIMT_T b, SIMT_T c) { return simt::relu(__hfma(a, b, c)); }
SIMT_EACH3(__hfma2, __hfma)
SIMT_EACH3(__hfma2_sat, __hfma_sat)
SIMT_EACH3(__hfma2_relu, __hfma_relu)

// a * b + c of complex numbers, x + iy.
SIMT_INLINE SIMT_T2 __hcmadd(SIMT_T2 a, SIMT_T2 b, SIMT_T2 c) {
  return {__hfma(-a.y, b.y, __hfma(a.x, b.x, c.x)), __hfma(a.y, b.x, __hfma(a.x, b.y, c.y))};
}
