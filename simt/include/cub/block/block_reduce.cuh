// cub::BlockReduce: the values of all threads of the block combined, each warp by itself, then the
// warps' results in order; the first thread gets the result.
#pragma once
#include "cub/warp/warp_reduce.cuh"

namespace cub {

enum BlockReduceAlgorithm {
  BLOCK_REDUCE_RAKING_COMMUTATIVE_ONLY,
  BLOCK_REDUCE_RAKING,
  BLOCK_REDUCE_WARP_REDUCTIONS
};

template <class T, int BLOCK_X, BlockReduceAlgorithm = BLOCK_REDUCE_WARP_REDUCTIONS,
          int BLOCK_Y = 1, int BLOCK_Z = 1, int LEGACY_PTX_ARCH = 0>
class BlockReduce {
  using Shape = simt::BlockShape<BLOCK_X, BLOCK_Y, BLOCK_Z>;

 public:
  struct TempStorage {
    T warps[Shape::kWarps];
  };
  explicit BlockReduce(SIMT_HERE)
      : storage_(simt::private_storage<TempStorage>()), site_{file, line} {}
  explicit BlockReduce(TempStorage& storage, SIMT_HERE) : storage_(storage), site_{file, line} {}

  // Over the first `valid` threads.
  template <class Op>
  SIMT_INLINE T Reduce(T value, Op op, int valid) {
    int thread = Shape::thread(), warp = thread / 32;
    typename WarpReduce<T>::TempStorage none;
    WarpReduce<T> of_warp(none, site_.file, site_.line);
    value = of_warp.Reduce(value, op, min(max(valid - warp * 32, 1), 32));
    if (thread % 32 == 0) storage_.warps[warp] = value;
    simt::barrier(0, site_.file, site_.line);
    if (thread == 0)
      for (int w = 1; w < Shape::kWarps && w * 32 < valid; w++)
        value = op(value, storage_.warps[w]);
    return value;
  }
  template <class Op>
  SIMT_INLINE T Reduce(T value, Op op) {
    return Reduce(value, op, Shape::kThreads);
  }
  // Over ITEMS values of each thread.
  template <int ITEMS, class Op>
  SIMT_INLINE T Reduce(T (&items)[ITEMS], Op op) {
    T value = items[0];
    for (int i = 1; i < ITEMS; i++) value = op(value, items[i]);
    return Reduce(value, op);
  }

  SIMT_INLINE T Sum(T value) { return Reduce(value, cub::Sum()); }
  SIMT_INLINE T Sum(T value, int valid) { return Reduce(value, cub::Sum(), valid); }
  template <int ITEMS>
  SIMT_INLINE T Sum(T (&items)[ITEMS]) {
    return Reduce(items, cub::Sum());
  }

 private:
  TempStorage& storage_;
  simt::CallSite site_;
};

}  // namespace cub
