// kernel.cuh: the kernel: many steps, each of them all layers, the lm_head and the next id.
#pragma once
#include "../common/cluster.cuh"
#include "head.cuh"

namespace hopper {

__device__ __forceinline__ void make_barriers(const Me& me) {
  Shared& s = *me.shared;
  for (int i = 0; i < HELD; i++) {
    init_barrier(address_of(&s.full[i]), 1);
    init_barrier(address_of(&s.empty[i]), WARPS);
  }
  for (int i = 0; i < EXCHANGES; i++) init_barrier(address_of(&s.exchange[i]), 1);
  s.where = 0, s.gave_up = 0, s.leave_at = NEVER;
  fence_barriers();
  for (int i = 0; i < EXCHANGES; i++) expect_next(me, i);
}

// One of the 96 blocks that compute layers.
__device__ __forceinline__ void run_layers(const Arguments& a, const Me& me, int first_position) {
  LayerThread t(me);
  int id = -1;
#pragma unroll 1
  for (int step = 0; goes_on(a, me, step); step++) {
    if (me.gathers() && me.lane == 0) me.shared->id[me.warp - GATHERING] = id;
    __syncwarp();
    const int position = first_position + step;
    const unsigned tag = (a.steps_before + step + 1) & 1;  // of what is sent once a step
#pragma unroll 1
    for (int layer = 0; layer < LAYERS; layer++) {
      if (threadIdx.x == 0) me.shared->where = layer | (step & 4095) << 4;
      t.run(a, me, layer, step, position);
    }
    mark(a, me, step, LAYERS, 0);
    run_head(a, me, t, step, position, tag);
    mark(a, me, step, LAYERS, 1);
    if (!me.gathers()) continue;
    const int best = best_of_all(a, me, tag);
    id = min(max(best, 0), a.vocab_size - 1);  // where no logit is a number any id will do
    // For embed, which comes after the next step's first weights: x's token is far away.
    prefetch(a.wte + (size_t)id * CHANNELS + t.own_x.channel);
    if (blockIdx.x == 0 && threadIdx.x == 32 * GATHERING && a.new_ids && all_is_well(me))
      post_to_host(a.new_ids + step, best);
    mark(a, me, step, LAYERS, 2);
  }
  const int next = first_position + a.num_steps;
  if (me.gathers() && me.cluster == 0 && me.lane < 8 && next < a.block_size)
    t.own_x.leave(a, id, next);
}

__global__ void __launch_bounds__(THREADS, 1) kernel(const __grid_constant__ Arguments a) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  extern __shared__ __align__(128) unsigned char memory[];
  const Me me(memory);
  const bool in_layers = blockIdx.x < LAYER_BLOCKS;
  const int position = a.state->position;
  if (threadIdx.x == 0) make_barriers(me);
  __syncthreads();
  sync_cluster();  // nobody sends before the barriers are there
  // 12 * 160 + 4 * 32 registers a lane of these 16 warps: all that there are.
  if (me.warp >= WARPS) {
    if (MORE_REGISTERS) fewer_registers<32>();
    if (WITH_STREAM && me.warp == WARPS && me.lane == 0) {
      if (in_layers) {
        load_once(a, me, SLOTS, KEPT * UNIT_SLOTS, STEP_SLOTS);
        stream_weights(a, me);
      } else {
        load_once(a, me, 0, HELPER_UNITS * UNIT_SLOTS, 0);
      }
    }
    __syncwarp();
  } else {
    if (MORE_REGISTERS) more_registers<160>();
    if (in_layers)
      run_layers(a, me, position);
    else
      for (int step = 0; goes_on(a, me, step); step++)
        help(a, me, step, position + step, (a.steps_before + step + 1) & 1);
  }
  // Nobody leaves while others may still send to it, or what they have sent is under way (it has
  // come, where all have waited for it): a store to a block that has left is an error.
  if (threadIdx.x == 0 && !all_is_well(me)) __nanosleep(1000000);
  __syncwarp();
  sync_cluster();
  if (blockIdx.x > 0 || threadIdx.x > 0) return;
  if (!a.logits)
    a.state->position = position + a.num_steps;  // else next_kernel's work, or nobody's
  const unsigned failure = peek(a.failed);
  if (a.logits && failure) a.logits[0] = __int_as_float(0x7fffffff);  // NaN: they are no results
  post_to_host((int*)a.report, failure);
#endif
}

}  // namespace hopper
