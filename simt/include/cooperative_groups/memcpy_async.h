// cg::memcpy_async: the threads of a group copy something together, each a part, and go on; wait()
// and wait_prior<N>() wait for it (simt/async_copy.h says when it is made). Each call is a stage.
#pragma once
#include "cooperative_groups.h"
#include "simt/async_copy.h"

namespace cooperative_groups {

// As many bytes (a size_t or a cuda::aligned_size_t).
template <class Group, class T, class Size>
inline void memcpy_async(const Group& group, T* to, const T* from, const Size& bytes) {
  simt::defer_copy(simt::part_of_copy(group, to, from, (size_t)bytes));
  simt::commit_copies();
}
// Elements: as many as both sides have.
template <class Group, class T, class ToSize, class FromSize>
inline void memcpy_async(const Group& group, T* to, const ToSize& to_elements, const T* from,
                         const FromSize& from_elements) {
  static_assert(std::is_trivially_copyable<T>::value, "memcpy_async copies plain values");
  size_t n = min((size_t)to_elements, (size_t)from_elements);
  memcpy_async(group, to, from, n * sizeof(T));
}

// For all but the last Stages copies; then all threads of the group see them.
template <unsigned Stages, class Group>
SIMT_INLINE void wait_prior(const Group& group, SIMT_HERE) {
  simt::finish_copies(Stages);
  group.sync(file, line);
}
template <class Group>
SIMT_INLINE void wait(const Group& group, SIMT_HERE) {
  wait_prior<0>(group, file, line);
}

}  // namespace cooperative_groups
