// xorwow.cpp: many steps of XORWOW's register at once. Here, since what the runtime does is not
// reported in an instrumented build.
#include "simt/random/xorwow.h"

#include <vector>

namespace simt {
namespace random {

namespace {
// The register after some number of steps is a linear function, modulo 2, of what it was: this says
// what becomes of each of its 160 bits.
struct Jump {
  unsigned images[160][5];

  void operator()(unsigned (&v)[5]) const {
    unsigned sum[5] = {};
    for (int bit = 0; bit < 160; bit++)
      if (v[bit / 32] >> bit % 32 & 1)
        for (int i = 0; i < 5; i++) sum[i] ^= images[bit][i];
    for (int i = 0; i < 5; i++) v[i] = sum[i];
  }
};
}  // namespace

// By 2^0, 2^1, ... 2^130 steps, each of them twice the one before.
static std::vector<Jump> make_jumps() {
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
}

void jump(unsigned (&v)[5], int power) {
  static const std::vector<Jump> jumps = make_jumps();  // at the first need: some milliseconds
  jumps[power](v);
}

}  // namespace random
}  // namespace simt
