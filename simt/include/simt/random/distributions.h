// Random bits to uniform, normal and Poisson numbers, as cuRAND makes them (but for Poisson).
// Generator: any state with simt::random::next().
#pragma once
#include <cmath>

#include "../math.h"
#include "../vector_types.h"

namespace simt {
namespace random {

constexpr float k2Pow32Inverse = 2.3283064e-10f;
constexpr double k2Pow53Inverse = 1.0 / (1ull << 53);

// In (0, 1].
inline float uniform(unsigned x) { return x * k2Pow32Inverse + k2Pow32Inverse / 2; }
inline double uniform_double(unsigned x, unsigned y) {
  unsigned long long z = x ^ (unsigned long long)y << (53 - 32);
  return z * k2Pow53Inverse + k2Pow53Inverse / 2;
}
template <class Generator>
inline float uniform(Generator& g) {
  return uniform(next(g));
}
template <class Generator>
inline double uniform_double(Generator& g) {
  unsigned x = next(g), y = next(g);
  return uniform_double(x, y);
}

// Two independent normal numbers of two uniform ones (Box and Muller 1958).
template <class Generator>
SIMT_UNSEEN inline float2 normal2(Generator& g) {
  constexpr float kTurn = k2Pow32Inverse * 6.2831855f;
  unsigned x = next(g), y = next(g);
  float radius = sqrtf(-2.0f * logf(uniform(x))), angle = y * kTurn + kTurn / 2;
  return {radius * sinf(angle), radius * cosf(angle)};
}
template <class Generator>
SIMT_UNSEEN inline double2 normal2_double(Generator& g) {
  double u = uniform_double(g), half_turns = 2 * uniform_double(g);
  double radius = ::sqrt(-2.0 * ::log(u));
  return {radius * sinpi(half_turns), radius * cospi(half_turns)};
}

// One of the two, and the other at the next call.
template <class Generator>
SIMT_UNSEEN inline float normal(Generator& g) {
  if (g.has_normal) {
    g.has_normal = false;
    return g.normal;
  }
  float2 both = normal2(g);
  g.has_normal = true;
  g.normal = both.y;
  return both.x;
}
template <class Generator>
SIMT_UNSEEN inline double normal_double(Generator& g) {
  if (g.has_normal_double) {
    g.has_normal_double = false;
    return g.normal_double;
  }
  double2 both = normal2_double(g);
  g.has_normal_double = true;
  g.normal_double = both.y;
  return both.x;
}

// Counts the events of a time lambda when the next one comes after -log(uniform) on average (Knuth,
// TAOCP 3.4.1). Its time grows with lambda: large ones are normal, rounded.
template <class Generator>
SIMT_UNSEEN inline unsigned poisson(Generator& g, double lambda) {
  if (lambda > 4000)
    return (unsigned)(::fmax(lambda + ::sqrt(lambda) * normal_double(g), 0.0) + 0.5);
  unsigned events = 0;
  for (double time = -::log(uniform_double(g)); time < lambda; events++)
    time -= ::log(uniform_double(g));
  return events;
}

}  // namespace random
}  // namespace simt
