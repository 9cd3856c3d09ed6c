// debug.cuh: looks inside of a step, in builds with -DHOPPER_LOOK: what was exchanged, and when.
// In others there is nothing of it.
#pragma once
#include "arguments.cuh"

namespace hopper {

// What a layer exchanges, each an array of floats: offsets within DUMPED.
enum Dumped {
  DUMP_X = 0,                               // (C) before the attention
  DUMP_QKV = DUMP_X + CHANNELS,             // (3, C); the query times log2(e) / 8
  DUMP_ATTENDED = DUMP_QKV + 3 * CHANNELS,  // (C)
  DUMP_X_MLP = DUMP_ATTENDED + CHANNELS,    // (C)
  DUMP_HIDDEN = DUMP_X_MLP + CHANNELS,      // (4C)
  DUMPED = DUMP_HIDDEN + 4 * CHANNELS
};

#ifdef HOPPER_LOOK
__device__ __forceinline__ void dump(const Arguments& a, int layer, int at, float v) {
  if (a.dump) a.dump[(size_t)layer * DUMPED + at] = v;
}
__device__ __forceinline__ void dump4(const Arguments& a, int layer, int at, float4 v) {
  if (a.dump) *reinterpret_cast<float4*>(a.dump + (size_t)layer * DUMPED + at) = v;
}
// Marks a moment of warps 0 and 9 of block 0, in the last step: timeline (2, LAYERS + 1, 16).
//   0 a layer begins   1 x is here   2 multiplied   3 query, key and value are here   4 part sent
//   5 all parts are here   6 projection's sums sent   7 fc's weights in registers   8 x gathered
//   9 x is here   10 multiplied   11 inside sent   12 weights in registers   13 inside is here
//   14 sums sent. In place LAYERS: 0 layers done   1 best sent   2 id is here
// 5, 12 and 13 are warp 0's alone, 8 and the last one warp 9's.
__device__ __forceinline__ void mark(const Arguments& a, const Me& me, int step, int layer,
                                     int moment) {
  if (a.timeline && blockIdx.x == 0 && me.lane == 0 && me.warp % GATHERING == 0 &&
      step == a.num_steps - 1)
    a.timeline[((me.warp > 0) * (LAYERS + 1) + layer) * 16 + moment] = clock64();
}
#else
__device__ __forceinline__ void dump(const Arguments&, int, int, float) {}
__device__ __forceinline__ void dump4(const Arguments&, int, int, float4) {}
__device__ __forceinline__ void mark(const Arguments&, const Me&, int, int, int) {}
#endif

}  // namespace hopper
