// One thread of a group does something for all.
#pragma once
#include "large_tile.h"

namespace cooperative_groups {

template <class Group, class F, class... Arguments>
inline void invoke_one(const Group& group, F&& f, Arguments&&... arguments) {
  if (group.thread_rank() == 0) std::forward<F>(f)(std::forward<Arguments>(arguments)...);
}
// ... and all get what it returned.
template <class Group, class F, class... Arguments>
inline auto invoke_one_broadcast(const Group& group, F&& f, Arguments&&... arguments)
    -> decltype(std::forward<F>(f)(std::forward<Arguments>(arguments)...)) {
  decltype(std::forward<F>(f)(std::forward<Arguments>(arguments)...)) result{};
  if (group.thread_rank() == 0) result = std::forward<F>(f)(std::forward<Arguments>(arguments)...);
  return group.shfl(result, 0);
}

}  // namespace cooperative_groups
