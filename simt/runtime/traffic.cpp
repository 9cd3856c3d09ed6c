// traffic.cpp: see traffic.h.
#include "traffic.h"

#include <algorithm>

namespace simt {

static unsigned distinct(uintptr_t* values, unsigned n) {
  std::sort(values, values + n);
  return (unsigned)(std::unique(values, values + n) - values);
}

unsigned sectors(const WarpAccess& a) {
  uintptr_t touched[64];
  unsigned n = 0;
  for (unsigned i = 0; i < a.lanes; i++) {
    uintptr_t first = a.addresses[i] / kSectorBytes,
              last = (a.addresses[i] + a.size - 1) / kSectorBytes;
    touched[n++] = first;
    if (last != first) touched[n++] = last;
  }
  return distinct(touched, n);
}

unsigned ideal_sectors(const WarpAccess& a) {
  uintptr_t starts[32];
  std::copy_n(a.addresses, a.lanes, starts);
  return (distinct(starts, a.lanes) * a.size + kSectorBytes - 1) / kSectorBytes;
}

// Atomics go to memory sector by sector; lanes at the same word of one take turns.
unsigned atomic_sectors(const WarpAccess& a) {
  uintptr_t sorted[32];
  std::copy_n(a.addresses, a.lanes, sorted);
  std::sort(sorted, sorted + a.lanes);
  unsigned total = 0, most = 0, same = 0;
  for (unsigned i = 0; i < a.lanes; i++) {
    bool new_sector = i == 0 || sorted[i] / kSectorBytes != sorted[i - 1] / kSectorBytes;
    if (new_sector) total += most, most = 0;
    same = !new_sector && sorted[i] == sorted[i - 1] ? same + 1 : 1;
    most = std::max(most, same);
  }
  return total + most;
}

// The lanes that the hardware serves together.
static unsigned lanes_at_once(unsigned size) { return size <= 4 ? 32 : size == 8 ? 16 : 8; }

unsigned wavefronts(const WarpAccess& a, bool) {
  unsigned at_once = lanes_at_once(a.size), total = 0;
  for (unsigned from = 0; from < a.lanes; from += at_once) {
    uintptr_t words[kBanks * 4];
    unsigned n = 0, in_bank[kBanks] = {}, most = 0;
    for (unsigned i = from; i < std::min(from + at_once, a.lanes); i++)
      for (unsigned at = 0; at < a.size; at += kBankBytes)
        words[n++] = (a.addresses[i] + at) / kBankBytes;
    n = distinct(words, n);
    for (unsigned i = 0; i < n; i++) most = std::max(most, ++in_bank[words[i] % kBanks]);
    total += most;
  }
  return total;
}

unsigned ideal_wavefronts(const WarpAccess& a) {
  unsigned at_once = lanes_at_once(a.size);
  return (a.lanes + at_once - 1) / at_once;
}

unsigned largest_crowd(const WarpAccess& a) {
  uintptr_t sorted[32];
  std::copy_n(a.addresses, a.lanes, sorted);
  std::sort(sorted, sorted + a.lanes);
  unsigned most = 0;
  for (unsigned i = 0, same = 0; i < a.lanes; i++) {
    same = i && sorted[i] == sorted[i - 1] ? same + 1 : 1;
    most = std::max(most, same);
  }
  return most;
}

}  // namespace simt
