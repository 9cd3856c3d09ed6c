// attention.cuh: one head's attention by a cluster: each block has every eighth position of the
// cache, and warps share them, eight lanes a position.
//
// Keys and values are on their way before the query is known: a lane has 8 channels of up to three
// positions of each, in registers. The newest position is not read from the cache: its block has
// key and value from the exchange, and puts them there for the next step.
#pragma once
#include "exchange.cuh"

namespace hopper {

const int PASSES = 3;  // of 48 positions a block (4 a warp): 3 * 48 * 8 = 1152 at most
static_assert(PASSES * 4 * WARPS * CLUSTER >= POSITIONS, "");

// 8 channels of a key or a value.
template <typename T>
struct EightOf {
  uint4 w;  // bfloat16
  __device__ __forceinline__ void load(const T* from) { w = __ldcg((const uint4*)from); }
  __device__ __forceinline__ void get(float (&v)[8]) const {
    v[0] = low(w.x), v[1] = high(w.x), v[2] = low(w.y), v[3] = high(w.y);
    v[4] = low(w.z), v[5] = high(w.z), v[6] = low(w.w), v[7] = high(w.w);
  }
};
template <>
struct EightOf<float> {
  float4 a, b;
  __device__ __forceinline__ void load(const float* from) {
    a = __ldcg((const float4*)from), b = __ldcg((const float4*)from + 1);
  }
  __device__ __forceinline__ void get(float (&v)[8]) const {
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w;
    v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
  }
};

struct History {
  EightOf<Cached> keys[PASSES], values[PASSES];
  int cached;  // positions of this block that are in the cache; they are rank, rank + 8, ...

  __device__ __forceinline__ History(const Me& me, int position)
      : cached(position > me.rank ? (position - me.rank + 7) / CLUSTER : 0) {}

  // Whether this warp has something to do in a pass, and which of the block's positions this lane
  // has. Lanes beyond the last one take the last one again, and leave it out later.
  __device__ __forceinline__ bool has(const Me& me, int pass) const {
    return (pass * WARPS + me.warp) * 4 < cached;
  }
  __device__ __forceinline__ int index(const Me& me, int pass) const {
    return (pass * WARPS + me.warp) * 4 + me.lane / 8;
  }

  __device__ __forceinline__ void load(const Arguments& a, const Me& me, int layer) {
    size_t head = (size_t)me.cluster * a.block_size * HEAD;
#pragma unroll
    for (int i = 0; i < PASSES; i++)
      if (has(me, i)) {
        int position = min(index(me, i), cached - 1) * CLUSTER + me.rank;
        size_t at = head + position * HEAD + me.lane % 8 * 8;
        keys[i].load(a.keys[layer] + at), values[i].load(a.values[layer] + at);
      }
  }

  // This warp's part: 64 sums of values, weighted by 2^(score - max); max; the sum of the weights.
  // Scores have been multiplied by log2(e), with the query.
  __device__ __forceinline__ void attend(const Me& me) const {
    Shared& s = *me.shared;
    float max = -1e30f, sum = 0.0f, value[8] = {0, 0, 0, 0, 0, 0, 0, 0}, score[PASSES];
    auto* query = reinterpret_cast<const float4*>(s.qkv[0]) + me.lane % 8 * 2;
    const float4 q = query[0], r = query[1];
#pragma unroll
    for (int i = 0; i < PASSES; i++)
      if (has(me, i)) {
        float k[8];
        keys[i].get(k);
        float dot = (k[0] * q.x + k[1] * q.y) + (k[2] * q.z + k[3] * q.w) +
                    (k[4] * r.x + k[5] * r.y) + (k[6] * r.z + k[7] * r.w);
        dot += of_lane(dot, 1), dot += of_lane(dot, 2), dot += of_lane(dot, 4);
        score[i] = index(me, i) < cached ? dot : -1e30f;
        max = fmaxf(max, score[i]);
      }
    if (has(me, 0)) {
      max = fmaxf(max, of_lane(max, 8)), max = fmaxf(max, of_lane(max, 16));
#pragma unroll
      for (int i = 0; i < PASSES; i++)
        if (has(me, i)) {
          float v[8], weight = power_of_2(score[i] - max);
          values[i].get(v);
          sum += weight;
#pragma unroll
          for (int c = 0; c < 8; c++) value[c] += weight * v[c];
        }
      // Over the four positions: each time a lane keeps half of its channels and gives the others.
      bool upper = me.lane & 16, odd = me.lane & 8;
      float four[4], two[2];
#pragma unroll
      for (int c = 0; c < 4; c++)
        four[c] = (upper ? value[4 + c] : value[c]) + of_lane(upper ? value[c] : value[4 + c], 16);
#pragma unroll
      for (int c = 0; c < 2; c++)
        two[c] = (odd ? four[2 + c] : four[c]) + of_lane(odd ? four[c] : four[2 + c], 8);
      sum += of_lane(sum, 8), sum += of_lane(sum, 16);
      float* to = s.parts[me.warp] + me.lane % 8 * 8 + (upper ? 4 : 0) + (odd ? 2 : 0);
      *reinterpret_cast<float2*>(to) = make_float2(two[0], two[1]);
    }
    if (me.lane == 0) *reinterpret_cast<float2*>(s.parts[me.warp] + HEAD) = make_float2(max, sum);
  }
};

// The block that the newest position belongs to: its score, by warp 8; into the cache, by warp 7.
__device__ __forceinline__ void attend_to_newest(const Arguments& a, const Me& me, int layer,
                                                 int position) {
  Shared& s = *me.shared;
  if (me.warp == 8) {
    auto* pairs = reinterpret_cast<const float2*>(s.qkv);
    float2 q = pairs[me.lane], k = pairs[HEAD / 2 + me.lane];
    float dot = q.x * k.x + q.y * k.y;
#pragma unroll
    for (int mask = 16; mask > 0; mask /= 2) dot += of_lane(dot, mask);
    if (me.lane == 0) s.newest_score = dot;
  } else if (me.warp == 7) {
    size_t at = ((size_t)me.cluster * a.block_size + position) * HEAD;
    for (int c = me.lane; c < HEAD; c += 32) {
      a.keys[layer][at + c] = Cached(s.qkv[1][c]);
      a.values[layer][at + c] = Cached(s.qkv[2][c]);
    }
  }
}

// Puts the warps' parts together, and sends this block's to all of the cluster. By the first 8
// warps: four threads a channel, each of them has three warps' parts.
__device__ __forceinline__ void send_parts(const Me& me, const Peers& peers, int cached,
                                           bool has_newest) {
  Shared& s = *me.shared;
  const int channel = threadIdx.x / 4;
  const bool newest = has_newest && me.quad == 0;
  float2 max_sum[3];
  float max = -1e30f, value[3], sum = 0.0f, total = 0.0f, score = -1e30f, its_value = 0.0f;
#pragma unroll
  for (int i = 0; i < 3; i++) {
    const float* part = s.parts[me.quad * 3 + i];
    max_sum[i] = *reinterpret_cast<const float2*>(part + HEAD), value[i] = part[channel];
    max = fmaxf(max, max_sum[i].x);
  }
  if (newest) score = s.newest_score, its_value = s.qkv[2][channel], max = fmaxf(max, score);
  max = fmaxf(max, of_lane(max, 1)), max = fmaxf(max, of_lane(max, 2));
  if (newest) sum = power_of_2(score - max), total = sum * its_value;
#pragma unroll
  for (int i = 0; i < 3; i++)
    if ((me.quad * 3 + i) * 4 < cached) {  // others have written no sums
      float weight = power_of_2(max_sum[i].x - max);
      sum += weight * max_sum[i].y, total += weight * value[i];
    }
  sum += of_lane(sum, 1), total += of_lane(total, 1);
  sum += of_lane(sum, 2), total += of_lane(total, 2);
  const float4 four = half_of_eight(total, me.lane);
  if (me.lane % 2 == 0)
    peers.send(me, &s.part.values[me.rank][8 * me.warp + me.lane / 16 * 4], as_words(four),
               PARTS_HERE);
  else if (threadIdx.x < 16)  // max and sum are the same in all lanes
    peers.send(me, &s.part.max_sum[me.rank], make_uint2(__float_as_uint(max), __float_as_uint(sum)),
               PARTS_HERE);
}

// The head's output, from the parts of all blocks: each warp of the projection makes its own copy,
// two channels a lane. It is this lane's two.
__device__ __forceinline__ float2 put_together(const Me& me) {
  const Shared& s = *me.shared;
  float4 pair[CLUSTER / 2];  // max and sum of two blocks
  float2 value[CLUSTER];
#pragma unroll
  for (int i = 0; i < CLUSTER / 2; i++)
    pair[i] = reinterpret_cast<const float4*>(s.part.max_sum)[i];
#pragma unroll
  for (int i = 0; i < CLUSTER; i++)
    value[i] = reinterpret_cast<const float2*>(s.part.values[i])[me.lane];
  float max[CLUSTER / 2], sums[CLUSTER / 2];
  float2 out[CLUSTER / 2];
#pragma unroll
  for (int i = 0; i < CLUSTER / 2; i++) max[i] = fmaxf(pair[i].x, pair[i].z);
  const float most = fmaxf(fmaxf(max[0], max[1]), fmaxf(max[2], max[3]));
#pragma unroll
  for (int i = 0; i < CLUSTER / 2; i++) {
    float v = power_of_2(pair[i].x - most), w = power_of_2(pair[i].z - most);
    sums[i] = v * pair[i].y + w * pair[i].w;
    out[i].x = v * value[2 * i].x + w * value[2 * i + 1].x;
    out[i].y = v * value[2 * i].y + w * value[2 * i + 1].y;
  }
  const float sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  const float x = (out[0].x + out[1].x) + (out[2].x + out[3].x);
  const float y = (out[0].y + out[1].y) + (out[2].y + out[3].y);
  float inverse = __fdividef(1.0f, sum);
  return make_float2(x * inverse, y * inverse);
}

// For the projection, in shared memory.
__device__ __forceinline__ void prepare(uint4* attended, float2 two, int lane) {
  if constexpr (sizeof(Weight) == 4) {
    reinterpret_cast<float2*>(attended)[lane] = two;
  } else {
    uint2 parts = split(two.x, two.y);
    auto* words = reinterpret_cast<unsigned*>(attended + lane / 2) + lane % 2;
    words[0] = parts.x, words[2] = parts.y;
  }
  __syncwarp();
}

}  // namespace hopper
