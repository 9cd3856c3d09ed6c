// One narrow type, SIMT_T, and a pair of them, SIMT_T2: construction, conversion, operators.
// Included once for each type, with SIMT_T, SIMT_T2 and SIMT_FORMAT set (cuda_fp16.h, cuda_bf16.h),
// like the other headers of this folder but format.h.

// Bits. may_alias: CUDA programs read and write several of them as one int4 or float4.
struct __attribute__((may_alias)) SIMT_T {
  using simt_format = SIMT_FORMAT;

  SIMT_T() = default;
  SIMT_INLINE constexpr SIMT_T(const SIMT_RAW& raw) : bits_(raw.x) {}
  SIMT_INLINE SIMT_T(float x) : bits_(SIMT_FORMAT::nearest(x)) {}
  SIMT_INLINE SIMT_T(double x) : bits_(simt::round_to<SIMT_FORMAT>(x)) {}
  template <class Other, class = typename Other::simt_format>
  SIMT_INLINE explicit SIMT_T(const Other& x) : SIMT_T((float)x) {}

  SIMT_INLINE operator SIMT_RAW() const { return {bits_}; }
  SIMT_INLINE operator float() const { return SIMT_FORMAT::wide(bits_); }
  SIMT_INLINE operator bool() const { return (float)*this != 0; }

#define SIMT_TO(Integer)                                                  \
  SIMT_INLINE operator Integer() const {                                  \
    return simt::to_integer<Integer>((float)*this, simt::Rounding::Zero); \
  }
#define SIMT_FROM_AND_TO(Integer)                                                            \
  SIMT_INLINE SIMT_T(Integer x) : bits_(simt::round_to<SIMT_FORMAT>(simt::odd_double(x))) {} \
  SIMT_TO(Integer)
  SIMT_TO(char)
  SIMT_TO(signed char)
  SIMT_TO(unsigned char)
  SIMT_FROM_AND_TO(short)
  SIMT_FROM_AND_TO(unsigned short)
  SIMT_FROM_AND_TO(int)
  SIMT_FROM_AND_TO(unsigned int)
  SIMT_FROM_AND_TO(long)
  SIMT_FROM_AND_TO(unsigned long)
  SIMT_FROM_AND_TO(long long)
  SIMT_FROM_AND_TO(unsigned long long)
#undef SIMT_TO
#undef SIMT_FROM_AND_TO

  unsigned short bits_;  // public, or g++ would warn of each memcpy and memset to one
};

struct __attribute__((may_alias, aligned(4))) SIMT_T2 {
  SIMT_T x, y;
  SIMT_T2() = default;
  SIMT_INLINE constexpr SIMT_T2(const SIMT_T& x, const SIMT_T& y) : x(x), y(y) {}
  SIMT_INLINE constexpr SIMT_T2(const SIMT_RAW2& raw) : x(SIMT_RAW{raw.x}), y(SIMT_RAW{raw.y}) {}
  SIMT_INLINE operator SIMT_RAW2() const { return {SIMT_RAW(x).x, SIMT_RAW(y).x}; }
};

// --- operators. Those of pairs work on each element; comparisons ask whether it holds for both.

#define SIMT_OPERATOR(op, assign)                                                        \
  SIMT_INLINE SIMT_T operator op(const SIMT_T& a, const SIMT_T& b) {                     \
    return SIMT_T(float(a) op float(b));                                                 \
  }                                                                                      \
  SIMT_INLINE SIMT_T& operator assign(SIMT_T& a, const SIMT_T& b) { return a = a op b; } \
  SIMT_INLINE SIMT_T2 operator op(const SIMT_T2& a, const SIMT_T2& b) {                  \
    return {a.x op b.x, a.y op b.y};                                                     \
  }                                                                                      \
  SIMT_INLINE SIMT_T2& operator assign(SIMT_T2& a, const SIMT_T2& b) { return a = a op b; }
SIMT_OPERATOR(+, +=)
SIMT_OPERATOR(-, -=)
SIMT_OPERATOR(*, *=)
SIMT_OPERATOR(/, /=)
#undef SIMT_OPERATOR

#define SIMT_COMPARISON(op)                                                                       \
  SIMT_INLINE bool operator op(const SIMT_T& a, const SIMT_T& b) { return float(a) op float(b); } \
  SIMT_INLINE bool operator op(const SIMT_T2& a, const SIMT_T2& b) {                              \
    return a.x op b.x && a.y op b.y;                                                              \
  }
SIMT_COMPARISON(==)
SIMT_COMPARISON(!=)
SIMT_COMPARISON(<)
SIMT_COMPARISON(<=)
SIMT_COMPARISON(>)
SIMT_COMPARISON(>=)
#undef SIMT_COMPARISON

SIMT_INLINE SIMT_T operator+(const SIMT_T& a) { return a; }
SIMT_INLINE SIMT_T2 operator+(const SIMT_T2& a) { return a; }
SIMT_INLINE SIMT_T operator-(const SIMT_T& a) {
  return SIMT_RAW{(unsigned short)(SIMT_RAW(a).x ^ SIMT_FORMAT::kSign)};
}
SIMT_INLINE SIMT_T2 operator-(const SIMT_T2& a) { return {-a.x, -a.y}; }

SIMT_INLINE SIMT_T& operator++(SIMT_T& a) { return a += SIMT_T(1.0f); }
SIMT_INLINE SIMT_T& operator--(SIMT_T& a) { return a -= SIMT_T(1.0f); }
SIMT_INLINE SIMT_T2& operator++(SIMT_T2& a) { return ++a.x, ++a.y, a; }
SIMT_INLINE SIMT_T2& operator--(SIMT_T2& a) { return --a.x, --a.y, a; }
#define SIMT_POSTFIX(T, op)              \
  SIMT_INLINE T operator op(T& a, int) { \
    T old = a;                           \
    op a;                                \
    return old;                          \
  }
SIMT_POSTFIX(SIMT_T, ++)
SIMT_POSTFIX(SIMT_T, --)
SIMT_POSTFIX(SIMT_T2, ++)
SIMT_POSTFIX(SIMT_T2, --)
#undef SIMT_POSTFIX
