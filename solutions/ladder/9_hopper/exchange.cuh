// exchange.cuh: how blocks hand each other what they have computed, without a barrier.
//
// Within a cluster: a store into the other's shared memory (st.async), whose bytes count at an
// mbarrier there. It gets there in 0.2 us; who waits for it asks its own shared memory. Each of the
// eight blocks needs what all of them have, so every value is sent eight times, four values a
// store: a store of 4 bytes takes as long as one of 16.
//
// Across clusters: floats through L2, each with a tag in its lowest bit: the parity of the layer.
// Who needs one polls until the tag is right, and has the value with the same load. Two layers
// later the tag is the same again: that is enough, for nobody can send a layer's sums before all
// have read those of the layer before. (To send layer l + 1's, a block needs x from all blocks of
// its cluster, they need l's other sums from all clusters, whose blocks had to read these first.)
#pragma once
#include "arguments.cuh"
#include "debug.cuh"

namespace hopper {

// ------------------------------------------------------------------------------- in a cluster

// The blocks of the cluster that a lane sends to, as distances from its own addresses. In gathering
// warps (see Gatherer) four lanes have the same of x, and each sends it to two blocks; in others a
// lane has one block, and so has its neighbour.
struct Peers {
  Address first, second;
  __device__ __forceinline__ Peers(const Me& me) {
    Address own = address_of(me.shared);
    int block = me.gathers() ? me.lane / 8 * 2 : me.lane / 2 % CLUSTER;
    first = in_block(block, own) - own, second = in_block(block | 1, own) - own;
  }
  // To the place that `place` has in the other block, or in both.
  template <typename Value>
  __device__ __forceinline__ void send(const Me& me, const void* place, Value value,
                                       What what) const {
    if (!WITH_CHAIN) return;
    hopper::send(address_of(place) + first, value, barrier_of(me, what) + first);
  }
  template <typename Value>
  __device__ __forceinline__ void send_both(const Me& me, const void* place, Value value,
                                            What what) const {
    send(me, place, value, what);
    if (WITH_CHAIN) hopper::send(address_of(place) + second, value, barrier_of(me, what) + second);
  }
  static __device__ __forceinline__ Address barrier_of(const Me& me, What what) {
    return address_of(&me.shared->exchange[what]);
  }
};

// A warp has eight values, each in a group of four lanes. Lanes 0 to 15 get the first four of them,
// lanes 16 to 31 the others: 16 bytes for each block of the cluster, in a lane and its neighbour.
__device__ __forceinline__ float4 half_of_eight(float v, int lane) {
  const int first = lane & 16;
  auto from = [&](int source) { return __shfl_sync(0xffffffff, v, source); };
  return make_float4(from(first), from(first + 4), from(first + 8), from(first + 12));
}

// ------------------------------------------------------------------------------- through L2

__device__ __forceinline__ unsigned tagged(float v, unsigned tag) {
  return (__float_as_uint(v) & ~1u) | tag;
}
// Bit 0 of each is set where a tag is wrong.
__device__ __forceinline__ unsigned is_late(uint4 v, unsigned tag) {
  return differ(v.x, v.y, tag) | differ(v.z, v.w, tag);
}

// A block has 96 channels of x, in the registers of its three gathering warps: 4 neighbouring ones
// a lane, 24 lanes in all, and each of them four times (lane / 8), for each to read the sums of
// three clusters and to send to two blocks.
struct Gatherer {
  float4 x = {0, 0, 0, 0};
  int channel;  // the first of the four
  __device__ __forceinline__ Gatherer(const Me& me)
      : channel(OWN * me.rank + 4 * ((me.warp - GATHERING) * 8 + me.lane % 8)) {}

  // x = token + place - the mean of each: x has a mean of 0 at all times (pack.cuh), so that
  // layernorm needs its squares only.
  __device__ __forceinline__ void embed(const Arguments& a, int id, int position) {
    float4 t = __ldg((const float4*)(a.wte + (size_t)id * CHANNELS + channel));
    float4 p = __ldg((const float4*)(a.wpe + (size_t)position * CHANNELS + channel));
    float mean = __ldg(a.wte_mean + id) + __ldg(a.wpe_mean + position);
    x = make_float4(t.x + p.x - mean, t.y + p.y - mean, t.z + p.z - mean, t.w + p.w - mean);
  }
  // As embed_kernel would: token + place, in memory, for whoever goes on from here.
  __device__ __forceinline__ void leave(const Arguments& a, int id, int position) const {
    float4 t = __ldg((const float4*)(a.wte + (size_t)id * CHANNELS + channel));
    float4 p = __ldg((const float4*)(a.wpe + (size_t)position * CHANNELS + channel));
    *reinterpret_cast<float4*>(a.x + channel) =
        make_float4(t.x + p.x, t.y + p.y, t.z + p.z, t.w + p.w);
  }
  // The same as embed, of x (C) as it is in memory.
  __device__ __forceinline__ void take(const Arguments& a, int lane) {
    float sum = 0;
#pragma unroll 1
    for (int i = lane; i < CHANNELS; i += 32) sum += __ldcg(a.x + i);
    for (int mask = 16; mask > 0; mask /= 2) sum += of_lane(sum, mask);
    float4 t = __ldcg((const float4*)(a.x + channel));
    float mean = sum / CHANNELS;
    x = make_float4(t.x - mean, t.y - mean, t.z - mean, t.w - mean);
  }

  // x += bias + the sums of all clusters (clusters, C), as soon as they are there.
  __device__ __forceinline__ void gather(const Arguments& a, const Me& me, const float* sums,
                                         unsigned tag, const float* bias) {
    if (POLL_AFTER_OWN) {  // a poll that comes too early delays the stores that it waits for
      meet<2, 6 * 32 + 3 * 32>();
      unsigned start = cycles();
      while ((int)(cycles() - start) < a.pacing.poll_delay) continue;
    }
    float4 b = __ldg((const float4*)(bias + channel));
    const float* from = sums + me.lane / 8 * 3 * CHANNELS + channel;
    uint4 u, v, w;
    until(a, me, SUMS_OF_OTHERS, [&] {
      u = peek4(from), v = peek4(from + CHANNELS), w = peek4(from + 2 * CHANNELS);
      unsigned late = is_late(u, tag) | is_late(v, tag) | is_late(w, tag);
      return !WITH_CHAIN || !__any_sync(0xffffffff, lowest_bit(late));
    });
    float4 f = as_floats(u), g = as_floats(v), h = as_floats(w);
    float4 s = make_float4(f.x + g.x + h.x, f.y + g.y + h.y, f.z + g.z + h.z, f.w + g.w + h.w);
#pragma unroll
    for (int mask = 8; mask < 32; mask *= 2) {
      s.x += of_lane(s.x, mask), s.y += of_lane(s.y, mask);
      s.z += of_lane(s.z, mask), s.w += of_lane(s.w, mask);
    }
    x.x += s.x + b.x, x.y += s.y + b.y, x.z += s.z + b.z, x.w += s.w + b.w;
  }

  // x, and the sum of its squares over each 32 channels, to all blocks of the cluster.
  __device__ __forceinline__ void broadcast(const Me& me, const Peers& peers, uint4* to,
                                            What x_here, float* squares, What squares_here) const {
    peers.send_both(me, to + channel / 4, prepared(x), x_here);
    float sum = (x.x * x.x + x.y * x.y) + (x.z * x.z + x.w * x.w);
#pragma unroll
    for (int mask = 1; mask < 8; mask *= 2) sum += of_lane(sum, mask);
    if (me.lane % 8 == 0)
      peers.send_both(me, squares + me.rank * 3 + me.warp - GATHERING, __float_as_uint(sum),
                      squares_here);
  }
};

// The block's own part of the 12 sums is on its way: from now on it makes sense to poll for the
// others' (Gatherer::gather). By the six warps that send it.
__device__ __forceinline__ void own_sums_sent() {
  if (POLL_AFTER_OWN) arrive_at<2, 6 * 32 + 3 * 32>();
}

// Sends a warp's 16 sums: rows row and row + 8 of `sums` (C), one a lane.
__device__ __forceinline__ void send_sums(const Me& me, float* sums, float2 totals, unsigned tag) {
  int row = OWN * me.rank + 16 * me.warp + me.group + 8 * (me.quad & 1);
  if (me.quad < 2)
    post(sums + me.cluster * CHANNELS + row, tagged(me.quad ? totals.y : totals.x, tag));
}

}  // namespace hopper
