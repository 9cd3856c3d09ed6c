// cub::WarpReduce and cub::BlockReduce (CUB API, "Collective primitives"). As in CUB, only the
// first thread's result is defined, and TempStorage needs a __syncthreads() before it is reused.
#pragma once
#include "cuda_runtime.h"

namespace cub {

struct Sum {
  template <class T>
  T operator()(const T& a, const T& b) const {
    return a + b;
  }
};
struct Max {
  template <class T>
  T operator()(const T& a, const T& b) const {
    return b > a ? b : a;
  }
};
struct Min {
  template <class T>
  T operator()(const T& a, const T& b) const {
    return b < a ? b : a;
  }
};

enum BlockReduceAlgorithm {
  BLOCK_REDUCE_RAKING_COMMUTATIVE_ONLY,
  BLOCK_REDUCE_RAKING,
  BLOCK_REDUCE_WARP_REDUCTIONS
};

// Reduces over groups of LANES threads of a warp (a power of two).
template <class T, int LANES = 32>
class WarpReduce {
  static_assert(LANES >= 1 && LANES <= 32 && (LANES & (LANES - 1)) == 0,
                "a warp is reduced in groups of 1, 2, 4, 8, 16 or 32 lanes");

 public:
  struct TempStorage {};
  explicit WarpReduce(TempStorage&) {}

  template <class Op>
  T Reduce(T value, Op op, int valid = LANES) {
    int lane = simt::lane_id(), in_group = lane % LANES;
    unsigned group = (LANES == 32 ? 0xffffffffu : (1u << LANES) - 1) << (lane - in_group);
    for (int offset = 1; offset < LANES; offset *= 2) {
      T other = __shfl_down_sync(group, value, offset, LANES);
      if (in_group + offset < valid) value = op(value, other);
    }
    return value;
  }
  T Sum(T value) { return Reduce(value, cub::Sum()); }
  T Sum(T value, int valid) { return Reduce(value, cub::Sum(), valid); }
};

// Reduces over all threads of the block: each warp by itself, then the warps' results in order.
template <class T, int BLOCK_X, BlockReduceAlgorithm = BLOCK_REDUCE_WARP_REDUCTIONS,
          int BLOCK_Y = 1, int BLOCK_Z = 1, int LEGACY_PTX_ARCH = 0>
class BlockReduce {
  static constexpr int kThreads = BLOCK_X * BLOCK_Y * BLOCK_Z;
  static constexpr int kWarps = (kThreads + 31) / 32;

 public:
  struct TempStorage {
    T warps[kWarps];
  };
  explicit BlockReduce(TempStorage& storage) : storage_(storage) {}

  // Over the first `valid` threads.
  template <class Op>
  T Reduce(T value, Op op, int valid = kThreads) {
    int thread = (threadIdx.z * BLOCK_Y + threadIdx.y) * BLOCK_X + threadIdx.x;
    int warp = thread / 32, lane = thread % 32;
    typename WarpReduce<T>::TempStorage none;
    value = WarpReduce<T>(none).Reduce(value, op, min(min(valid, kThreads) - warp * 32, 32));
    if (lane == 0) storage_.warps[warp] = value;
    __syncthreads();
    if (thread == 0)
      for (int w = 1; w < kWarps && w * 32 < valid; w++) value = op(value, storage_.warps[w]);
    return value;
  }
  // Over ITEMS values of each thread.
  template <int ITEMS, class Op>
  T Reduce(T (&items)[ITEMS], Op op) {
    T value = items[0];
    for (int i = 1; i < ITEMS; i++) value = op(value, items[i]);
    return Reduce(value, op);
  }
  T Sum(T value) { return Reduce(value, cub::Sum()); }
  T Sum(T value, int valid) { return Reduce(value, cub::Sum(), valid); }
  template <int ITEMS>
  T Sum(T (&items)[ITEMS]) {
    return Reduce(items, cub::Sum());
  }

 private:
  TempStorage& storage_;
};

}  // namespace cub
