// gpt.cuh: what a rung from 5 on holds: the weights in its own type, the KV-cache, buffers, and
// what the steps share on the device.
#pragma once
#include <cstdio>
#include <vector>

#include "decode_attention.cuh"
#include "decoder.h"
#include "next_token.cuh"
#include "weights.cuh"

// The cache has the weights' type; with int8 weights, bfloat16.
template <typename W>
struct CacheOf {
  using Type = W;
};
template <>
struct CacheOf<int8_t> {
  using Type = __nv_bfloat16;
};

#ifndef WEIGHT
#define WEIGHT float
#endif
using Weight = WEIGHT;
using Cached = CacheOf<Weight>::Type;
using Activation = Cached;  // what goes from one linear layer to the next in prefill

struct Layer {
  Matrix<Weight> attn, attn_proj, fc, proj;
  Cached *keys, *values;  // (nh, S, HEAD)
};

struct GPT {
  GPTModel model;                // sizes, and what stays float32
  std::vector<GPTLayer> params;  // the same of each layer
  std::vector<Layer> layers;
  Matrix<Weight> lm_head;
  State* state;
  // One token: x (C), its query (C), the parts of its attention (nh, MAX_SPLITS, PART), the MLP's
  // inside (4C), the logits (V).
  float *x, *query, *parts, *hidden, *logits;
  // Many tokens, S at most: x, layernorm's output, queries, attention's output (S, C); (S, 4C).
  float* xs;
  Activation *normed, *queries, *attended, *hiddens;
  std::vector<void*> allocated;
  cudaStream_t capturing = nullptr;  // rung 6
  cudaGraphExec_t step = nullptr;
  void* extra = nullptr;   // rung 8
  void* hopper = nullptr;  // rung 9

  int C() const { return model.n_embd; }
  int S() const { return model.block_size; }
};

// `count` elements on the device. nullptr when there is no room.
template <typename T>
T* allocate(GPT* gpt, size_t count) {
  void* memory = nullptr;
  if (cudaMalloc(&memory, count * sizeof(T)) != cudaSuccess) return nullptr;
  gpt->allocated.push_back(memory);
  return static_cast<T*>(memory);
}

// Rounds a row (a block) to the nearest weights; int8 with the scale that its largest element
// needs.
template <typename W>
__global__ void convert_kernel(W* out, float* scale, const float* in, int cols) {
  in += (size_t)blockIdx.x * cols, out += (size_t)blockIdx.x * cols;
  if constexpr (sizeof(W) == 1) {
    __shared__ unsigned largest;  // |x| as bits, which are ordered as the numbers are
    if (threadIdx.x == 0) largest = 0;
    __syncthreads();
    for (int c = threadIdx.x; c < cols; c += blockDim.x)
      atomicMax(&largest, __float_as_uint(fabsf(in[c])));
    __syncthreads();
    float s = __uint_as_float(largest) / 127.0f;
    if (threadIdx.x == 0) scale[blockIdx.x] = s;
    for (int c = threadIdx.x; c < cols; c += blockDim.x)
      out[c] = s > 0.0f ? __float2int_rn(in[c] / s) : 0;
  } else {
    for (int c = threadIdx.x; c < cols; c += blockDim.x) out[c] = W(in[c]);
  }
}

// A matrix as this rung wants it: float32 stays where it is. `data` is nullptr when there is no
// room.
template <typename W>
Matrix<W> convert(GPT* gpt, const float* from, int rows, int cols) {
  if constexpr (sizeof(W) == 4) {
    return {from, nullptr, rows, cols};
  } else {
    W* data = allocate<W>(gpt, (size_t)rows * cols);
    float* scale = sizeof(W) == 1 ? allocate<float>(gpt, rows) : nullptr;
    if (!data || (sizeof(W) == 1 && !scale)) return {};
    convert_kernel<<<rows, 256>>>(data, scale, from, cols);
    return {data, scale, rows, cols};
  }
}

inline long long bytes_of(const Matrix<Weight>& m) {
  return (long long)m.rows * m.cols * sizeof(Weight) + (m.scale ? 4ll * m.rows : 0);
}
