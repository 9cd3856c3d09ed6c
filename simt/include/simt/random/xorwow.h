// XORWOW: a shift register of 160 bits, plus a counter (Marsaglia: "Xorshift RNGs", 2003). Seeded
// as cuRAND does it, with sequences that are 2^67 numbers apart: the numbers are cuRAND's, bit for
// bit.
#pragma once
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

constexpr int kSequence = 67, kJumps = kSequence + 64;

// 2^power steps at once, power < kJumps (runtime/xorwow.cpp).
SIMT_HIDDEN void jump(unsigned (&v)[5], int power);

SIMT_UNSEEN inline void skip(Xorwow& s, unsigned long long n) {
  s.counter += kCounterStep * (unsigned)n;
  for (int i = 0; i < 64 && n >> i; i++)
    if (n >> i & 1) jump(s.v, i);
}

// The counter, of 32 bits, is the same after 2^67 steps.
SIMT_UNSEEN inline void skip_sequences(Xorwow& s, unsigned long long n) {
  for (int i = 0; i < 64 && n >> i; i++)
    if (n >> i & 1) jump(s.v, kSequence + i);
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
