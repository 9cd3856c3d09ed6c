// cub::BlockStore: each thread puts ITEMS values into an array, where BlockLoad would get them.
#pragma once
#include "simt/cub/collective.h"

namespace cub {

enum BlockStoreAlgorithm {
  BLOCK_STORE_DIRECT,
  BLOCK_STORE_STRIPED,
  BLOCK_STORE_VECTORIZE,
  BLOCK_STORE_TRANSPOSE,
  BLOCK_STORE_WARP_TRANSPOSE,
  BLOCK_STORE_WARP_TRANSPOSE_TIMESLICED
};

template <class T, int BLOCK_X, int ITEMS, BlockStoreAlgorithm ALGORITHM = BLOCK_STORE_DIRECT,
          int BLOCK_Y = 1, int BLOCK_Z = 1, int LEGACY_PTX_ARCH = 0>
class BlockStore {
  using Shape = simt::BlockShape<BLOCK_X, BLOCK_Y, BLOCK_Z>;
  static int index(int item) {
    return ALGORITHM == BLOCK_STORE_STRIPED ? item * Shape::kThreads + Shape::thread()
                                            : Shape::thread() * ITEMS + item;
  }

 public:
  struct TempStorage {};
  BlockStore() = default;
  explicit BlockStore(TempStorage&) {}

  template <class Output>
  SIMT_INLINE void Store(Output to, T (&items)[ITEMS]) {
    for (int i = 0; i < ITEMS; i++) to[index(i)] = items[i];
  }
  // Only the first `valid` of the array.
  template <class Output>
  SIMT_INLINE void Store(Output to, T (&items)[ITEMS], int valid) {
    for (int i = 0; i < ITEMS; i++)
      if (index(i) < valid) to[index(i)] = items[i];
  }
};

}  // namespace cub
