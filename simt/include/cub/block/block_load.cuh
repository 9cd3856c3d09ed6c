// cub::BlockLoad: each thread gets ITEMS values of an array: neighbouring ones ("blocked"), or
// every BLOCK-th one ("striped"). CUB's other algorithms differ in speed only: they give blocked
// items.
#pragma once
#include "simt/cub/collective.h"

namespace cub {

enum BlockLoadAlgorithm {
  BLOCK_LOAD_DIRECT,
  BLOCK_LOAD_STRIPED,
  BLOCK_LOAD_VECTORIZE,
  BLOCK_LOAD_TRANSPOSE,
  BLOCK_LOAD_WARP_TRANSPOSE,
  BLOCK_LOAD_WARP_TRANSPOSE_TIMESLICED
};

template <class T, int BLOCK_X, int ITEMS, BlockLoadAlgorithm ALGORITHM = BLOCK_LOAD_DIRECT,
          int BLOCK_Y = 1, int BLOCK_Z = 1, int LEGACY_PTX_ARCH = 0>
class BlockLoad {
  using Shape = simt::BlockShape<BLOCK_X, BLOCK_Y, BLOCK_Z>;
  static int index(int item) {
    return ALGORITHM == BLOCK_LOAD_STRIPED ? item * Shape::kThreads + Shape::thread()
                                           : Shape::thread() * ITEMS + item;
  }

 public:
  struct TempStorage {};
  BlockLoad() = default;
  explicit BlockLoad(TempStorage&) {}

  template <class Input>
  SIMT_INLINE void Load(Input from, T (&items)[ITEMS]) {
    for (int i = 0; i < ITEMS; i++) items[i] = from[index(i)];
  }
  // Only the first `valid` of the array; the other items stay as they are, or get a default.
  template <class Input>
  SIMT_INLINE void Load(Input from, T (&items)[ITEMS], int valid) {
    for (int i = 0; i < ITEMS; i++)
      if (index(i) < valid) items[i] = from[index(i)];
  }
  template <class Input, class Default>
  SIMT_INLINE void Load(Input from, T (&items)[ITEMS], int valid, Default otherwise) {
    for (int i = 0; i < ITEMS; i++) items[i] = otherwise;
    Load(from, items, valid);
  }
};

}  // namespace cub
