// head.cuh: the lm_head, and the next id.
//
// A warp takes a unit: 16 rows of wte, all 768 columns. Layer blocks stream theirs; helpers have
// held theirs since the kernel began, and get the last x through L2. The id is the argmax of a
// rank that holds logit (and noise) above, id below: 62 bits, in two words with a tag in each.
#pragma once
#include "layer.cuh"

namespace hopper {

// The 16 logits of a unit, without layernorm's factor: two rows a lane, as totals() has them.
// await(i): the weights of its i-th slot; free(i): they have been used.
template <typename Await, typename Free>
__device__ __forceinline__ float2 multiply_unit(const uint4* x, int lane, Await await, Free free) {
  const int SLOT_TILES = SLOT_WEIGHTS / TILE;
  Sums sums[4];
#pragma unroll
  for (int slot = 0; slot < UNIT_SLOTS; slot++) {
    const unsigned char* weights = await(slot);
#pragma unroll 2
    for (int tile = 0; tile < SLOT_TILES; tile += 4) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        Tile t;
        load(t, weights + (tile + i) * TILE_BYTES, lane);
        multiply(sums[i], t, Input(x + (slot * SLOT_TILES + tile + i) * 4, lane));
      }
    }
    free(slot);
  }
  sums[0] += sums[1], sums[2] += sums[3], sums[0] += sums[2];
  return totals(sums[0]);
}

// 1 / the standard deviation of x, from the sums of squares.
__device__ __forceinline__ float inverse_deviation(const Shared& s, int lane, float eps) {
  float sum = lane < 24 ? s.squares[lane] : 0.0f;
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) sum += of_lane(sum, mask);
  return rsqrtf(sum * (1.0f / CHANNELS) + eps);
}

// sampling.cuh's rank in 62 bits: 32 of the score, 30 of the id.
__device__ __forceinline__ unsigned long long shorter(unsigned long long rank) {
  return rank >> 32 << 30 | (rank & 0x3fffffff);
}
const unsigned long long WORST = 0, NO_NUMBER = (1ull << 62) - 1;

// The largest of the warp: of the upper words; then of the lower ones, where the upper is that.
__device__ __forceinline__ unsigned long long warp_max(unsigned long long v) {
  unsigned upper = largest_of_warp(v >> 32);
  unsigned lower = largest_of_warp(v >> 32 == upper ? (unsigned)v : 0);
  return (unsigned long long)upper << 32 | lower;
}

struct Head {
  GPTSampling sampling;  // read in each step: no registers are left to keep it in
  unsigned long long best = WORST;

  __device__ __forceinline__ Head(const Arguments& a) : sampling(a.state->sampling) {
    if (sampling.top_k == 1) sampling.temperature = 0.0f;
  }

  // A unit: lane q of a group has row g for even q, row g + 8 for odd. `multiply` gives its sums.
  template <typename Multiply>
  __device__ __forceinline__ void take(const Arguments& a, const Me& me, int first_row,
                                       float factor, int position, Multiply multiply) {
    const int row = first_row + me.group + 8 * (me.quad & 1);
    const bool is_there = row < a.vocab_size;
    float bias = is_there ? __ldg(a.lm_head.bias + row) : 0.0f;  // early: it may be far away
    float scale = is_there ? scale_of(a.lm_head, row) : 0.0f;
    float2 sums = multiply();
    if (!is_there) return;
    float logit = (me.quad & 1 ? sums.y : sums.x) * factor * scale + bias;
    if (a.logits && me.quad < 2) a.logits[row] = logit;
    unsigned long long rank =
        isfinite(logit) ? shorter(rank_of(logit, row, position + 1, sampling)) : NO_NUMBER;
    best = rank > best ? rank : best;
  }

  // The block's best to all that want it. By all threads that compute.
  __device__ __forceinline__ void send_best(const Arguments& a, const Me& me, unsigned tag) {
    Shared& s = *me.shared;
    best = warp_max(best);
    if (me.lane == 0) s.best[me.warp] = best;
    meet_all();
    if (me.warp == 0) {
      best = warp_max(me.lane < WARPS ? s.best[me.lane] : WORST);
      if (me.lane < BEST_COPIES)
        post(a.best + me.lane * 128 + blockIdx.x,
             make_uint2((unsigned)(best >> 31) << 1 | tag, (unsigned)best << 1 | tag));
    }
  }
};

// The best id of all blocks. By a whole warp. -2 for logits that are no numbers.
__device__ __forceinline__ int best_of_all(const Arguments& a, const Me& me, unsigned tag) {
  const uint2* from = a.best + blockIdx.x % BEST_COPIES * 128;
  uint2 words[4];
  until(a, me, BEST_OF_ALL, [&] {
    unsigned late = 0;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int block = me.lane + 32 * i;
      words[i] = block < BLOCKS ? peek2(from + block) : make_uint2(tag, tag);
      late |= differ(words[i].x, words[i].y, tag);
    }
    return !WITH_CHAIN || !__any_sync(0xffffffff, lowest_bit(late));
  });
  unsigned long long best = WORST;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    unsigned long long rank = (unsigned long long)(words[i].x >> 1) << 31 | words[i].y >> 1;
    best = rank > best ? rank : best;
  }
  best = warp_max(best);
  return best == NO_NUMBER ? NOT_FINITE : 0x3fffffff - (int)(best & 0x3fffffff);
}

// A layer block's part of the lm_head: its units come through the ring, but for those that stay.
__device__ __forceinline__ void run_head(const Arguments& a, const Me& me, LayerThread& t, int step,
                                         int position, unsigned tag) {
  Shared& s = *me.shared;
  if (me.gathers()) {
    t.send_x(a, me, LAYERS, position);
    if (me.cluster == 0 && me.lane < 8) {
      float4 x = t.own_x.x;
      post(a.final_x + t.own_x.channel,
           make_uint4(tagged(x.x, tag), tagged(x.y, tag), tagged(x.z, tag), tagged(x.w, tag)));
    }
  }
  Head head(a);
  await(a, me, X_ATTENTION, t.x_parity(step, LAYERS));
  if (me.warp < HEAD_WARPS) {
    await(a, me, SQUARES_ATTENTION, t.x_parity(step, LAYERS));
    const float factor = inverse_deviation(s, me.lane, a.eps);
#pragma unroll 1
    for (int unit = me.warp; unit < UNITS; unit += HEAD_WARPS) {
      const bool kept = unit >= STREAMED;
      auto await = [&](int slot) {
        return kept ? await_kept(a, me, SLOTS + (unit - STREAMED) * UNIT_SLOTS + slot, step)
                    : t.ring.await_head(a, me, unit * UNIT_SLOTS + slot);
      };
      auto free = [&](int slot) {
        if (!kept) Ring::free_head(me, unit * UNIT_SLOTS + slot);
      };
      head.take(a, me, unit_row(blockIdx.x, unit), factor, position,
                [&] { return multiply_unit(s.x, me.lane, await, free); });
    }
  }
  if (threadIdx.x <= SQUARES_ATTENTION) expect_next(me, threadIdx.x);
  t.ring.pass_units();
  head.send_best(a, me, tag);
}

// A helper's: x comes through L2, and the units are there.
__device__ __forceinline__ void help(const Arguments& a, const Me& me, int step, int position,
                                     unsigned tag) {
  Shared& s = *me.shared;
  Head head(a);
  if (me.warp < 6) {
    const int quad = me.warp * 32 + me.lane;  // of 192
    uint4 words;
    until(a, me, FINAL_X, [&] {
      __nanosleep(100);
      words = peek4(a.final_x + 4 * quad);
      return !WITH_CHAIN || !__any_sync(0xffffffff, lowest_bit(is_late(words, tag)));
    });
    float4 x = as_floats(words);
    s.x[quad] = prepared(x);
    float sum = (x.x * x.x + x.y * x.y) + (x.z * x.z + x.w * x.w);
#pragma unroll
    for (int mask = 16; mask > 0; mask /= 2) sum += of_lane(sum, mask);
    if (me.lane < 4) s.squares[me.warp * 4 + me.lane] = me.lane == 0 ? sum : 0.0f;
  }
  meet_all();
  if (me.warp < HEAD_WARPS) {
    const float factor = inverse_deviation(s, me.lane, a.eps);
#pragma unroll 1
    for (int unit = me.warp; unit < HELPER_UNITS; unit += HEAD_WARPS) {
      auto await = [&](int slot) { return await_kept(a, me, unit * UNIT_SLOTS + slot, step); };
      head.take(a, me, unit_row(blockIdx.x, unit), factor, position,
                [&] { return multiply_unit(s.x, me.lane, await, [](int) {}); });
    }
  }
  head.send_best(a, me, tag);
}

}  // namespace hopper
