// Conversions of a narrow type, by CUDA's names: __float2half_rn, __half22float2, __half2int_rz,
// ... (CUDA Math API, "Half Precision Conversion and Data Movement"). Included once for each type.
//
//   SIMT_NAME(__float2, _rn)     __float2half_rn   or  __float2bfloat16_rn
//   SIMT_NAME2(__, 2, 2)         __half2half2      or  __bfloat162bfloat162

// --- from and to float and double
SIMT_INLINE SIMT_T SIMT_NAME(__float2, )(float x) { return SIMT_T(x); }
SIMT_INLINE SIMT_T SIMT_NAME(__double2, )(double x) { return SIMT_T(x); }
SIMT_INLINE float SIMT_NAME(__, 2float)(SIMT_T x) { return (float)x; }

// --- from integers, to integers, each with its rounding: rn to nearest, rz to zero, ru up, rd down
#define SIMT_ROUNDED(to_mode, mode)                                                        \
  inline SIMT_T SIMT_NAME(__float2, to_mode)(float x) {                                    \
    return SIMT_RAW{(unsigned short)simt::round_to<SIMT_FORMAT>(x, simt::Rounding::mode)}; \
  }                                                                                        \
  SIMT_CONVERTED(short, short, to_mode, mode)                                              \
  SIMT_CONVERTED(unsigned short, ushort, to_mode, mode)                                    \
  SIMT_CONVERTED(int, int, to_mode, mode)                                                  \
  SIMT_CONVERTED(unsigned int, uint, to_mode, mode)                                        \
  SIMT_CONVERTED(long long, ll, to_mode, mode)                                             \
  SIMT_CONVERTED(unsigned long long, ull, to_mode, mode)
#define SIMT_CONVERTED(Integer, integer, to_mode, mode)                                          \
  inline SIMT_T SIMT_NAME(__##integer##2, to_mode)(Integer x) {                                  \
    return SIMT_RAW{                                                                             \
        (unsigned short)simt::round_to<SIMT_FORMAT>(simt::odd_double(x), simt::Rounding::mode)}; \
  }                                                                                              \
  inline Integer SIMT_NAME(__, 2##integer##to_mode)(SIMT_T x) {                                  \
    return simt::to_integer<Integer>((float)x, simt::Rounding::mode);                            \
  }
SIMT_ROUNDED(_rn, Nearest)
SIMT_ROUNDED(_rz, Zero)
SIMT_ROUNDED(_ru, Up)
SIMT_ROUNDED(_rd, Down)
#undef SIMT_ROUNDED
#undef SIMT_CONVERTED
inline signed char SIMT_NAME(__, 2char_rz)(SIMT_T x) { return (signed char)x; }
inline unsigned char SIMT_NAME(__, 2uchar_rz)(SIMT_T x) { return (unsigned char)x; }

// --- the same bits
SIMT_INLINE unsigned short SIMT_NAME(__, _as_ushort)(SIMT_T x) { return SIMT_RAW(x).x; }
SIMT_INLINE short SIMT_NAME(__, _as_short)(SIMT_T x) { return (short)SIMT_RAW(x).x; }
SIMT_INLINE SIMT_T SIMT_NAME(__ushort_as_, )(unsigned short x) { return SIMT_RAW{x}; }
SIMT_INLINE SIMT_T SIMT_NAME(__short_as_, )(short x) { return SIMT_RAW{(unsigned short)x}; }

// --- pairs: low is x, high is y
SIMT_INLINE SIMT_T2 SIMT_NAME(make_, 2)(SIMT_T x, SIMT_T y) { return {x, y}; }
SIMT_INLINE SIMT_T2 SIMT_NAME(__halves2, 2)(SIMT_T x, SIMT_T y) { return {x, y}; }
SIMT_INLINE SIMT_T2 SIMT_NAME2(__, 2, 2)(SIMT_T x) { return {x, x}; }
SIMT_INLINE SIMT_T2 SIMT_NAME(__float2, 2_rn)(float x) { return {SIMT_T(x), SIMT_T(x)}; }
SIMT_INLINE SIMT_T2 SIMT_NAME(__floats2, 2_rn)(float x, float y) { return {SIMT_T(x), SIMT_T(y)}; }
SIMT_INLINE SIMT_T2 SIMT_NAME(__float22, 2_rn)(float2 v) { return {SIMT_T(v.x), SIMT_T(v.y)}; }
SIMT_INLINE float2 SIMT_NAME(__, 22float2)(SIMT_T2 v) { return {(float)v.x, (float)v.y}; }

SIMT_INLINE float __low2float(SIMT_T2 v) { return (float)v.x; }
SIMT_INLINE float __high2float(SIMT_T2 v) { return (float)v.y; }
SIMT_INLINE SIMT_T SIMT_NAME(__low2, )(SIMT_T2 v) { return v.x; }
SIMT_INLINE SIMT_T SIMT_NAME(__high2, )(SIMT_T2 v) { return v.y; }
SIMT_INLINE SIMT_T2 SIMT_NAME(__low2, 2)(SIMT_T2 v) { return {v.x, v.x}; }
SIMT_INLINE SIMT_T2 SIMT_NAME(__high2, 2)(SIMT_T2 v) { return {v.y, v.y}; }
SIMT_INLINE SIMT_T2 SIMT_NAME(__lows2, 2)(SIMT_T2 a, SIMT_T2 b) { return {a.x, b.x}; }
SIMT_INLINE SIMT_T2 SIMT_NAME(__highs2, 2)(SIMT_T2 a, SIMT_T2 b) { return {a.y, b.y}; }
SIMT_INLINE SIMT_T2 __lowhigh2highlow(SIMT_T2 v) { return {v.y, v.x}; }
