// Groups split into smaller ones: by rank, by a predicate, by a label.
#pragma once
#include "coalesced.h"
#include "large_tile.h"

namespace cooperative_groups {

struct group_parts {
  // The lanes whose rank in `mask` falls into the same part of `size` ranks as the caller's.
  static unsigned same_part(unsigned mask, unsigned size) {
    unsigned mine = (unsigned)simt::rank_in(mask, simt::lane_id()) / size, lanes = 0;
    for (unsigned rank = mine * size; rank < (mine + 1) * size; rank++) {
      int lane = simt::nth_lane(mask, (int)rank);
      if (lane >= 0) lanes |= 1u << lane;
    }
    return lanes;
  }
  static coalesced_group group(unsigned mask, unsigned meta_rank, unsigned meta_size) {
    return coalesced_group(mask, meta_rank, meta_size);
  }
};

// --- tiles whose size the compiler knows
template <unsigned Size>
inline thread_block_tile<Size, thread_block> tiled_partition(const thread_block& block) {
  return {block.thread_rank() / Size, (block.num_threads() + Size - 1) / Size};
}
template <unsigned Size, unsigned ParentSize, class Grandparent>
inline thread_block_tile<Size, thread_block_tile<ParentSize, Grandparent>> tiled_partition(
    const thread_block_tile<ParentSize, Grandparent>& tile) {
  static_assert(Size <= ParentSize, "a tile is split into tiles that are no larger");
  return {tile.thread_rank() / Size, ParentSize / Size};
}
template <unsigned Size>
inline void tiled_partition(const coalesced_group&) {
  static_assert(Size == 0,
                "tiled_partition<N> splits a thread_block or a tile; a coalesced group is split by "
                "tiled_partition(group, n)");
}

// --- parts whose size is known when the program runs: a power of two up to 32
inline coalesced_group tiled_partition(const coalesced_group& group, unsigned size) {
  return group_parts::group(group_parts::same_part(simt::GroupAccess::mask(group), size),
                            group.thread_rank() / size, (group.num_threads() + size - 1) / size);
}
inline thread_group tiled_partition(const thread_group& group, unsigned size) {
  unsigned mask = simt::GroupAccess::mask(group);
  return simt::GroupAccess::lanes(mask ? group_parts::same_part(mask, size)
                                       : simt::tile_lanes(size));
}
inline thread_group tiled_partition(const thread_block& block, unsigned size) {
  return tiled_partition(static_cast<const thread_group&>(block), size);
}

// --- parts by a predicate, or by labels in the order of their first threads
inline coalesced_group binary_partition(const lane_group& group, bool predicate, SIMT_HERE) {
  unsigned mask = simt::GroupAccess::mask(group), present;
  unsigned votes = simt::ballot(mask, predicate, "binary_partition", file, line, &present);
  if (votes == 0 || votes == present) return group_parts::group(mask, 0, 1);
  return group_parts::group(predicate ? votes : present & ~votes, predicate, 2);
}
template <class Label>
inline coalesced_group labeled_partition(const lane_group& group, Label label, SIMT_HERE) {
  static_assert(std::is_integral<Label>::value, "a label is an integer");
  simt::Gathered<Label> labels =
      simt::gather(simt::GroupAccess::mask(group), label, "labeled_partition", file, line);
  unsigned mine = 0, firsts = 0;  // lanes with the caller's label; the first lane of each label
  int first_of_mine = -1;
  for (unsigned rest = labels.present; rest;) {
    int first = __builtin_ctz(rest);
    unsigned same = 0;
    for (int lane = first; lane < 32; lane++)
      if (rest >> lane & 1 && labels[lane] == labels[first]) same |= 1u << lane;
    firsts |= 1u << first;
    if (labels[first] == label) mine = same, first_of_mine = first;
    rest &= ~same;
  }
  return group_parts::group(mine, (unsigned)simt::rank_in(firsts, first_of_mine),
                            (unsigned)__builtin_popcount(firsts));
}

}  // namespace cooperative_groups
