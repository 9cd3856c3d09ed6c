// Tiles of more than 32 threads. They meet in a place of their own (runtime/tile.cpp), each leaving
// one value of up to 16 bytes.
#pragma once
#include "tile.h"

namespace simt {

struct TileMeeting {
  const LaneValue* values;  // by rank; valid until the caller's next meeting
  int present;              // threads that exist: the last tile of a block may be incomplete
};
SIMT_HIDDEN TileMeeting tile_meet(int first_thread, int size, const LaneValue& mine,
                                  const char* what, const char* file, int line);

template <class T>
SIMT_UNSEEN inline T value_at(const TileMeeting& meeting, unsigned rank) {
  LaneValue chosen;
  memset(chosen.bytes, 0xff, sizeof chosen.bytes);
  if ((int)rank < meeting.present) chosen = meeting.values[rank];
  return *reinterpret_cast<const T*>(chosen.bytes);
}

}  // namespace simt

namespace cooperative_groups {

template <unsigned Size>
class large_tile {
 public:
  static constexpr unsigned num_threads() { return Size; }
  static constexpr unsigned size() { return Size; }
  unsigned thread_rank() const { return simt::rank_in_block() % Size; }
  unsigned meta_group_rank() const { return meta_rank_; }
  unsigned meta_group_size() const { return meta_size_; }

  void sync(SIMT_HERE) const { meet(0, "thread_block_tile::sync", file, line); }
  template <class T>
  T shfl(T value, int rank, SIMT_HERE) const {
    return simt::value_at<T>(meet(value, "shfl", file, line), (unsigned)rank % Size);
  }
  int any(int predicate, SIMT_HERE) const { return count(predicate, "any", file, line).first != 0; }
  int all(int predicate, SIMT_HERE) const {
    std::pair<int, int> votes = count(predicate, "all", file, line);
    return votes.first == votes.second;
  }

 protected:
  large_tile(unsigned meta_rank, unsigned meta_size)
      : meta_rank_(meta_rank), meta_size_(meta_size) {}

  friend simt::GroupAccess;
  template <class T>
  simt::TileMeeting meet(const T& value, const char* what, const char* file, int line) const {
    static_assert(std::is_trivially_copyable<T>::value && sizeof(T) <= 16,
                  "threads of a large tile hand one another plain values of at most 16 bytes");
    int first = (int)(simt::rank_in_block() / Size * Size);
    return simt::tile_meet(first, (int)Size, simt::part_of(value, 0), what, file, line);
  }
  // How many passed the predicate, and of how many.
  std::pair<int, int> count(int predicate, const char* what, const char* file, int line) const {
    simt::TileMeeting meeting = meet(predicate != 0, what, file, line);
    int passed = 0;
    for (int rank = 0; rank < meeting.present; rank++)
      passed += simt::value_at<bool>(meeting, (unsigned)rank);
    return {passed, meeting.present};
  }

  unsigned meta_rank_, meta_size_;
};

}  // namespace cooperative_groups
