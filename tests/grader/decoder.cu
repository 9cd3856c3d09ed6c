// A decoder as simple as it can be: the three layers of solutions/, and naive kernels for the rest.
#include <vector>

#include "decoder.h"
#include "kernels.cuh"

struct GPT {
  GPTModel model;
  std::vector<GPTLayer> layers;
  float *keys, *values;                                // (L, S, C) each
  float *x, *normed, *qkv, *attended, *wide, *logits;  // (S, C), ..., (S, 4C), (V)
  int* ids;                                            // (1): what was picked last
  int position;                                        // of the next id
};

static int* alloc_ints(size_t n) {
  int* p = nullptr;
  cudaMalloc(reinterpret_cast<void**>(&p), n * sizeof(int));
  return p;
}

static float* alloc_floats(size_t n) { return reinterpret_cast<float*>(alloc_ints(n)); }

__global__ void embed(float* x, const float* wte, const float* wpe, const int* ids, int first,
                      int C) {
  int t = blockIdx.x, position = first + t;
  for (int c = threadIdx.x; c < C; c += blockDim.x)
    x[t * C + c] = wte[ids[t] * C + c] + wpe[position * C + c];
}

__global__ void remember(float* keys, float* values, const float* qkv, int first, int C) {
  int t = blockIdx.x;
  for (int c = threadIdx.x; c < C; c += blockDim.x) {
    keys[(first + t) * C + c] = qkv[t * 3 * C + C + c];
    values[(first + t) * C + c] = qkv[t * 3 * C + 2 * C + c];
  }
}

// A thread for each token and head, with a softmax that is corrected as it goes along.
__global__ void attend(float* out, const float* qkv, const float* keys, const float* values,
                       int first, int T, int C, int num_heads) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= T * num_heads) return;
  int t = i / num_heads, size = C / num_heads, start = i % num_heads * size;
  int num_keys = first + t + 1;
  const float* q = qkv + t * 3 * C + start;
  float* y = out + t * C + start;
  for (int c = 0; c < size; c++) y[c] = 0.0f;
  float most = -INFINITY, sum = 0.0f;
  for (int s = 0; s < num_keys; s++) {
    float score = 0.0f;
    for (int c = 0; c < size; c++) score += q[c] * keys[s * C + start + c];
    score *= rsqrtf((float)size);
    float larger = fmaxf(most, score), old = expf(most - larger), weight = expf(score - larger);
    for (int c = 0; c < size; c++) y[c] = y[c] * old + weight * values[s * C + start + c];
    sum = sum * old + weight;
    most = larger;
  }
  for (int c = 0; c < size; c++) y[c] /= sum;
}

__global__ void add(float* x, const float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] += y[i];
}

__device__ float uniform(unsigned long long seed, unsigned step) {
  unsigned long long z = seed + (step + 1) * 0x9E3779B97F4A7C15ull;  // splitmix64
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return ((z ^ (z >> 31)) >> 40) * (1.0f / 16777216.0f);
}

// One thread: the id, to the host and to where the next step reads it.
__global__ void pick(int* new_id, int* id, const float* logits, int V, float temperature, int top_k,
                     unsigned long long seed, int step) {
  int best = 0;
  for (int v = 0; v < V; v++) {
    if (!isfinite(logits[v])) {
      *new_id = -2;
      return;
    }
    if (logits[v] > logits[best]) best = v;
  }
  if (temperature > 0.0f) {
    float kth = logits[best], top = logits[best], sum = 0.0f;
    for (int k = 1; top_k > 0 && k < top_k; k++) {
      float next = -INFINITY;
      for (int v = 0; v < V; v++)
        if (logits[v] < kth) next = fmaxf(next, logits[v]);
      kth = next;
    }
    if (top_k == 0) kth = -INFINITY;
    for (int v = 0; v < V; v++)
      if (logits[v] >= kth) sum += expf((logits[v] - top) / temperature);
    float left = uniform(seed, step) * sum;
    for (int v = 0; v < V; v++) {
      if (logits[v] < kth) continue;
      best = v;
      left -= expf((logits[v] - top) / temperature);
      if (left < 0.0f) break;
    }
  }
  *new_id = best;
  *id = best;
}

// T ids at the positions from `first` on; the logits of the last num_logits of them.
static void feed(GPT* g, const int* ids, int first, int T, float* logits, int num_logits,
                 cudaStream_t stream) {
  const GPTModel& m = g->model;
  int C = m.n_embd, blocks = (T * C + 255) / 256;
  embed<<<T, 256, 0, stream>>>(g->x, m.wte, m.wpe, ids, first, C);
  for (int l = 0; l < m.n_layer; l++) {
    const GPTLayer& w = g->layers[l];
    float *keys = g->keys + (size_t)l * m.block_size * C,
          *values = g->values + (size_t)l * m.block_size * C;
    layernorm(g->normed, g->x, w.ln_1_weight, w.ln_1_bias, m.eps, T, C, stream);
    linear(g->qkv, g->normed, w.attn_weight, w.attn_bias, T, 3 * C, C, stream);
    remember<<<T, 256, 0, stream>>>(keys, values, g->qkv, first, C);
    attend<<<(T * m.n_head + 63) / 64, 64, 0, stream>>>(g->attended, g->qkv, keys, values, first, T,
                                                        C, m.n_head);
    linear(g->normed, g->attended, w.attn_proj_weight, w.attn_proj_bias, T, C, C, stream);
    add<<<blocks, 256, 0, stream>>>(g->x, g->normed, T * C);
    layernorm(g->normed, g->x, w.ln_2_weight, w.ln_2_bias, m.eps, T, C, stream);
    linear(g->wide, g->normed, w.fc_weight, w.fc_bias, T, 4 * C, C, stream);
    gelu(g->wide, g->wide, T, 4 * C, stream);
    linear(g->normed, g->wide, w.proj_weight, w.proj_bias, T, C, 4 * C, stream);
    add<<<blocks, 256, 0, stream>>>(g->x, g->normed, T * C);
  }
  layernorm(g->normed, g->x, m.ln_f_weight, m.ln_f_bias, m.eps, T, C, stream);
  linear(logits, g->normed + (size_t)(T - num_logits) * C, m.wte, nullptr, num_logits, m.vocab_size,
         C, stream);
}

static void choose(GPT* g, const GPTSampling* s, int* new_id, cudaStream_t stream) {
  pick<<<1, 1, 0, stream>>>(new_id, g->ids, g->logits, g->model.vocab_size, s->temperature,
                            s->top_k, s->seed, g->position);
}

GPT* gpt_open(const GPTModel* model) {
  GPT* g = new GPT;
  g->model = *model;
  g->layers.assign(model->layers, model->layers + model->n_layer);
  size_t C = model->n_embd, S = model->block_size, L = model->n_layer;
  g->keys = alloc_floats(L * S * C), g->values = alloc_floats(L * S * C);
  g->x = alloc_floats(S * C), g->normed = alloc_floats(S * C), g->attended = alloc_floats(S * C);
  g->qkv = alloc_floats(S * 3 * C), g->wide = alloc_floats(S * 4 * C);
  g->logits = alloc_floats(model->vocab_size);
  g->ids = alloc_ints(1);
  return g;
}

void gpt_close(GPT* g) {
  for (float* p : {g->keys, g->values, g->x, g->normed, g->attended, g->qkv, g->wide, g->logits})
    cudaFree(p);
  cudaFree(g->ids);
  delete g;
}

void gpt_feed(GPT* g, const int* ids, int position, int num_ids, float* logits, int num_logits,
              cudaStream_t stream) {
  feed(g, ids, position, num_ids, logits, num_logits, stream);
}

void gpt_prefill(GPT* g, const int* ids, int num_ids, const GPTSampling* sampling, int* new_ids,
                 cudaStream_t stream) {
  feed(g, ids, 0, num_ids, g->logits, 1, stream);
  g->position = num_ids;
  choose(g, sampling, new_ids, stream);
}

void gpt_decode(GPT* g, int num_steps, const GPTSampling* sampling, int* new_ids,
                cudaStream_t stream) {
  for (int i = 0; i < num_steps; i++) {
    feed(g, g->ids, g->position, 1, g->logits, 1, stream);
    g->position++;
    choose(g, sampling, new_ids + i, stream);
  }
}

long long gpt_bytes_per_step(const GPT* g) {
  long long C = g->model.n_embd, V = g->model.vocab_size;
  return 4 * (12 * C * C * g->model.n_layer + V * C);
}
