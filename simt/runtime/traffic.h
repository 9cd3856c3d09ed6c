// traffic.h: what one instruction of a warp costs in memory, counted as a GPU of compute capability
// 7.0 to 9.0 does (CUDA C++ Programming Guide, "Compute Capabilities"; Nsight Compute's
// documentation, "Memory Tables").
#pragma once
#include <cstddef>
#include <cstdint>

namespace simt {

constexpr unsigned kSectorBytes = 32, kLineBytes = 128, kBanks = 32, kBankBytes = 4;

// One access of `size` bytes by each of `lanes` lanes.
struct WarpAccess {
  const uintptr_t* addresses;
  unsigned lanes, size;
};

unsigned sectors(const WarpAccess& a);        // distinct 32-byte sectors that it touches
unsigned ideal_sectors(const WarpAccess& a);  // that its distinct bytes would fit in
unsigned atomic_sectors(const WarpAccess& a);
// Passes over the banks of shared memory. Wider than 4 bytes, the lanes go in halves or quarters.
unsigned wavefronts(const WarpAccess& a, bool write);
unsigned ideal_wavefronts(const WarpAccess& a);  // for that many lanes, without a conflict
unsigned largest_crowd(const WarpAccess& a);     // lanes at the same address, at most

}  // namespace simt
