// Philox4x32-10: random numbers by encrypting a counter (Salmon, Moraes, Dror, Shaw: "Parallel
// Random Numbers: As Easy as 1, 2, 3", 2011). The numbers are cuRAND's, bit for bit.
#pragma once
#include "../qualifiers.h"
#include "../vector_types.h"

namespace simt {
namespace random {

struct Philox {
  uint4 counter;      // x, y: how many blocks of four numbers went before; z, w: the sequence
  uint4 output;       // the block of this counter
  uint2 key;          // the seed
  unsigned position;  // in the block, of the next number
  bool has_normal, has_normal_double;
  float normal;  // the second of a pair, kept for the next call
  double normal_double;
};

SIMT_UNSEEN inline uint4 philox(uint4 counter, uint2 key) {
  for (int round = 0; round < 10; round++) {
    unsigned long long p = 0xd2511f53ull * counter.x, q = 0xcd9e8d57ull * counter.z;
    counter = {(unsigned)(q >> 32) ^ counter.y ^ key.x, (unsigned)q,
               (unsigned)(p >> 32) ^ counter.w ^ key.y, (unsigned)p};
    key.x += 0x9e3779b9;  // the golden ratio
    key.y += 0xbb67ae85;  // sqrt(3) - 1
  }
  return counter;
}

// The counter is one number of 128 bits.
SIMT_UNSEEN inline void advance_blocks(Philox& s, unsigned long long n) {
  using Wide = unsigned __int128;
  Wide low = ((unsigned long long)s.counter.y << 32 | s.counter.x);
  Wide high = ((unsigned long long)s.counter.w << 32 | s.counter.z);
  Wide counter = (high << 64 | low) + n;
  s.counter = {(unsigned)counter, (unsigned)(counter >> 32), (unsigned)(counter >> 64),
               (unsigned)(counter >> 96)};
  s.output = philox(s.counter, s.key);
}

SIMT_UNSEEN inline void skip(Philox& s, unsigned long long n) {
  s.position += n & 3;
  advance_blocks(s, n / 4 + s.position / 4);
  s.position %= 4;
}

SIMT_UNSEEN inline void skip_sequences(Philox& s, unsigned long long n) {
  unsigned long long sequence = ((unsigned long long)s.counter.w << 32 | s.counter.z) + n;
  s.counter.z = (unsigned)sequence;
  s.counter.w = (unsigned)(sequence >> 32);
  s.output = philox(s.counter, s.key);
}

SIMT_UNSEEN inline void seed(Philox& s, unsigned long long seed, unsigned long long sequence,
                             unsigned long long offset) {
  s = {};
  s.key = {(unsigned)seed, (unsigned)(seed >> 32)};
  skip_sequences(s, sequence);
  skip(s, offset);
}

SIMT_UNSEEN inline unsigned next(Philox& s) {
  unsigned block[] = {s.output.x, s.output.y, s.output.z, s.output.w}, x = block[s.position];
  if (++s.position == 4) {
    advance_blocks(s, 1);
    s.position = 0;
  }
  return x;
}

}  // namespace random
}  // namespace simt
