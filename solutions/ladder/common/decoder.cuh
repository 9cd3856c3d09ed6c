// decoder.cuh: decoder.h's functions, except for gpt_decode, which is what rungs 5 to 8 differ in.
//
// A rung sets WEIGHT (float, __nv_bfloat16 or int8_t), includes this, and defines gpt_decode,
// open_rung, close_rung and feed_one.
#pragma once
#include "prefill.cuh"

// How this rung feeds one token, x at the state's position: logits (V). What it makes ready besides
// (false: no room), and what it frees.
void feed_one(GPT* gpt, float* logits, cudaStream_t stream);
bool open_rung(GPT* gpt);
void close_rung(GPT* gpt);

GPT* gpt_open(const GPTModel* model) {
  const GPTModel& m = *model;
  if (m.n_embd != m.n_head * HEAD || m.n_embd > LAYERNORM_MOST) return nullptr;
  auto* g = new GPT();
  g->model = m;
  g->params.assign(m.layers, m.layers + m.n_layer);
  g->model.layers = nullptr;  // the caller's may be gone soon
  size_t C = m.n_embd, S = m.block_size;
  bool ok = true;
  auto floats = [&](size_t count) {
    float* memory = allocate<float>(g, count);
    ok &= memory != nullptr;
    return memory;
  };
  auto matrix = [&](const float* from, int rows, int cols) {
    Matrix<Weight> made = convert<Weight>(g, from, rows, cols);
    ok &= made.data != nullptr;
    return made;
  };
  for (const GPTLayer& p : g->params) {
    Layer layer = {matrix(p.attn_weight, 3 * C, C), matrix(p.attn_proj_weight, C, C),
                   matrix(p.fc_weight, 4 * C, C),   matrix(p.proj_weight, C, 4 * C),
                   allocate<Cached>(g, C * S),      allocate<Cached>(g, C * S)};
    ok &= layer.keys && layer.values;
    g->layers.push_back(layer);
  }
  g->lm_head = matrix(m.wte, m.vocab_size, C);
  g->x = floats(C), g->query = floats(C), g->hidden = floats(4 * C);
  g->parts = floats((size_t)m.n_head * MAX_SPLITS * PART), g->logits = floats(m.vocab_size);
  auto activations = [&](size_t count) {
    auto* memory = allocate<Activation>(g, count);
    ok &= memory != nullptr;
    return memory;
  };
  g->xs = floats(S * C), g->normed = activations(S * C), g->queries = activations(S * C);
  g->attended = activations(S * C), g->hiddens = activations(4 * S * C);
  ok &= (g->state = allocate<State>(g, 1)) != nullptr;
  if (ok && open_rung(g) && cudaDeviceSynchronize() == cudaSuccess) return g;
  gpt_close(g);
  cudaGetLastError();  // NULL says it already
  return nullptr;
}

void gpt_close(GPT* gpt) {
  cudaDeviceSynchronize();  // what was launched uses it
  close_rung(gpt);
  for (void* memory : gpt->allocated) cudaFree(memory);
  delete gpt;
}

void gpt_feed(GPT* gpt, const int* ids, int position, int num_ids, float* logits, int num_logits,
              cudaStream_t stream) {
  if (num_ids > 1) return launch_prefill(*gpt, ids, position, num_ids, logits, num_logits, stream);
  begin_kernel<<<1, 1, 0, stream>>>(gpt->state, position, GPTSampling{}, nullptr);
  embed_kernel<<<1, 256, 0, stream>>>(gpt->x, ids, position, gpt->model);
  feed_one(gpt, logits, stream);
}

void gpt_prefill(GPT* gpt, const int* ids, int num_ids, const GPTSampling* sampling, int* new_ids,
                 cudaStream_t stream) {
  launch_prefill(*gpt, ids, 0, num_ids, gpt->logits, 1, stream);
  begin_kernel<<<1, 1, 0, stream>>>(gpt->state, num_ids - 1, *sampling, new_ids);
  launch_next(*gpt, stream);
}

long long gpt_bytes_per_step(const GPT* gpt) {
  long long C = gpt->model.n_embd, bytes = bytes_of(gpt->lm_head) + 4 * 2 * C;
  for (const Layer& l : gpt->layers)
    bytes += bytes_of(l.attn) + bytes_of(l.attn_proj) + bytes_of(l.fc) + bytes_of(l.proj) +
             4 * 13 * C;  // layernorms and biases
  return bytes;
}
