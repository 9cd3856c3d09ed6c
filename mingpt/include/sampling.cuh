// sampling.cuh: picks the next id from the logits, on the device, so that no step waits for the
// host.
//
// The Gumbel trick: the largest of logit / temperature + noise is distributed like a sample of
// softmax(logit / temperature), if the noise is -log(-log(u)), u uniform. (Gumbel 1954; Maddison,
// Tarlow, Minka 2014.) So sampling is an argmax, as greedy decoding is, and needs no softmax.
#pragma once
#include "decoder.h"

const int NOT_FINITE = -2;  // decoder.h: in place of an id

// Unsigned integers in the order of the floats.
__device__ __forceinline__ unsigned sortable(float x) {
  unsigned bits = __float_as_uint(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// Noise that depends on the seed, the position in the text and the id, and on nothing else: a text
// comes out the same however its steps are launched. (The mixing is splitmix64's; Steele et al.
// 2014.)
__device__ __forceinline__ float gumbel(unsigned long long seed, int position, int id) {
  unsigned long long z =
      seed * 0x9e3779b97f4a7c15ull + ((unsigned long long)position << 32 | (unsigned)id);
  for (int round = 0; round < 2; round++) {
    z += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    z ^= z >> 31;
  }
  float u = ((z >> 41) + 0.5f) * 0x1p-23f;  // 23 bits: never 0, never 1
  return -logf(-logf(u));
}

// What the argmax is taken of: larger is better, and among equals the smaller id.
__device__ __forceinline__ unsigned long long rank_of(float logit, int id, int position,
                                                      const GPTSampling& sampling) {
  float score = logit;
  if (sampling.temperature > 0.0f)
    score = logit / sampling.temperature + gumbel(sampling.seed, position, id);
  return (unsigned long long)sortable(score) << 32 | (0xffffffffu - (unsigned)id);
}

const unsigned long long BAD_RANK = ~0ull;  // above that of any number

__device__ __forceinline__ int id_of(unsigned long long rank) {
  return rank == BAD_RANK ? NOT_FINITE : (int)(0xffffffffu - (unsigned)rank);
}

// The k-th largest of n logits, as sortable bits: 8 bits at a time, from the top, by counting.
// PRECOND: all threads of the block call it; 1 <= k <= n.
__device__ inline unsigned kth_largest(const float* logits, int n, int k) {
  __shared__ int counts[256], chosen, before;
  unsigned known = 0;  // the upper bits of the answer
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int i = threadIdx.x; i < 256; i += blockDim.x) counts[i] = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
      unsigned bits = sortable(logits[i]);
      if (shift == 24 || (bits ^ known) >> (shift + 8) == 0)
        atomicAdd(&counts[bits >> shift & 255], 1);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      int digit = 255, larger = 0;
      while (larger + counts[digit] < k) larger += counts[digit--];
      chosen = digit, before = larger;
    }
    __syncthreads();
    known |= (unsigned)chosen << shift;
    k -= before;
    __syncthreads();  // all have read: the next round may write
  }
  return known;
}

// The best rank among logits begin to end - 1 of n, in every thread. BAD_RANK if one of them is NaN
// or infinite. Where sampling is among the top_k only, others don't count: 0 if there is no other.
// PRECOND: all threads of the block call it; blockDim.x is a multiple of 32.
__device__ inline unsigned long long best_rank(const float* logits, int n, int begin, int end,
                                               int position, const GPTSampling& sampling) {
  __shared__ unsigned long long best;
  bool greedy = sampling.temperature <= 0.0f || sampling.top_k == 1;
  bool some = !greedy && sampling.top_k > 0 && sampling.top_k < n;
  unsigned least = some ? kth_largest(logits, n, sampling.top_k) : 0;
  GPTSampling how = sampling;
  if (greedy) how.temperature = 0.0f;

  if (threadIdx.x == 0) best = 0;
  unsigned long long mine = 0;
  const int AT_ONCE = 4;  // loads in flight
  for (int start = begin + threadIdx.x; start < end; start += AT_ONCE * blockDim.x) {
    float some_logits[AT_ONCE];
#pragma unroll
    for (int j = 0; j < AT_ONCE; j++)
      some_logits[j] = logits[min(end - 1, start + j * (int)blockDim.x)];
#pragma unroll
    for (int j = 0; j < AT_ONCE; j++) {
      int i = min(end - 1, start + j * (int)blockDim.x);  // the last one several times: no harm
      if (!isfinite(some_logits[j]))
        mine = BAD_RANK;
      else if (sortable(some_logits[j]) >= least)
        mine = max(mine, rank_of(some_logits[j], i, position, how));
    }
  }
  for (int offset = 16; offset > 0; offset /= 2)
    mine = max(mine, __shfl_xor_sync(0xffffffff, mine, offset));
  __syncthreads();  // best is 0
  if (threadIdx.x % 32 == 0) atomicMax(&best, mine);
  __syncthreads();
  return best;
}
