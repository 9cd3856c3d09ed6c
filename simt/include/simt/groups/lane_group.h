// Groups within a warp: what tiles and coalesced groups have in common. Ranks count the lanes of
// the group; votes have bit r for the thread of rank r.
#pragma once
#include "../warp_reduce.h"
#include "thread_group.h"

namespace cooperative_groups {

class lane_group : public thread_group {
 public:
  unsigned num_threads() const { return (unsigned)__builtin_popcount(mask_); }
  unsigned size() const { return num_threads(); }
  unsigned thread_rank() const { return (unsigned)simt::rank_in(mask_, simt::lane_id()); }
  // Among the groups that its parent was split into: which one this is, and how many there are.
  unsigned meta_group_rank() const { return meta_rank_; }
  unsigned meta_group_size() const { return meta_size_; }

  // --- the value of another thread of the group; in _up and _down the own one beyond its ends
  template <class T>
  T shfl(T value, int rank, SIMT_HERE) const {
    return pick(value, rank, "shfl", file, line);
  }
  template <class T>
  T shfl_up(T value, unsigned delta, SIMT_HERE) const {
    unsigned rank = thread_rank();
    return pick(value, (int)(rank >= delta ? rank - delta : rank), "shfl_up", file, line);
  }
  template <class T>
  T shfl_down(T value, unsigned delta, SIMT_HERE) const {
    unsigned rank = thread_rank();
    bool inside = delta < num_threads() && rank + delta < num_threads();
    return pick(value, (int)(inside ? rank + delta : rank), "shfl_down", file, line);
  }

  // --- votes and matches
  int any(int predicate, SIMT_HERE) const {
    return simt::ballot(mask_, predicate, "any", file, line) != 0;
  }
  int all(int predicate, SIMT_HERE) const {
    unsigned present, votes = simt::ballot(mask_, predicate, "all", file, line, &present);
    return votes == present;
  }
  unsigned ballot(int predicate, SIMT_HERE) const {
    return simt::pack(simt::ballot(mask_, predicate, "ballot", file, line), mask_);
  }
  template <class T>
  unsigned match_any(T value, SIMT_HERE) const {
    return simt::pack(simt::same_lanes(mask_, value, "match_any", file, line), mask_);
  }
  template <class T>
  SIMT_INLINE unsigned match_all(T value, int& predicate, SIMT_HERE) const {
    unsigned present, same = simt::same_lanes(mask_, value, "match_all", file, line, &present);
    predicate = same == present;
    return same == present ? simt::pack(same, mask_) : 0;
  }

 protected:
  lane_group(unsigned mask, unsigned meta_rank, unsigned meta_size)
      : thread_group(mask), meta_rank_(meta_rank), meta_size_(meta_size) {}
  template <class T>
  T pick(const T& value, int rank, const char* what, const char* file, int line) const {
    static_assert(sizeof(T) <= 32, "a group's shuffle moves values of at most 32 bytes");
    return simt::pick(mask_, value, simt::nth_lane(mask_, rank), what, file, line);
  }
  unsigned meta_rank_, meta_size_;
};

}  // namespace cooperative_groups
