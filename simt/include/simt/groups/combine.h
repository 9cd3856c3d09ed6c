// How the values of a group's threads are combined, all of them or those before the caller. Within
// a warp each thread gets all values in one meeting; a large tile does that warp by warp, and then
// for the results of its warps.
#pragma once
#include "functional.h"
#include "large_tile.h"

namespace simt {

template <class T>
using Plain = typename std::decay<T>::type;

// --- groups within a warp
template <class T, class Op>
inline T reduce_group(const cooperative_groups::lane_group& group, const T& value, Op& op,
                      const char* what, const char* file, int line) {
  Gathered<T> all = gather(GroupAccess::mask(group), value, what, file, line);
  return fold(all, all.present, op);
}
// Over the threads up to the caller; without it if `exclusive` (the first thread gets T()).
template <class T, class Op>
inline T scan_group(const cooperative_groups::lane_group& group, const T& value, Op& op,
                    bool exclusive, const char* what, const char* file, int line) {
  Gathered<T> all = gather(GroupAccess::mask(group), value, what, file, line);
  unsigned before = all.present & lanes_below(lane_id());
  if (!exclusive) return fold(all, before | 1u << lane_id(), op);
  return before ? fold(all, before, op) : T();
}

// --- tiles of several warps
template <unsigned Size, class T, class Op>
inline T reduce_group(const cooperative_groups::large_tile<Size>& tile, const T& value, Op& op,
                      const char* what, const char* file, int line) {
  Gathered<T> warp = gather(0xffffffffu, value, what, file, line);
  TileMeeting meeting = GroupAccess::meet(tile, fold(warp, warp.present, op), what, file, line);
  T result = value_at<T>(meeting, 0);
  for (unsigned rank = 32; (int)rank < meeting.present; rank += 32)
    result = op(result, value_at<T>(meeting, rank));
  return result;
}
template <unsigned Size, class T, class Op>
inline T scan_group(const cooperative_groups::large_tile<Size>& tile, const T& value, Op& op,
                    bool exclusive, const char* what, const char* file, int line) {
  Gathered<T> warp = gather(0xffffffffu, value, what, file, line);
  TileMeeting meeting = GroupAccess::meet(tile, fold(warp, warp.present, op), what, file, line);
  unsigned lane = (unsigned)lane_id(), first_of_warp = tile.thread_rank() - lane;
  unsigned lanes =
      warp.present & (exclusive ? lanes_below((int)lane) : lanes_below((int)lane) | 1u << lane);
  if (first_of_warp == 0) return lanes ? fold(warp, lanes, op) : T();
  T before = value_at<T>(meeting, 0);
  for (unsigned rank = 32; rank < first_of_warp; rank += 32)
    before = op(before, value_at<T>(meeting, rank));
  return lanes ? op(before, fold(warp, lanes, op)) : before;
}

}  // namespace simt
