// prefill.cuh: many tokens at once: matrix products, which use each weight for all of them.
#pragma once
#include "flash_attention.cuh"
#include "flash_tensor.cuh"
#include "layernorm.cuh"
#include "linear_tensor.cuh"
#include "linear_tiled.cuh"
#include "step.cuh"

// Epilogues, as those of step.cuh, for token `row` of those that are fed.
struct StoreQKVs {
  Activation* queries;
  Layer layer;
  const float* bias;
  int position, C, S;
  __device__ void operator()(int row, int col, float sum) const {
    store_qkv(col, sum + bias[col], position + row, C, S, queries + (size_t)row * C, layer);
  }
};
struct BiasGelus {
  Activation* out;
  const float* bias;
  int n;
  __device__ void operator()(int row, int col, float sum) const {
    out[(size_t)row * n + col] = Activation(gelu_of(sum + bias[col]));
  }
};
struct AddTos {
  float* x;
  const float* bias;
  int n;
  __device__ void operator()(int row, int col, float sum) const {
    x[(size_t)row * n + col] += sum + bias[col];
  }
};

// On the tensor cores, unless the rung is a float32 one or the GPU has none: then by the float32
// weights that the model still holds, `exact`.
template <typename W, typename Epilogue>
void many_linear(const Activation* in, const Matrix<W>& weight, const float* exact, int m,
                 Epilogue epilogue, cudaStream_t stream) {
  if constexpr (sizeof(W) < 4)
    if (has_tensor_cores()) return linear_tensor(in, weight, m, epilogue, stream);
  linear_tiled(in, exact, m, weight.rows, weight.cols, epilogue, stream);
}

template <typename T>
void many_attention(T* out, const T* q, const T* keys, const T* values, int num_tokens,
                    int position, int num_heads, int S, cudaStream_t stream) {
  if constexpr (sizeof(T) < 4)
    if (has_tensor_cores())
      return flash_tensor(out, q, keys, values, num_tokens, position, num_heads, S, stream);
  flash_attention(out, q, keys, values, num_tokens, position, num_heads, S, stream);
}

// Feeds num_ids tokens and writes the logits of the last num_logits: (num_logits, V).
inline void launch_prefill(const GPT& g, const int* ids, int position, int num_ids, float* logits,
                           int num_logits, cudaStream_t stream) {
  const GPTModel& m = g.model;
  int T = num_ids, C = m.n_embd;
  Range range("prefill (%d tokens)", T);
  embed_kernel<<<T, 256, 0, stream>>>(g.xs, ids, position, m);
  for (int l = 0; l < m.n_layer; l++) {
    Range layer_range("layer %d", l);
    const GPTLayer& p = g.params[l];
    const Layer& layer = g.layers[l];
    launch_layernorm(g.normed, g.xs, p.ln_1_weight, p.ln_1_bias, m.eps, T, C, stream);
    many_linear(g.normed, layer.attn, p.attn_weight, T,
                StoreQKVs{g.queries, layer, p.attn_bias, position, C, m.block_size}, stream);
    many_attention(g.attended, g.queries, layer.keys, layer.values, T, position, m.n_head,
                   m.block_size, stream);
    many_linear(g.attended, layer.attn_proj, p.attn_proj_weight, T,
                AddTos{g.xs, p.attn_proj_bias, C}, stream);
    launch_layernorm(g.normed, g.xs, p.ln_2_weight, p.ln_2_bias, m.eps, T, C, stream);
    many_linear(g.normed, layer.fc, p.fc_weight, T, BiasGelus{g.hiddens, p.fc_bias, 4 * C}, stream);
    many_linear(g.hiddens, layer.proj, p.proj_weight, T, AddTos{g.xs, p.proj_bias, C}, stream);
  }
  const float* last = g.xs + (size_t)(T - num_logits) * C;
  if (num_logits == 1) {  // of one row only: the weights are read, nothing else
    row_linear(g.lm_head, nullptr, RowNorm(last, m.ln_f_weight, m.ln_f_bias, m.eps), Store{logits},
               stream);
  } else {
    launch_layernorm(g.normed, last, m.ln_f_weight, m.ln_f_bias, m.eps, num_logits, C, stream);
    many_linear(g.normed, g.lm_head, m.wte, num_logits, AddBiasTo{logits, nullptr, m.vocab_size},
                stream);
  }
}
