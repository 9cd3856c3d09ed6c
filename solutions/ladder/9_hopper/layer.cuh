// layer.cuh: a layer of GPT-2, by a cluster of 8 blocks a head.
//
//   weights   [query key value, projection]        [fc]             [projection]
//   x ------> query key value -> attention -> projection ==> x ------> fc, gelu -> projection ==> x
//        L2        cluster        cluster          L2     cluster        cluster         L2
//
// Each phase: take the weights into registers and free their slots; wait for the inputs; multiply;
// add up what the warps have; send. Layernorm costs nothing but its sum of squares: gain, bias and
// mean are folded into weights and biases (pack.cuh), and what is left, 1 / standard deviation, is
// a factor of the sums. The numbers of mark() are listed in debug.cuh.
#pragma once
#include "attention.cuh"
#include "linear.cuh"
#include "ring.cuh"

namespace hopper {

// What a thread of a layer block keeps from layer to layer.
struct LayerThread {
  Ring ring;
  Gatherer own_x;
  Peers peers;

  __device__ __forceinline__ LayerThread(const Me& me) : own_x(me), peers(me) {}

  // The parity of an exchange's phase. Most have a phase a layer, 12 a step, so it is the layer's.
  // X_ATTENTION and its squares have one more for the lm_head, 13, so it is the other one after
  // each step.
  static __device__ __forceinline__ unsigned parity(int layer) { return layer & 1; }
  static __device__ __forceinline__ unsigned x_parity(int step, int layer) {
    return (step + layer) & 1;
  }

  // x of the step's token, or after the layer before; then x and its squares to all.
  __device__ __forceinline__ void send_x(const Arguments& a, const Me& me, int layer,
                                         int position) {
    Shared& s = *me.shared;
    if (layer > 0)
      own_x.gather(a, me, a.after_mlp, layer & 1, a.proj.bias + (layer - 1) * CHANNELS);
    else if (int id = s.id[me.warp - GATHERING]; id >= 0)
      own_x.embed(a, id, position);
    else
      own_x.take(a, me.lane);
    own_x.broadcast(me, peers, s.x, X_ATTENTION, s.squares, SQUARES_ATTENTION);
    if (me.cluster == 0 && me.lane < 8 && layer < LAYERS)
      dump4(a, layer, DUMP_X + own_x.channel, own_x.x);
  }

  __device__ __forceinline__ void run(const Arguments& a, const Me& me, int layer, int step,
                                      int position) {
    Shared& s = *me.shared;
    const unsigned tag = (layer + 1) & 1;
    const int tid = threadIdx.x;
    mark(a, me, step, layer, 0);

    // Query, key and value: a tile of 8 rows of the query and 8 of the key, half a tile of the
    // value's, and this warp's 64 columns of x.
    History history(me, position);
    if (CACHE_AHEAD) history.load(a, me, layer);
    const unsigned char* weights = ring.await_phase(a, me);
    const int first_slot = ring.slot;
    const unsigned char* qkv = weights + me.warp * 6 * TILE_BYTES;
    const unsigned char* projection = weights + WARPS * 6 * TILE_BYTES + me.warp * 4 * TILE_BYTES;
    Tile query_key[4], value[4], attn_proj[4];
    auto load_first = [&] {
      load_tiles(query_key, qkv, me.lane);
      load_halves(value, qkv + 4 * TILE_BYTES, me.lane);
    };
    // float32: no registers are left for the projection's weights; their slot, the phase's last, is
    // kept.
    const bool KEEP = sizeof(Weight) == 4 || !REGISTERS_AHEAD;
    const int freed = !REGISTERS_AHEAD ? 0 : KEEP ? PHASE_SLOTS - 1 : PHASE_SLOTS;
    if (REGISTERS_AHEAD) load_first();
    if (!KEEP && me.warp < 6) load_tiles(attn_proj, projection, me.lane);
    if (freed > 0) ring.free_slots(me, first_slot, freed);
    ring.next_phase();
    float bias = 0.0f, scale = 1.0f;
    // Four threads add up a row (normalised_total): tid / 4 is one of 8 of the query, key, value.
    int row = tid / 4 / 8 * CHANNELS + me.cluster * HEAD + 8 * me.rank + tid / 4 % 8;
    if (tid < 96) {
      bias = __ldg(a.qkv.bias + layer * 3 * CHANNELS + row);
      scale = scale_of(a.qkv, layer * 3 * CHANNELS + row);
    }
    if (me.gathers()) send_x(a, me, layer, position);
    await(a, me, X_ATTENTION, x_parity(step, layer));
    mark(a, me, step, layer, 1);
    if (!REGISTERS_AHEAD) load_first();
    // Quad 0 gets a row of the query, 1 of the key, 2 of the value; 3 a row that there isn't.
    float sum = multiply_two(query_key, value, s.x, me);
    if (me.quad < 3) s.sums[me.warp][me.quad * 8 + me.group] = sum;
    meet_all();
    mark(a, me, step, layer, 2);
    if (me.warp < 3) {
      await(a, me, SQUARES_ATTENTION, x_parity(step, layer));
      float v = normalised_total(me, s.squares, a.eps) * scale + bias;
      if (tid / 4 < 8) v *= 0.125f * 1.4426950409f;  // 1 / sqrt(HEAD); log2(e): softmax by 2^s
      const float4 four = half_of_eight(v, me.lane);
      if (me.lane % 2 == 0)
        peers.send(me, &s.qkv[me.warp][8 * me.rank + me.lane / 16 * 4], as_words(four), QKV_HERE);
    }

    // The head's attention.
    if (!CACHE_AHEAD) history.load(a, me, layer);
    await(a, me, QKV_HERE, parity(layer));
    mark(a, me, step, layer, 3);
    if (me.rank == 0 && tid < 3 * HEAD)
      dump(a, layer, DUMP_QKV + tid / HEAD * CHANNELS + me.cluster * HEAD + tid % HEAD,
           s.qkv[tid / HEAD][tid % HEAD]);
    const bool has_newest = position % CLUSTER == me.rank;
    history.attend(me);
    if (has_newest) attend_to_newest(a, me, layer, position);
    meet_all();
    if (me.warp < 8) send_parts(me, peers, history.cached, has_newest);
    mark(a, me, step, layer, 4);

    // Its projection: 16 rows a warp, the head's 64 columns.
    if (me.warp < 6) {
      if (KEEP) load_tiles(attn_proj, projection, me.lane);
      float2 scales = own_scales(me, a.attn_proj, layer);
      await(a, me, PARTS_HERE, parity(layer));
      mark(a, me, step, layer, 5);
      float2 two = put_together(me);
      if (me.rank == 0 && me.warp == 0) {
        dump(a, layer, DUMP_ATTENDED + me.cluster * HEAD + 2 * me.lane, two.x);
        dump(a, layer, DUMP_ATTENDED + me.cluster * HEAD + 2 * me.lane + 1, two.y);
      }
      prepare(s.attended[me.warp], two, me.lane);
      Sums even, odd;
#pragma unroll
      for (int i = 0; i < 4; i++)
        multiply(i % 2 ? odd : even, attn_proj[i], Input(s.attended[me.warp] + i * 4, me.lane));
      even += odd;
      send_scaled(me, a.after_attention, totals(even), scales, tag);
    }
    mark(a, me, step, layer, 6);
    if (KEEP) ring.free_slots(me, first_slot + freed, PHASE_SLOTS - freed);

    run_mlp(a, me, layer, step, tag);
  }

  // fc, gelu, projection.
  __device__ __forceinline__ void run_mlp(const Arguments& a, const Me& me, int layer, int step,
                                          unsigned tag) {
    Shared& s = *me.shared;
    const int tid = threadIdx.x;
    Tile fc[8];
    const unsigned char* weights = ring.await_phase(a, me) + me.warp * 8 * TILE_BYTES;
    if (REGISTERS_AHEAD) {
      load_tiles(fc, weights, me.lane);
      ring.free_slots(me, ring.slot, PHASE_SLOTS);
    }
    int row = layer * 4 * CHANNELS + me.cluster * INNER + OWN_INNER * me.rank + tid / 4;
    float bias = 0.0f, scale = 1.0f;
    if (tid < 4 * OWN_INNER) bias = __ldg(a.fc.bias + row), scale = scale_of(a.fc, row);
    mark(a, me, step, layer, 7);
    if (me.gathers()) {
      own_x.gather(a, me, a.after_attention, tag, a.attn_proj.bias + layer * CHANNELS);
      mark(a, me, step, layer, 8);
      own_x.broadcast(me, peers, s.x_mlp, X_MLP, s.squares_mlp, SQUARES_MLP);
      if (me.cluster == 0 && me.lane < 8) dump4(a, layer, DUMP_X_MLP + own_x.channel, own_x.x);
    }
    await(a, me, X_MLP, parity(layer));
    mark(a, me, step, layer, 9);
    if (!REGISTERS_AHEAD) {
      load_tiles(fc, weights, me.lane);
      ring.free_slots(me, ring.slot, PHASE_SLOTS);
    }
    ring.next_phase();
    s.sums[me.warp][me.quad * 8 + me.group] = multiply_two(fc, fc + 4, s.x_mlp, me);
    meet_all();
    mark(a, me, step, layer, 10);
    if (me.warp < 4) {
      await(a, me, SQUARES_MLP, parity(layer));
      float v = gelu_by_2(normalised_total(me, s.squares_mlp, a.eps) * scale + bias);
      if (me.quad == 0) dump(a, layer, DUMP_HIDDEN + row - layer * 4 * CHANNELS, v);
      send_hidden(me, v);
    }
    mark(a, me, step, layer, 11);

    // The projection: 16 rows a warp, the cluster's 256 columns, in 16 tiles.
    const int AHEAD = !REGISTERS_AHEAD ? 0 : sizeof(Weight) == 4 ? 4 : 12;  // as registers allow
    weights = ring.await_phase(a, me) + me.warp * 16 * TILE_BYTES;
    if (me.warp < 6) {
      Tile proj[AHEAD + 1];
#pragma unroll
      for (int i = 0; i < AHEAD; i++) load(proj[i], weights + i * TILE_BYTES, me.lane);
      float2 scales = own_scales(me, a.proj, layer);
      mark(a, me, step, layer, 12);
      await(a, me, HIDDEN_HERE, parity(layer));
      mark(a, me, step, layer, 13);
      Sums sums[4];
#pragma unroll
      for (int i = 0; i < 16; i++) {
        Tile& tile = proj[i < AHEAD ? i : AHEAD];
        if (i >= AHEAD) load(tile, weights + i * TILE_BYTES, me.lane);
        multiply(sums[i % 4], tile, Input(s.hidden + i * 4, me.lane));
      }
      sums[0] += sums[1], sums[2] += sums[3], sums[0] += sums[2];
      send_scaled(me, a.after_mlp, totals(sums[0]), scales, tag);
    }
    // Warp 0 has awaited them all.
    if (tid < EXCHANGES) expect_next(me, tid);
    ring.free_slots(me, ring.slot, PHASE_SLOTS);
    ring.next_phase();
    mark(a, me, step, layer, 14);
  }

  // A projection: the scales of the two rows of which a lane gets the sums; those sums, scaled.
  static __device__ __forceinline__ float2 own_scales(const Me& me, const Rows& rows, int layer) {
    int row = layer * CHANNELS + OWN * me.rank + 16 * me.warp + me.group;
    return make_float2(scale_of(rows, row), scale_of(rows, row + 8));
  }
  static __device__ __forceinline__ void send_scaled(const Me& me, float* to, float2 sums,
                                                     float2 scales, unsigned tag) {
    send_sums(me, to, make_float2(sums.x * scales.x, sums.y * scales.y), tag);
    own_sums_sent();
  }

  // The MLP's inner channel 32 * rank + tid / 4, in four threads, to the whole cluster.
  __device__ __forceinline__ void send_hidden(const Me& me, float v) {
    const float4 four = half_of_eight(v, me.lane);
    uint4* place = me.shared->hidden + (OWN_INNER * me.rank + 8 * me.warp) / 4 + me.lane / 16;
    if (me.lane % 2 == 0) peers.send(me, place, prepared(four), HIDDEN_HERE);
  }
};

}  // namespace hopper
