// thread_block_tile<Size>: as many threads of a block, in order of their rank. Up to 32 of them are
// lanes of one warp; a larger tile is made of whole warps (large_tile.h).
#pragma once
#include "lane_group.h"
#include "thread_block.h"

namespace simt {
constexpr bool is_power_of_2(unsigned n) { return n != 0 && (n & (n - 1)) == 0; }

// The lanes of the caller's tile.
inline unsigned tile_lanes(unsigned size) {
  unsigned lanes = size == 32 ? 0xffffffffu : (1u << size) - 1;
  return lanes << ((unsigned)lane_id() & ~(size - 1));
}
}  // namespace simt

namespace cooperative_groups {

template <unsigned Size, class Parent = void>
class thread_block_tile;

template <unsigned Size>
class small_tile : public lane_group {
 public:
  static constexpr unsigned num_threads() { return Size; }
  static constexpr unsigned size() { return Size; }
  unsigned thread_rank() const { return (unsigned)simt::lane_id() & (Size - 1); }

  template <class T>
  T shfl(T value, int rank, SIMT_HERE) const {
    return pick(value, rank & (int)(Size - 1), "shfl", file, line);
  }
  template <class T>
  T shfl_xor(T value, unsigned lane_mask, SIMT_HERE) const {
    unsigned rank = thread_rank() ^ lane_mask;
    return pick(value, (int)(rank < Size ? rank : thread_rank()), "shfl_xor", file, line);
  }

 protected:
  small_tile(unsigned meta_rank, unsigned meta_size)
      : lane_group(simt::tile_lanes(Size), meta_rank, meta_size) {}
};

template <unsigned Size>
class large_tile;

// Without a parent's type any tile of this size can be passed.
template <unsigned Size>
class thread_block_tile<Size, void>
    : public std::conditional<(Size <= 32), small_tile<Size>, large_tile<Size>>::type {
  static_assert(simt::is_power_of_2(Size) && Size <= 1024,
                "a tile has a power of two as its number of threads, at most 1024");
  using Base = typename std::conditional<(Size <= 32), small_tile<Size>, large_tile<Size>>::type;

 public:
  thread_block_tile(unsigned meta_rank, unsigned meta_size) : Base(meta_rank, meta_size) {}
};
template <unsigned Size, class Parent>
class thread_block_tile : public thread_block_tile<Size, void> {
 public:
  using thread_block_tile<Size, void>::thread_block_tile;
};

}  // namespace cooperative_groups
