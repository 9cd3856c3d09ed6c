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
#include "sampling.cuh"

// Prologue: layernorm of `in`.
struct LayerNorm {
  const float *in, *weight, *bias;
  float eps;
  __device__ void operator()(float* x, int k) const {
    float sum = 0.0f, sum_sq = 0.0f;
    for (int i = threadIdx.x; i < k; i += blockDim.x) sum += x[i] = in[i];
    float mean = block_sum(sum) / k;
    for (int i = threadIdx.x; i < k; i += blockDim.x) sum_sq += (x[i] - mean) * (x[i] - mean);
    float rstd = rsqrtf(block_sum(sum_sq) / k + eps);
    for (int i = threadIdx.x; i < k; i += blockDim.x)
      x[i] = (x[i] - mean) * rstd * weight[i] + bias[i];
  }
};

// Prologue: the attention's output, from its parts.
struct Merged {
  const float* parts;
  const State* state;
  __device__ void operator()(float* x, int k) const {
    int splits = num_splits(state->position + 1, MAX_SPLITS);
    for (int i = threadIdx.x; i < k; i += blockDim.x) x[i] = merged(parts, i, splits, MAX_SPLITS);
  }
};

// Epilogue: the query goes to `query`, key and value into the cache.
struct StoreQKV {
  float* query;
  Cached *keys, *values;  // (nh, S, HEAD)
  const float* bias;
  const State* state;
  int C, S;
  __device__ void operator()(int row, float sum) const {
    sum += bias[row];
    if (row < C) {
      query[row] = sum;
      return;
    }
    int c = row % C;
    size_t at = ((size_t)(c / HEAD) * S + state->position) * HEAD + c % HEAD;
    (row < 2 * C ? keys : values)[at] = Cached(sum);
  }
};

// Epilogue: gelu(sum + bias).
struct BiasGelu {
  float* out;
  const float* bias;
  __device__ void operator()(int row, float sum) const { out[row] = gelu_of(sum + bias[row]); }
};

// Epilogue: x += sum + bias.
struct AddTo {
  float* x;
  const float* bias;
  __device__ void operator()(int row, float sum) const { x[row] += sum + bias[row]; }
};

// A block for each part of each head's history.
const int ATTENTION_WARPS = 4;
__global__ void __launch_bounds__(ATTENTION_WARPS * 32)
    attention_step_kernel(float* parts, const float* query, const Cached* keys,
                          const Cached* values, const State* state, int S) {
  int head = blockIdx.y, length = state->position + 1;
  int splits = num_splits(length, MAX_SPLITS), each = (length + splits - 1) / splits;
  int begin = blockIdx.x * each, end = min(length, begin + each);
  if ((int)blockIdx.x >= splits) return;
  attend<ATTENTION_WARPS>(query + head * HEAD, keys + (size_t)head * S * HEAD,
                          values + (size_t)head * S * HEAD, begin, end,
                          parts + ((size_t)head * MAX_SPLITS + blockIdx.x) * PART);
}

// Picks the id for the next position, hands it out, and embeds it: x (C) is then that token's.
__global__ void next_kernel(const float* logits, float* x, State* state, GPTModel m) {
  int position = state->position + 1;
  int id = pick(logits, m.vocab_size, position, state->sampling);
  if (id >= 0 && position < m.block_size)
    for (int c = threadIdx.x; c < m.n_embd; c += blockDim.x)
      x[c] = m.wte[(size_t)id * m.n_embd + c] + m.wpe[(size_t)position * m.n_embd + c];
  __syncthreads();  // all have read the state
  if (threadIdx.x == 0) {
    *state->new_ids = id;
    __threadfence_system();  // the host may see it now
    state->new_ids++;
    state->position = position;
  }
}

template <typename Prologue, typename Epilogue>
void row_linear(const Matrix<Weight>& weight, Prologue prologue, Epilogue epilogue,
                cudaStream_t stream) {
  if (weight.cols >= 2048)
    gemv<Weight, 4>(weight, prologue, epilogue, stream);
  else
    gemv<Weight, 1>(weight, prologue, epilogue, stream);
}

// From x to the logits (V) of the next token. Position, keys and values: see State and Layer.
inline void launch_layers(const GPT& g, float* logits, cudaStream_t stream) {
  const GPTModel& m = g.model;
  for (int l = 0; l < m.n_layer; l++) {
    const GPTLayer& p = g.params[l];
    const Layer& layer = g.layers[l];
    row_linear(
        layer.attn, LayerNorm{g.x, p.ln_1_weight, p.ln_1_bias, m.eps},
        StoreQKV{g.query, layer.keys, layer.values, p.attn_bias, g.state, m.n_embd, m.block_size},
        stream);
    attention_step_kernel<<<dim3(MAX_SPLITS, m.n_head), ATTENTION_WARPS * 32, 0, stream>>>(
        g.parts, g.query, layer.keys, layer.values, g.state, m.block_size);
    row_linear(layer.attn_proj, Merged{g.parts, g.state}, AddTo{g.x, p.attn_proj_bias}, stream);
    row_linear(layer.fc, LayerNorm{g.x, p.ln_2_weight, p.ln_2_bias, m.eps},
               BiasGelu{g.hidden, p.fc_bias}, stream);
    row_linear(layer.proj, Copy{g.hidden}, AddTo{g.x, p.proj_bias}, stream);
  }
  row_linear(g.lm_head, LayerNorm{g.x, m.ln_f_weight, m.ln_f_bias, m.eps}, AddBias{logits, nullptr},
             stream);
}

inline void launch_next(const GPT& g, cudaStream_t stream) {
  next_kernel<<<1, 1024, 0, stream>>>(g.logits, g.x, g.state, g.model);
}

// A whole step: feeds the token that x stands for, and picks the next.
inline void launch_step(const GPT& g, cudaStream_t stream) {
  launch_layers(g, g.logits, stream);
  launch_next(g, stream);
}
