// cub::WarpScan: each of LANES threads of a warp gets the values up to its own (before its own)
// combined.
#pragma once
#include "simt/cub/collective.h"

namespace cub {

template <class T, int LANES = 32, int LEGACY_PTX_ARCH = 0>
class WarpScan {
  static_assert(simt::is_group_size(LANES),
                "a warp is scanned in groups of 1, 2, 4, 8, 16 or 32 lanes");

 public:
  struct TempStorage {};
  explicit WarpScan(TempStorage&, SIMT_HERE) : site_{file, line} {}

  // --- up to its own
  template <class Op>
  void InclusiveScan(T in, T& out, Op op) {
    T total;
    InclusiveScan(in, out, op, total);
  }
  template <class Op>
  void InclusiveScan(T in, T& out, Op op, T& total) {
    auto all = gather(in);
    out = simt::fold_to_here(all, op);
    total = simt::fold(all, all.present, op);
  }
  void InclusiveSum(T in, T& out) { InclusiveScan(in, out, cub::Sum()); }
  void InclusiveSum(T in, T& out, T& total) { InclusiveScan(in, out, cub::Sum(), total); }

  // --- before its own; without an initial value the first thread's `out` stays as it is
  template <class Op>
  void ExclusiveScan(T in, T& out, Op op) {
    out = simt::fold_before(gather(in), out, op);
  }
  template <class Op>
  void ExclusiveScan(T in, T& out, Op op, T& total) {
    auto all = gather(in);
    out = simt::fold_before(all, out, op);
    total = simt::fold(all, all.present, op);
  }
  template <class Op>
  void ExclusiveScan(T in, T& out, T initial, Op op) {
    T total;
    ExclusiveScan(in, out, initial, op, total);
  }
  template <class Op>
  void ExclusiveScan(T in, T& out, T initial, Op op, T& total) {
    auto all = gather(in);
    bool first = !(all.present & simt::lanes_below(simt::lane_id()));
    out = first ? initial : op(initial, simt::fold_before(all, initial, op));
    total = simt::fold(all, all.present, op);
  }
  void ExclusiveSum(T in, T& out) { ExclusiveScan(in, out, T(), cub::Sum()); }
  void ExclusiveSum(T in, T& out, T& total) { ExclusiveScan(in, out, T(), cub::Sum(), total); }

  // --- both
  template <class Op>
  void Scan(T in, T& inclusive, T& exclusive, Op op) {
    auto all = gather(in);
    inclusive = simt::fold_to_here(all, op);
    exclusive = simt::fold_before(all, exclusive, op);
  }
  void Sum(T in, T& inclusive, T& exclusive) {
    exclusive = T();
    Scan(in, inclusive, exclusive, cub::Sum());
  }

  T Broadcast(T in, unsigned lane) {
    unsigned group = simt::group_lanes(LANES);
    return simt::pick(group, in, simt::nth_lane(group, (int)lane), "cub::WarpScan", site_.file,
                      site_.line);
  }

 private:
  simt::Gathered<T> gather(const T& value) {
    return simt::gather(simt::group_lanes(LANES), value, "cub::WarpScan", site_.file, site_.line);
  }
  simt::CallSite site_;
};

}  // namespace cub
