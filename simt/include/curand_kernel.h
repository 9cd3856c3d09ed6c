// curand_kernel.h: random numbers in kernels (cuRAND, "Device API"): the generators XORWOW
// (curandState) and Philox4_32_10, with uniform, normal, log-normal and Poisson distributions.
#pragma once
#include "cuda_runtime.h"
#include "simt/random/distributions.h"
#include "simt/random/philox.h"
#include "simt/random/xorwow.h"

using curandStateXORWOW = simt::random::Xorwow;
using curandStateXORWOW_t = curandStateXORWOW;
using curandState_t = curandStateXORWOW;
using curandState = curandStateXORWOW;
using curandStatePhilox4_32_10 = simt::random::Philox;
using curandStatePhilox4_32_10_t = curandStatePhilox4_32_10;

template <class State>
SIMT_INLINE void curand_init(unsigned long long seed, unsigned long long sequence,
                             unsigned long long offset, State* state) {
  State s;
  simt::random::seed(s, seed, sequence, offset);
  *state = s;
}

// Each works on a copy of the state, so that the accesses to the user's are plain and at one place.
#define SIMT_DRAW(Result, name, expression)       \
  template <class State>                          \
  SIMT_INLINE Result curand##name(State* state) { \
    State s = *state;                             \
    Result result = simt::random::expression;     \
    *state = s;                                   \
    return result;                                \
  }
SIMT_DRAW(unsigned, , next(s))
SIMT_DRAW(float, _uniform, uniform(s))
SIMT_DRAW(double, _uniform_double, uniform_double(s))
SIMT_DRAW(float, _normal, normal(s))
SIMT_DRAW(float2, _normal2, normal2(s))
SIMT_DRAW(double, _normal_double, normal_double(s))
SIMT_DRAW(double2, _normal2_double, normal2_double(s))
#undef SIMT_DRAW

template <class State>
SIMT_INLINE unsigned curand_poisson(State* state, double lambda) {
  State s = *state;
  unsigned events = simt::random::poisson(s, lambda);
  *state = s;
  return events;
}
template <class State>
SIMT_INLINE void skipahead(unsigned long long n, State* state) {
  State s = *state;
  simt::random::skip(s, n);
  *state = s;
}
template <class State>
SIMT_INLINE void skipahead_sequence(unsigned long long n, State* state) {
  State s = *state;
  simt::random::skip_sequences(s, n);
  *state = s;
}

template <class State>
SIMT_INLINE float curand_log_normal(State* state, float mean, float deviation) {
  return expf(mean + deviation * curand_normal(state));
}
template <class State>
SIMT_INLINE double curand_log_normal_double(State* state, double mean, double deviation) {
  return ::exp(mean + deviation * curand_normal_double(state));
}

// --- Philox makes four at a time
SIMT_INLINE uint4 curand4(curandStatePhilox4_32_10_t* state) {
  unsigned x = curand(state), y = curand(state), z = curand(state), w = curand(state);
  return {x, y, z, w};
}
SIMT_INLINE float4 curand_uniform4(curandStatePhilox4_32_10_t* state) {
  float x = curand_uniform(state), y = curand_uniform(state);
  float z = curand_uniform(state), w = curand_uniform(state);
  return {x, y, z, w};
}
// cuRAND makes a single double of Philox from one word.
SIMT_INLINE double curand_uniform_double(curandStatePhilox4_32_10_t* state) {
  return curand(state) * 0x1p-32 + 0x1p-32;
}
SIMT_INLINE double2 curand_uniform2_double(curandStatePhilox4_32_10_t* state) {
  curandStatePhilox4_32_10_t s = *state;
  double x = simt::random::uniform_double(s), y = simt::random::uniform_double(s);
  *state = s;
  return {x, y};
}
SIMT_INLINE float4 curand_normal4(curandStatePhilox4_32_10_t* state) {
  float2 first = curand_normal2(state), second = curand_normal2(state);
  return {first.x, first.y, second.x, second.y};
}
