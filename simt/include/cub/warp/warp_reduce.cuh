// cub::WarpReduce: the values of LANES threads of a warp combined; the first one gets the result.
#pragma once
#include "simt/cub/collective.h"

namespace cub {

template <class T, int LANES = 32, int LEGACY_PTX_ARCH = 0>
class WarpReduce {
  static_assert(simt::is_group_size(LANES),
                "a warp is reduced in groups of 1, 2, 4, 8, 16 or 32 lanes");

 public:
  struct TempStorage {};
  explicit WarpReduce(TempStorage&, SIMT_HERE) : site_{file, line} {}

  // Over the first `valid` lanes. (The others get what lies from them on: not the result.)
  template <class Op>
  T Reduce(T value, Op op, int valid = LANES) {
    unsigned group = simt::group_lanes(LANES);
    auto all = simt::gather(group, value, "cub::WarpReduce", site_.file, site_.line);
    int lane = simt::lane_id(), first = __builtin_ctz(group);
    unsigned lanes = all.present & ~simt::lanes_below(lane);
    if (valid < LANES) lanes &= simt::lanes_below(first + valid);
    return lanes ? simt::fold(all, lanes, op) : value;
  }
  T Sum(T value, int valid = LANES) { return Reduce(value, cub::Sum(), valid); }
  T Max(T value, int valid = LANES) { return Reduce(value, cub::Max(), valid); }
  T Min(T value, int valid = LANES) { return Reduce(value, cub::Min(), valid); }

 private:
  simt::CallSite site_;
};

}  // namespace cub
