// step.cuh: one decode step in 5 kernels a layer, all on the device.
//
//   x -> layernorm, query key value -> attention -> projection, + x
//     -> layernorm, fc, gelu        -> projection, + x              in each layer
//     -> layernorm, lm_head -> pick the id, embed it                at the end
//
// What is small is done by the kernel that needs it: each block of a linear layer computes the
// layernorm of x by itself (3 KB, from L2) while its weights are on their way. So x goes to memory
// once a sum, and the normalised x, the scores and the merged attention never do.
#pragma once
#include "gelu.cuh"
#include "gemv.cuh"
#include "gpt.cuh"
#include "range.cuh"

// Prologue: layernorm of `in`, by a block of THREADS. PRECOND: k is a multiple of 4, at most
// LAYERNORM_MOST; `in`, weight and bias are 16-byte aligned.
const int LAYERNORM_MOST = 2048;
template <int THREADS>
struct LayerNorm {
  static constexpr int EACH = LAYERNORM_MOST / 4 / THREADS;  // float4s
  const float *in, *weight, *bias;
  float eps;
  float4 w[EACH], b[EACH];  // of this thread's elements

  __device__ LayerNorm() {}
  __host__ __device__ LayerNorm(const float* in, const float* weight, const float* bias, float eps)
      : in(in), weight(weight), bias(bias), eps(eps) {}

  static __device__ __forceinline__ int at(int j) { return 4 * (threadIdx.x + j * THREADS); }

  __device__ __forceinline__ void load(int k) {
#pragma unroll
    for (int j = 0; j < EACH; j++)
      if (at(j) < k) {
        w[j] = *reinterpret_cast<const float4*>(weight + at(j));
        b[j] = *reinterpret_cast<const float4*>(bias + at(j));
      }
  }
  template <typename X>
  __device__ __forceinline__ void operator()(const X& x, int k) const {
    float4 v[EACH];
#pragma unroll
    for (int j = 0; j < EACH; j++)
      if (at(j) < k) v[j] = load4(in + at(j));
    normalise(v, x, k);
  }
  // The same for v, which this thread has: elements at(j) and the next three.
  template <typename X>
  __device__ __forceinline__ void normalise(float4 (&v)[EACH], const X& x, int k) const {
    float sum = 0.0f, sum_sq = 0.0f;
#pragma unroll
    for (int j = 0; j < EACH; j++)
      if (at(j) < k) sum += v[j].x + v[j].y + v[j].z + v[j].w;
    float mean = block_sum(sum) / k;
#pragma unroll
    for (int j = 0; j < EACH; j++)
      if (at(j) < k) {
        v[j].x -= mean, v[j].y -= mean, v[j].z -= mean, v[j].w -= mean;
        sum_sq += v[j].x * v[j].x + v[j].y * v[j].y + v[j].z * v[j].z + v[j].w * v[j].w;
      }
    float rstd = rsqrtf(block_sum(sum_sq) / k + eps);
#pragma unroll
    for (int j = 0; j < EACH; j++)
      if (at(j) < k)
        x.put(at(j) / 4,
              make_float4(v[j].x * rstd * w[j].x + b[j].x, v[j].y * rstd * w[j].y + b[j].y,
                          v[j].z * rstd * w[j].z + b[j].z, v[j].w * rstd * w[j].w + b[j].w));
  }
};
using RowNorm = LayerNorm<GEMV_WARPS * 32>;

// Prologue: the attention's output, from its parts.
struct Merged {
  const float* parts;
  const State* state;
  __device__ void load(int) {}
  template <typename X>
  __device__ void operator()(const X& x, int k) const {
    merge_parts(x, parts, k / HEAD, num_splits(state->position + 1));
  }
};

// Row `row` of what attn gives: the query goes to `query`, key and value into the cache (nh, S,
// HEAD).
template <typename Query>
__device__ __forceinline__ void store_qkv(int row, float sum, int position, int C, int S,
                                          Query* query, const Layer& layer) {
  if (row < C) {
    query[row] = Query(sum);
    return;
  }
  int c = row - (row < 2 * C ? C : 2 * C);
  size_t at = ((size_t)(c / HEAD) * S + position) * HEAD + c % HEAD;
  (row < 2 * C ? layer.keys : layer.values)[at] = Cached(sum);
}

// Epilogue: store_qkv.
struct StoreQKV {
  float* query;
  Layer layer;
  const State* state;
  int C, S;
  __device__ void operator()(int row, float sum) const {
    store_qkv(row, sum, state->position, C, S, query, layer);
  }
};

// Epilogue: gelu.
struct Gelu {
  float* out;
  __device__ void operator()(int row, float sum) const { out[row] = gelu_of(sum); }
};

// Epilogue: x += sum.
struct AddTo {
  float* x;
  __device__ void operator()(int row, float sum) const { x[row] = __ldcg(x + row) + sum; }
};

// A block for each part of each head's history.
const int ATTENTION_WARPS = 4;
__global__ void __launch_bounds__(ATTENTION_WARPS * 32)
    attention_step_kernel(float* parts, const float* query, const Cached* keys,
                          const Cached* values, const State* state, int S) {
  int head = blockIdx.y, length = state->position + 1;
  int splits = num_splits(length), each = (length + splits - 1) / splits;
  int begin = blockIdx.x * each, end = min(length, begin + each);
  if ((int)blockIdx.x >= splits) return;
  keys += (size_t)head * S * HEAD, values += (size_t)head * S * HEAD;
  Loaded<4> loaded;
  loaded.load(keys, values, begin, end);
  float* part = parts + ((size_t)head * MAX_SPLITS + blockIdx.x) * PART;
  float4 q = load4(query + head * HEAD + 4 * (threadIdx.x % 16));
  attend<ATTENTION_WARPS>(q, keys, values, begin, end, loaded,
                          [&](int i, float value) { part[i] = value; });
}

template <typename Prologue, typename Epilogue>
void row_linear(const Matrix<Weight>& weight, const float* bias, Prologue prologue,
                Epilogue epilogue, cudaStream_t stream) {
  if (weight.cols >= 2048)
    gemv<Weight, 4>(weight, bias, prologue, epilogue, stream);
  else
    gemv<Weight, 1>(weight, bias, prologue, epilogue, stream);
}

// From x to the logits (V) of the next token. Position, keys and values: see State and Layer.
inline void launch_layers(const GPT& g, float* logits, cudaStream_t stream) {
  const GPTModel& m = g.model;
  for (int l = 0; l < m.n_layer; l++) {
    Range range("layer %d", l);
    const GPTLayer& p = g.params[l];
    const Layer& layer = g.layers[l];
    row_linear(layer.attn, p.attn_bias, RowNorm(g.x, p.ln_1_weight, p.ln_1_bias, m.eps),
               StoreQKV{g.query, layer, g.state, m.n_embd, m.block_size}, stream);
    attention_step_kernel<<<dim3(MAX_SPLITS, m.n_head), ATTENTION_WARPS * 32, 0, stream>>>(
        g.parts, g.query, layer.keys, layer.values, g.state, m.block_size);
    row_linear(layer.attn_proj, p.attn_proj_bias, Merged{g.parts, g.state}, AddTo{g.x}, stream);
    row_linear(layer.fc, p.fc_bias, RowNorm(g.x, p.ln_2_weight, p.ln_2_bias, m.eps), Gelu{g.hidden},
               stream);
    row_linear(layer.proj, p.proj_bias, Copy{g.hidden}, AddTo{g.x}, stream);
  }
  row_linear(g.lm_head, nullptr, RowNorm(g.x, m.ln_f_weight, m.ln_f_bias, m.eps), Store{logits},
             stream);
}

inline void launch_next(const GPT& g, cudaStream_t stream) {
  next_kernel<<<NEXT_BLOCKS, 256, 0, stream>>>(g.logits, g.x, g.state, g.model);
}

// A whole step: feeds the token that x stands for, and picks the next.
inline void launch_step(const GPT& g, cudaStream_t stream) {
  Range range("decode", 0);
  launch_layers(g, g.logits, stream);
  launch_next(g, stream);
}
