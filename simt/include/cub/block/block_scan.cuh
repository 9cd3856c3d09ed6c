// cub::BlockScan: each thread of the block gets the values up to its own (before its own) combined;
// with arrays of items, each item. A prefix callback is called once, by the first thread, with the
// block's total, and returns what comes before the block.
#pragma once
#include "simt/cub/collective.h"

namespace cub {

enum BlockScanAlgorithm { BLOCK_SCAN_RAKING, BLOCK_SCAN_RAKING_MEMOIZE, BLOCK_SCAN_WARP_SCANS };

template <class T, int BLOCK_X, BlockScanAlgorithm = BLOCK_SCAN_RAKING, int BLOCK_Y = 1,
          int BLOCK_Z = 1, int LEGACY_PTX_ARCH = 0>
class BlockScan {
  using Shape = simt::BlockShape<BLOCK_X, BLOCK_Y, BLOCK_Z>;

 public:
  struct TempStorage {
    T warps[Shape::kWarps];
    T prefix;
  };
  explicit BlockScan(SIMT_HERE)
      : storage_(simt::private_storage<TempStorage>()), site_{file, line} {}
  explicit BlockScan(TempStorage& storage, SIMT_HERE) : storage_(storage), site_{file, line} {}

  // --- up to its own
  template <class Op>
  SIMT_INLINE void InclusiveScan(T in, T& out, Op op) {
    out = scan(in, op).inclusive;
  }
  template <class Op>
  SIMT_INLINE void InclusiveScan(T in, T& out, Op op, T& total) {
    Scanned s = scan(in, op);
    out = s.inclusive, total = s.total;
  }
  template <class Op, class Prefix>
  SIMT_INLINE void InclusiveScan(T in, T& out, Op op, Prefix& prefix) {
    Scanned s = scan(in, op);
    out = op(prefix_of_block(prefix, s.total), s.inclusive);
  }
  SIMT_INLINE void InclusiveSum(T in, T& out) { InclusiveScan(in, out, cub::Sum()); }
  template <class TotalOrPrefix>
  SIMT_INLINE void InclusiveSum(T in, T& out, TotalOrPrefix& more) {
    InclusiveScan(in, out, cub::Sum(), more);
  }

  // --- before its own; without an initial value the first thread's `out` stays as it is
  template <class Op>
  SIMT_INLINE void ExclusiveScan(T in, T& out, Op op) {
    Scanned s = scan(in, op);
    if (Shape::thread() > 0) out = s.exclusive;
  }
  template <class Op>
  SIMT_INLINE void ExclusiveScan(T in, T& out, Op op, T& total) {
    Scanned s = scan(in, op);
    if (Shape::thread() > 0) out = s.exclusive;
    total = s.total;
  }
  template <class Op>
  SIMT_INLINE void ExclusiveScan(T in, T& out, T initial, Op op) {
    Scanned s = scan(in, op);
    out = after(initial, s, op);
  }
  template <class Op>
  SIMT_INLINE void ExclusiveScan(T in, T& out, T initial, Op op, T& total) {
    Scanned s = scan(in, op);
    out = after(initial, s, op), total = s.total;
  }
  template <class Op, class Prefix>
  SIMT_INLINE void ExclusiveScan(T in, T& out, Op op, Prefix& prefix) {
    Scanned s = scan(in, op);
    out = after(prefix_of_block(prefix, s.total), s, op);
  }
  SIMT_INLINE void ExclusiveSum(T in, T& out) { ExclusiveScan(in, out, T(), cub::Sum()); }
  SIMT_INLINE void ExclusiveSum(T in, T& out, T& total) {
    ExclusiveScan(in, out, T(), cub::Sum(), total);
  }
  template <class Prefix>
  SIMT_INLINE void ExclusiveSum(T in, T& out, Prefix& prefix) {
    ExclusiveScan(in, out, cub::Sum(), prefix);
  }

  // --- ITEMS values of each thread: scanned as one, from what comes before the thread
  template <int N, class Op, class... More>
  SIMT_INLINE void InclusiveScan(T (&in)[N], T (&out)[N], Op op, More&... more) {
    T own = in[0], before;
    for (int i = 1; i < N; i++) own = op(own, in[i]);
    bool has_before = start_of_thread(own, before, op, more...);
    T running = in[0];
    if (has_before) running = op(before, running);
    for (int i = 0; i < N; i++) {
      if (i > 0) running = op(running, in[i]);
      out[i] = running;
    }
  }
  template <int N, class... More>
  SIMT_INLINE void InclusiveSum(T (&in)[N], T (&out)[N], More&... more) {
    InclusiveScan(in, out, cub::Sum(), more...);
  }
  template <int N, class Op>
  SIMT_INLINE void ExclusiveScan(T (&in)[N], T (&out)[N], T initial, Op op) {
    T total;
    ExclusiveScan(in, out, initial, op, total);
  }
  template <int N, class Op>
  SIMT_INLINE void ExclusiveScan(T (&in)[N], T (&out)[N], T initial, Op op, T& total) {
    T own = in[0];
    for (int i = 1; i < N; i++) own = op(own, in[i]);
    T running;
    ExclusiveScan(own, running, initial, op, total);
    exclusive_items(in, out, running, op);
  }
  template <int N, class Op, class Prefix>
  SIMT_INLINE void ExclusiveScan(T (&in)[N], T (&out)[N], Op op, Prefix& prefix) {
    T own = in[0];
    for (int i = 1; i < N; i++) own = op(own, in[i]);
    T running;
    ExclusiveScan(own, running, op, prefix);
    exclusive_items(in, out, running, op);
  }
  template <int N>
  SIMT_INLINE void ExclusiveSum(T (&in)[N], T (&out)[N]) {
    ExclusiveScan(in, out, T(), cub::Sum());
  }
  template <int N>
  SIMT_INLINE void ExclusiveSum(T (&in)[N], T (&out)[N], T& total) {
    ExclusiveScan(in, out, T(), cub::Sum(), total);
  }
  template <int N, class Prefix>
  SIMT_INLINE void ExclusiveSum(T (&in)[N], T (&out)[N], Prefix& prefix) {
    ExclusiveScan(in, out, cub::Sum(), prefix);
  }

 private:
  struct Scanned {
    T inclusive, exclusive, total;  // exclusive: not in the first thread
  };

  // Each warp by itself; its total goes to the later warps.
  template <class Op>
  SIMT_INLINE Scanned scan(T value, Op op) {
    int thread = Shape::thread(), warp = thread / 32;
    auto all = simt::gather(0xffffffffu, value, "cub::BlockScan", site_.file, site_.line);
    if (thread % 32 == 0) storage_.warps[warp] = simt::fold(all, all.present, op);
    simt::barrier(0, site_.file, site_.line);
    Scanned s{simt::fold_to_here(all, op), simt::fold_before(all, value, op), storage_.warps[0]};
    T before = s.total;  // the warps before this one
    for (int w = 1; w < Shape::kWarps; w++) {
      if (w == warp) before = s.total;
      s.total = op(s.total, storage_.warps[w]);
    }
    if (warp > 0) {
      s.inclusive = op(before, s.inclusive);
      s.exclusive = thread % 32 ? op(before, s.exclusive) : before;
    }
    return s;
  }
  template <class Op>
  static T after(T initial, const Scanned& s, Op op) {
    return Shape::thread() > 0 ? op(initial, s.exclusive) : initial;
  }
  template <class Prefix>
  SIMT_INLINE T prefix_of_block(Prefix& prefix, T total) {
    if (Shape::thread() < 32) {  // the first warp calls it; its first thread's result counts
      T result = prefix(total);
      if (Shape::thread() == 0) storage_.prefix = result;
    }
    simt::barrier(0, site_.file, site_.line);
    return storage_.prefix;
  }

  // What comes before the thread's own items; false: nothing.
  template <class Op>
  SIMT_INLINE bool start_of_thread(T own, T& before, Op op) {
    before = scan(own, op).exclusive;
    return Shape::thread() > 0;
  }
  template <class Op>
  SIMT_INLINE bool start_of_thread(T own, T& before, Op op, T& total) {
    Scanned s = scan(own, op);
    before = s.exclusive, total = s.total;
    return Shape::thread() > 0;
  }
  template <class Op, class Prefix>
  SIMT_INLINE bool start_of_thread(T own, T& before, Op op, Prefix& prefix) {
    Scanned s = scan(own, op);
    before = after(prefix_of_block(prefix, s.total), s, op);
    return true;
  }
  template <int N, class Op>
  SIMT_INLINE static void exclusive_items(T (&in)[N], T (&out)[N], T running, Op op) {
    for (int i = 0; i < N; i++) {
      T next = op(running, in[i]);  // in and out may be the same array
      out[i] = running;
      running = next;
    }
  }

  TempStorage& storage_;
  simt::CallSite site_;
};

}  // namespace cub
