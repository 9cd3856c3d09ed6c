// thread_group: threads that work together, of one block or one warp (CUDA C++ Programming Guide,
// "Cooperative Groups"). A group is a handle: the lanes of a warp as a mask, or the whole block.
#pragma once
#include "../lanes.h"
#include "../sync.h"
#include "../thread.h"

namespace simt {
inline unsigned rank_in_block() {
  return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
}
inline unsigned threads_of_block() { return blockDim.x * blockDim.y * blockDim.z; }
struct GroupAccess;
}  // namespace simt

namespace cooperative_groups {

class thread_group {
 public:
  void sync(SIMT_HERE) const {
    if (mask_)
      simt::warp_meet(mask_, {}, "thread_group::sync", file, line);
    else
      simt::barrier(0, file, line);
  }
  unsigned long long num_threads() const {
    return mask_ ? (unsigned)__builtin_popcount(mask_) : simt::threads_of_block();
  }
  unsigned long long size() const { return num_threads(); }
  unsigned long long thread_rank() const {
    return mask_ ? (unsigned)simt::rank_in(mask_, simt::lane_id()) : simt::rank_in_block();
  }

 protected:
  friend simt::GroupAccess;
  explicit thread_group(unsigned mask) : mask_(mask) {}
  unsigned mask_;  // lanes of the warp; 0: all threads of the block
};

template <class Group>
inline void sync(const Group& group, SIMT_HERE) {
  group.sync(file, line);
}
template <class Group>
inline auto thread_rank(const Group& group) -> decltype(group.thread_rank()) {
  return group.thread_rank();
}
template <class Group>
inline auto group_size(const Group& group) -> decltype(group.size()) {
  return group.size();
}

}  // namespace cooperative_groups

namespace simt {
// What the other headers may know of a group.
struct GroupAccess {
  static unsigned mask(const cooperative_groups::thread_group& group) { return group.mask_; }
  static cooperative_groups::thread_group lanes(unsigned mask) {
    return cooperative_groups::thread_group(mask);
  }
  template <class Tile, class T>
  static auto meet(const Tile& tile, const T& value, const char* what, const char* file, int line)
      -> decltype(tile.meet(value, what, file, line)) {
    return tile.meet(value, what, file, line);
  }
};
}  // namespace simt
