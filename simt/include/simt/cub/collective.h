// What CUB's collectives for warps and blocks share.
#pragma once
#include "cub/thread/thread_operators.cuh"
#include "cuda_runtime.h"
#include "simt/lanes.h"

namespace simt {

// Where a collective was made, as user's file and line: its barriers are reported there.
struct CallSite {
  const char* file;
  int line;
};

// A block of X * Y * Z threads.
template <int X, int Y, int Z>
struct BlockShape {
  static constexpr int kThreads = X * Y * Z, kWarps = (kThreads + 31) / 32;
  static int thread() { return (int)((threadIdx.z * Y + threadIdx.y) * X + threadIdx.x); }
};

// The storage of a collective that was given none: shared memory of its own.
template <class Storage>
inline Storage& private_storage() {
  static SharedSite site{"the TempStorage of a cub collective"};
  return shared<Storage>(site);
}

// The lanes of the caller's group of `size` lanes.
constexpr bool is_group_size(int size) {
  return size >= 1 && size <= 32 && (size & (size - 1)) == 0;
}
inline unsigned group_lanes(int size) {
  unsigned lanes = size == 32 ? 0xffffffffu : (1u << size) - 1;
  return lanes << (lane_id() & ~(size - 1));
}

// The values of the lanes up to the caller (of those before it) combined.
template <class T, class Op>
inline T fold_to_here(const Gathered<T>& all, Op op) {
  return fold(all, all.present & (lanes_below(lane_id()) | 1u << lane_id()), op);
}
template <class T, class Op>
inline T fold_before(const Gathered<T>& all, T otherwise, Op op) {
  unsigned before = all.present & lanes_below(lane_id());
  return before ? fold(all, before, op) : otherwise;
}

}  // namespace simt
