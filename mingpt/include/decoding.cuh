// decoding.cuh: the part of a decoder that is given (labs 5 and 6): what it holds, the layers for
// many tokens, and decoder.h's functions but for gpt_decode. decoder.cuh includes it, and has the
// rest, which is yours.
//
// Everything is as simple as it can be: the layers by your functions of gpt.h, and between them
// kernels that do one thing each.
#pragma once
#include <vector>

#include "decoder.h"
#include "gpt.h"
#include "next_token.cuh"

const int HEAD = 64;        // hs, of every GPT-2
const int MOST_PARTS = 16;  // of a history that is shared out among blocks
const int PART = HEAD + 2;  // floats of each: the largest score, a sum, HEAD sums

// A matrix (rows, cols) of weights, row-major, as a decode step reads it: see prepare().
struct Matrix {
  const Weight* data;
  int rows, cols;
};

struct Layer {
  GPTLayer p;                        // all parameters, float32 (decoder.h)
  Matrix attn, attn_proj, fc, proj;  // the matrices among them
  float *keys, *values;              // the cache: (nh, S, HEAD)
};

struct GPT {
  GPTModel model;
  std::vector<Layer> layers;
  Matrix lm_head;
  State* state;  // position, sampling, where the next id goes: on the device
  // T tokens, at most S: x, its layernorm, what attention gives (T, C); query, key and value
  // (T, 3C); the MLP's inside (T, 4C). A decode step uses the first row of each.
  float *x, *normed, *attended, *qkv, *hidden;
  float* logits;                      // (V)
  float* parts;                       // (nh, MOST_PARTS, PART)
  std::vector<void*> allocated;       // device memory, which gpt_close frees
  cudaStream_t recording = 0;         // of the graph, if there is one
  cudaGraphExec_t recorded = 0;       // gpt_close destroys both
  Layer* layers_on_device = nullptr;  // of the persistent kernel
};

// What decoder.cuh defines.
Matrix prepare(GPT* gpt, const float* weight, int rows, int cols);
void step(GPT* gpt, float* logits, cudaStream_t stream);

// `count` elements of device memory. nullptr when there is no room.
template <typename T>
T* allocate(GPT* gpt, size_t count) {
  void* memory = nullptr;
  if (cudaMalloc(&memory, count * sizeof(T)) != cudaSuccess) return nullptr;
  gpt->allocated.push_back(memory);
  return static_cast<T*>(memory);
}

// --------------------------------------------------------------- a linear layer for one row

const int WARPS = 8;  // in a block

// By decoder.cuh: after(row, weight[row] . x + bias[row]) for each row. before(x, k) makes x.
template <typename Before, typename After>
__device__ void gemv(const Matrix& weight, const float* bias, Before before, After after);

// One kernel for each pair of Before and After: the compiler puts them in their places.
template <typename Before, typename After>
__global__ void gemv_kernel(Matrix weight, const float* bias, Before before, After after) {
  gemv(weight, bias, before, after);
}

// As many blocks as there are rows for, up to some on each multiprocessor: every block calls
// before(), and has the more rows to make up for it.
template <typename Before, typename After>
void launch_gemv(const Matrix& weight, const float* bias, Before before, After after,
                 cudaStream_t stream) {
  static int multiprocessors = 0;
  if (!multiprocessors) {
    int device;
    cudaGetDevice(&device);
    cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  }
  int blocks = min((weight.rows + WARPS - 1) / WARPS, 4 * multiprocessors);
  gemv_kernel<<<blocks, 32 * WARPS, weight.cols * sizeof(float), stream>>>(weight, bias, before,
                                                                           after);
}

// Before: x as it is.
struct Copy {
  const float* in;
  __device__ void operator()(float* x, int k) const {
    for (int i = threadIdx.x; i < k; i += blockDim.x) x[i] = in[i];
  }
};

// After: the sum as it is.
struct Store {
  float* out;
  __device__ void operator()(int row, float sum) const { out[row] = sum; }
};

// ---------------------------------------------------------------------- between the layers

// x += y, n floats.
__global__ void add_kernel(float* x, const float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] += y[i];
}

// Keys and values out of qkv (T, 3C) into the cache, at the state's position and after it. A block
// a token.
__global__ void remember_kernel(float* keys, float* values, const float* qkv, const State* state,
                                int C, int S) {
  int position = state->position + blockIdx.x;
  for (int c = threadIdx.x; c < C; c += blockDim.x) {
    size_t at = ((size_t)(c / HEAD) * S + position) * HEAD + c % HEAD;
    keys[at] = qkv[(size_t)blockIdx.x * 3 * C + C + c];
    values[at] = qkv[(size_t)blockIdx.x * 3 * C + 2 * C + c];
  }
}

// attended (T, C): each token's attention to the positions up to its own. One thread for each token
// and head. It goes along the history with a running softmax: the largest score so far, and sums
// that are scaled down when a larger one comes (Milakov and Gimelshein 2018).
__global__ void attend_kernel(float* attended, const float* qkv, const float* keys,
                              const float* values, const State* state, int T, int num_heads,
                              int S) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= T * num_heads) return;
  int token = i / num_heads, head = i % num_heads, C = num_heads * HEAD;
  const float* query = qkv + (size_t)token * 3 * C + head * HEAD;
  float* out = attended + (size_t)token * C + head * HEAD;
  float largest = -INFINITY, sum = 0.0f;
  for (int c = 0; c < HEAD; c++) out[c] = 0.0f;
  for (int p = 0; p <= state->position + token; p++) {
    const float* key = keys + ((size_t)head * S + p) * HEAD;
    const float* value = values + ((size_t)head * S + p) * HEAD;
    float score = 0.0f;
    for (int c = 0; c < HEAD; c++) score += query[c] * key[c];
    score *= rsqrtf(HEAD);
    float before = largest;
    largest = fmaxf(largest, score);
    float scale = expf(before - largest), weight = expf(score - largest);
    for (int c = 0; c < HEAD; c++) out[c] = out[c] * scale + weight * value[c];
    sum = sum * scale + weight;
  }
  for (int c = 0; c < HEAD; c++) out[c] /= sum;
}

// ------------------------------------------------------------------------------- many tokens

// Feeds the T tokens that x stands for, at the state's position and after it. Writes the logits of
// the last num_logits: (num_logits, V).
inline void forward(GPT* g, int T, float* logits, int num_logits, cudaStream_t stream) {
  const GPTModel& m = g->model;
  const int C = m.n_embd, S = m.block_size, heads = m.n_head, blocks = (T * C + 255) / 256;
  for (const Layer& l : g->layers) {
    const GPTLayer& p = l.p;
    layernorm(g->normed, g->x, p.ln_1_weight, p.ln_1_bias, m.eps, T, C, stream);
    linear(g->qkv, g->normed, p.attn_weight, p.attn_bias, T, 3 * C, C, stream);
    remember_kernel<<<T, 256, 0, stream>>>(l.keys, l.values, g->qkv, g->state, C, S);
    attend_kernel<<<(T * heads + 31) / 32, 32, 0, stream>>>(g->attended, g->qkv, l.keys, l.values,
                                                            g->state, T, heads, S);
    linear(g->normed, g->attended, p.attn_proj_weight, p.attn_proj_bias, T, C, C, stream);
    add_kernel<<<blocks, 256, 0, stream>>>(g->x, g->normed, T * C);
    layernorm(g->normed, g->x, p.ln_2_weight, p.ln_2_bias, m.eps, T, C, stream);
    linear(g->hidden, g->normed, p.fc_weight, p.fc_bias, T, 4 * C, C, stream);
    gelu(g->hidden, g->hidden, T, 4 * C, stream);
    linear(g->normed, g->hidden, p.proj_weight, p.proj_bias, T, C, 4 * C, stream);
    add_kernel<<<blocks, 256, 0, stream>>>(g->x, g->normed, T * C);
  }
  const float* last = g->x + (size_t)(T - num_logits) * C;
  layernorm(g->normed, last, m.ln_f_weight, m.ln_f_bias, m.eps, num_logits, C, stream);
  linear(logits, g->normed, m.wte, nullptr, num_logits, m.vocab_size, C, stream);
}

// Picks the id after the state's position, by g->logits, and embeds it: x is then that token's.
inline void pick(GPT* g, cudaStream_t stream) {
  next_kernel<<<NEXT_BLOCKS, 256, 0, stream>>>(g->logits, g->x, g->state, g->model);
}

// ---------------------------------------------------------------------- decoder.h's functions

GPT* gpt_open(const GPTModel* model) {
  const GPTModel& m = *model;
  if (m.n_embd != m.n_head * HEAD) return nullptr;
  GPT* g = new GPT();
  bool ok = true;
  auto floats = [&](size_t count) {
    float* memory = allocate<float>(g, count);
    ok &= memory != nullptr;
    return memory;
  };
  auto matrix = [&](const float* weight, int rows, int cols) {
    Matrix made = prepare(g, weight, rows, cols);
    ok &= made.data != nullptr;
    return made;
  };
  const size_t C = m.n_embd, S = m.block_size;
  g->model = m;
  g->model.layers = nullptr;  // the caller's may be gone soon
  for (int i = 0; i < m.n_layer; i++) {
    const GPTLayer& p = m.layers[i];
    g->layers.push_back({p, matrix(p.attn_weight, 3 * C, C), matrix(p.attn_proj_weight, C, C),
                         matrix(p.fc_weight, 4 * C, C), matrix(p.proj_weight, C, 4 * C),
                         floats(C * S), floats(C * S)});
  }
  g->lm_head = matrix(m.wte, m.vocab_size, C);
  g->x = floats(S * C), g->normed = floats(S * C), g->attended = floats(S * C);
  g->qkv = floats(3 * S * C), g->hidden = floats(4 * S * C);
  g->logits = floats(m.vocab_size), g->parts = floats((size_t)m.n_head * MOST_PARTS * PART);
  g->state = allocate<State>(g, 1);
  if (ok && g->state && cudaDeviceSynchronize() == cudaSuccess) return g;
  gpt_close(g);
  cudaGetLastError();  // NULL says it already
  return nullptr;
}

void gpt_close(GPT* g) {
  cudaDeviceSynchronize();  // what was launched uses it
  if (g->recorded) cudaGraphExecDestroy(g->recorded);
  if (g->recording) cudaStreamDestroy(g->recording);
  for (void* memory : g->allocated) cudaFree(memory);
  delete g;
}

void gpt_feed(GPT* g, const int* ids, int position, int num_ids, float* logits, int num_logits,
              cudaStream_t stream) {
  begin_kernel<<<1, 1, 0, stream>>>(g->state, position, GPTSampling{}, nullptr);
  embed_kernel<<<num_ids, 256, 0, stream>>>(g->x, ids, position, g->model);
  if (num_ids == 1)
    step(g, logits, stream);
  else
    forward(g, num_ids, logits, num_logits, stream);
}

void gpt_prefill(GPT* g, const int* ids, int num_ids, const GPTSampling* sampling, int* new_ids,
                 cudaStream_t stream) {
  gpt_feed(g, ids, 0, num_ids, g->logits, 1, stream);
  begin_kernel<<<1, 1, 0, stream>>>(g->state, num_ids - 1, *sampling, new_ids);
  pick(g, stream);
}

long long gpt_bytes_per_step(const GPT* g) {
  auto bytes = [](const Matrix& m) { return (long long)m.rows * m.cols * sizeof(Weight); };
  long long C = g->model.n_embd, sum = bytes(g->lm_head) + 4 * 2 * C;
  for (const Layer& l : g->layers)
    sum += bytes(l.attn) + bytes(l.attn_proj) + bytes(l.fc) + bytes(l.proj) +
           4 * 13 * C;  // layernorms and biases
  return sum;
}
