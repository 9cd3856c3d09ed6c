// XORWOW: a shift register of 160 bits, plus a counter (Marsaglia: "Xorshift RNGs", 2003). Seeded
// as cuRAND does it, with sequences that are 2^67 numbers apart: the numbers are cuRAND's, bit for
// bit.
#pragma once
#include <vector>

#include "../qualifiers.h"

namespace simt {
namespace random {

struct Xorwow {
  unsigned counter, v[5];  // v: the register, oldest word first
  bool has_normal, has_normal_double;
  float normal;  // the second of a pair, kept for the next call
  double normal_double;
};

constexpr unsigned kCounterStep = 362437;

SIMT_UNSEEN inline void step(unsigned (&v)[5]) {
  unsigned t = v[0] ^ v[0] >> 2;
  for (int i = 0; i < 4; i++) v[i] = v[i + 1];
  v[4] = v[4] ^ v[4] << 4 ^ t ^ t << 1;
}

// The register after some number of steps is a linear function, modulo 2, of what it was: this says
// what becomes of each of its 160 bits.
struct Jump {
  unsigned images[160][5];

  SIMT_UNSEEN void operator()(unsigned (&v)[5]) const {
    unsigned sum[5] = {};
    for (int bit = 0; bit < 160; bit++)
      if (v[bit / 32] >> bit % 32 & 1)
        for (int i = 0; i < 5; i++) sum[i] ^= images[bit][i];
    for (int i = 0; i < 5; i++) v[i] = sum[i];
  }
};

constexpr int kSequence = 67, kJumps = kSequence + 64;

// Jumps by 2^0, 2^1, ... 2^130 steps, each of them twice the one before. Made at the first need: it
// takes some milliseconds.
SIMT_UNSEEN inline const std::vector<Jump>& jumps() {
  static const std::vector<Jump> all = [] {
    std::vector<Jump> jumps(kJumps);
    for (int bit = 0; bit < 160; bit++) {
      jumps[0].images[bit][bit / 32] = 1u << bit % 32;
      step(jumps[0].images[bit]);
    }
    for (int i = 1; i < kJumps; i++) {
      jumps[i] = jumps[i - 1];
      for (auto& image : jumps[i].images) jumps[i - 1](image);
    }
    return jumps;
  }();
  return all;
}

SIMT_UNSEEN inline void skip(Xorwow& s, unsigned long long n) {
  s.counter += kCounterStep * (unsigned)n;
  for (int i = 0; i < 64 && n >> i; i++)
    if (n >> i & 1) jumps()[i](s.v);
}

// The counter, of 32 bits, is the same after 2^67 steps.
SIMT_UNSEEN inline void skip_sequences(Xorwow& s, unsigned long long n) {
  for (int i = 0; i < 64 && n >> i; i++)
    if (n >> i & 1) jumps()[kSequence + i](s.v);
}

SIMT_UNSEEN inline void seed(Xorwow& s, unsigned long long seed, unsigned long long sequence,
                             unsigned long long offset) {
  unsigned a = 1099087573u * ((unsigned)seed ^ 0xaad26b49u);
  unsigned b = 2591861531u * ((unsigned)(seed >> 32) ^ 0xf7dcefddu);
  s = {};
  s.counter = 6615241 + a + b;
  unsigned v[5] = {123456789 + a, 362436069 ^ a, 521288629 + b, 88675123 ^ b, 5783321 + a};
  for (int i = 0; i < 5; i++) s.v[i] = v[i];
  skip_sequences(s, sequence);
  skip(s, offset);
}

SIMT_UNSEEN inline unsigned next(Xorwow& s) {
  step(s.v);
  return s.v[4] + (s.counter += kCounterStep);
}

}  // namespace random
}  // namespace simt
