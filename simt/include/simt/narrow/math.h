// Math functions: hexp, h2exp, ... (CUDA Math API, "Half Math Functions"). Computed as float and
// rounded once; a GPU's may differ by one unit in the last place. Included once for each type.

#define SIMT_MATH(name, value)           \
  inline SIMT_T h##name(SIMT_T narrow) { \
    float x = narrow;                    \
    return SIMT_T(value);                \
  }                                      \
  SIMT_EACH1(h2##name, h##name)
SIMT_MATH(ceil, ceilf(x))
SIMT_MATH(floor, floorf(x))
SIMT_MATH(trunc, truncf(x))
SIMT_MATH(rint, nearbyintf(x))
SIMT_MATH(sqrt, sqrtf(x))
SIMT_MATH(rsqrt, 1.0 / ::sqrt((double)x))
SIMT_MATH(rcp, 1.0f / x)
SIMT_MATH(exp, expf(x))
SIMT_MATH(exp2, exp2f(x))
SIMT_MATH(exp10, powf(10.0f, x))
SIMT_MATH(log, logf(x))
SIMT_MATH(log2, log2f(x))
SIMT_MATH(log10, log10f(x))
SIMT_MATH(sin, sinf(x))
SIMT_MATH(cos, cosf(x))
SIMT_MATH(tanh, std::tanh(x))
SIMT_MATH(tanh_approx, std::tanh(x))
#undef SIMT_MATH
