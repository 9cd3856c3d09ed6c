// decode_attention.cuh: attention of one new token over the KV-cache ("flash-decoding").
//
// One query a head is little work for a GPU, but the history is long: it is split among blocks.
// Each keeps a running maximum and sum of its part, so that no row of scores goes to memory, and
// whoever needs the result puts the parts together. (Dao et al. 2023, "Flash-Decoding for
// long-context inference"; the running softmax: Milakov and Gimelshein 2018.)
#pragma once
#include "weights.cuh"

const int HEAD = 64;         // hs: the head size of every GPT-2
const int MAX_SPLITS = 16;   // parts of a history
const int LEAST_SPLIT = 16;  // positions in a part, unless the history is shorter
const int PART = HEAD + 4;   // floats: max, sum, 2 unused; then sum of weight * value (HEAD)

// How many parts a history of `length` positions has.
__device__ __forceinline__ int num_splits(int length, int most = MAX_SPLITS) {
  return min(most, (length + LEAST_SPLIT - 1) / LEAST_SPLIT);
}

// A running softmax: the largest score, the sum of e^(score - max), and of that times the values.
struct Running {
  float max = -1e30f, sum = 0.0f;
  float4 value = {0, 0, 0, 0};

  __device__ __forceinline__ void scale(float larger) {
    float factor = __expf(max - larger);
    max = larger, sum *= factor;
    value.x *= factor, value.y *= factor, value.z *= factor, value.w *= factor;
  }
  __device__ __forceinline__ void add(float weight, float4 v) {
    sum += weight;
    value.x += weight * v.x, value.y += weight * v.y;
    value.z += weight * v.z, value.w += weight * v.w;
  }
};

// The first positions of a part, as one thread has them: AT_ONCE keys and values, 4 elements of
// each. 16 lanes take a position, `halves` positions apart from each other.
template <int AT_ONCE>
struct Loaded {
  float4 k[AT_ONCE], v[AT_ONCE];

  static __device__ __forceinline__ int position(int begin, int i) {
    return begin + i * (blockDim.x / 16) + threadIdx.x / 16;
  }
  // Positions [begin, end) of keys and values (S, HEAD), all of one head.
  template <typename T>
  __device__ __forceinline__ void load(const T* keys, const T* values, int begin, int end) {
    int lane = threadIdx.x % 16;
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++) {
      size_t at = (size_t)position(begin, i) * HEAD + 4 * lane;
      if (position(begin, i) >= end) continue;
      k[i] = load4(keys + at);
      v[i] = load4(values + at);
    }
  }
};

// One head's attention to the positions [begin, end), by a whole block of WARPS warps. `loaded` has
// the first of them; query: this lane's 4 elements. give(i, value) is called for each float of the
// part.
template <int WARPS, int AT_ONCE, typename T, typename Give>
__device__ __forceinline__ void attend(float4 q, const T* keys, const T* values, int begin, int end,
                                       Loaded<AT_ONCE> loaded, Give give) {
  __shared__ __align__(16) float warp_value[WARPS][HEAD];
  __shared__ float warp_max[WARPS], warp_sum_[WARPS];
  const int HALVES = 2 * WARPS;
  int lane = threadIdx.x % 16, half = threadIdx.x / 16, warp = threadIdx.x / 32;
  Running run;
#pragma unroll 1
  for (int start = begin; start < end; start += HALVES * AT_ONCE) {
    if (start > begin) loaded.load(keys, values, start, end);
    float score[AT_ONCE], larger = run.max;
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++) {
      float4 k = loaded.k[i];
      float s = q.x * k.x + q.y * k.y + q.z * k.z + q.w * k.w;
      for (int offset = 8; offset > 0; offset /= 2) s += __shfl_xor_sync(0xffffffff, s, offset);
      score[i] = s * rsqrtf(HEAD);
      if (start + i * HALVES + half < end) larger = fmaxf(larger, score[i]);
    }
    run.scale(larger);
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++)
      if (start + i * HALVES + half < end) run.add(__expf(score[i] - run.max), loaded.v[i]);
  }

  // The two halves of a warp, then the warps.
  Running other;
  other.max = __shfl_xor_sync(0xffffffff, run.max, 16);
  float larger = fmaxf(run.max, other.max);
  run.scale(larger);
  run.sum += __shfl_xor_sync(0xffffffff, run.sum, 16);
  run.value.x += __shfl_xor_sync(0xffffffff, run.value.x, 16);
  run.value.y += __shfl_xor_sync(0xffffffff, run.value.y, 16);
  run.value.z += __shfl_xor_sync(0xffffffff, run.value.z, 16);
  run.value.w += __shfl_xor_sync(0xffffffff, run.value.w, 16);
  if (threadIdx.x % 32 < 16) {
    *reinterpret_cast<float4*>(&warp_value[warp][4 * lane]) = run.value;
    if (lane == 0) warp_max[warp] = run.max, warp_sum_[warp] = run.sum;
  }
  __syncthreads();
  if (threadIdx.x < HEAD) {
    float max = warp_max[0], sum = 0.0f, value = 0.0f;
    for (int w = 1; w < WARPS; w++) max = fmaxf(max, warp_max[w]);
    for (int w = 0; w < WARPS; w++) {
      float factor = __expf(warp_max[w] - max);
      sum += warp_sum_[w] * factor;
      value += warp_value[w][threadIdx.x] * factor;
    }
    give(4 + threadIdx.x, value);
    if (threadIdx.x == 0) give(0, max), give(1, sum);
  }
}

// The attention's output x (nh * HEAD), a Row, from the parts (nh, MAX_SPLITS, PART) of all heads,
// `splits` of each. By a whole block; the caller waits for all before it uses x.
template <typename X>
__device__ __forceinline__ void merge_parts(const X& x, const float* parts, int num_heads,
                                            int splits) {
  const int MOST_HEADS = 32, MOST = MAX_SPLITS;
  __shared__ float factors[MOST_HEADS][MOST];  // of each part: e^(its max - the largest) / sum
  // The last threads: they have the fewest channels.
  for (int head = blockDim.x - 1 - threadIdx.x; head < num_heads; head += blockDim.x) {
    const float* part = parts + (size_t)head * MOST * PART;
    float2 max_sum[MOST];
    float max = -1e30f, sum = 0.0f;
#pragma unroll
    for (int i = 0; i < MOST; i++)
      if (i < splits) max_sum[i] = __ldcg(reinterpret_cast<const float2*>(part + i * PART));
#pragma unroll
    for (int i = 0; i < MOST; i++)
      if (i < splits) max = fmaxf(max, max_sum[i].x);
#pragma unroll
    for (int i = 0; i < MOST; i++)
      if (i < splits) sum += max_sum[i].y * (max_sum[i].x = __expf(max_sum[i].x - max));
#pragma unroll
    for (int i = 0; i < MOST; i++)
      if (i < splits) factors[head][i] = max_sum[i].x / sum;
  }
  for (int start = 0; start < num_heads * HEAD; start += 4 * blockDim.x) {
    int c = start + 4 * threadIdx.x;
    bool inside = c < num_heads * HEAD;
    const float* part = parts + (size_t)(c / HEAD) * MOST * PART + 4 + c % HEAD;
    float4 value[MOST], total = {0, 0, 0, 0};
#pragma unroll
    for (int i = 0; i < MOST; i++)  // all are on their way before the first is used
      if (i < splits && inside) value[i] = load4(part + i * PART);
    if (start == 0) __syncthreads();  // the factors are there
    if (!inside) continue;
#pragma unroll
    for (int i = 0; i < MOST; i++)
      if (i < splits) {
        float factor = factors[c / HEAD][i];
        total.x += factor * value[i].x, total.y += factor * value[i].y;
        total.z += factor * value[i].z, total.w += factor * value[i].w;
      }
    x.put(c / 4, total);
  }
}
