// next_token.cuh: ids and positions on the device, so that no step waits for the host: embeds a
// token, picks the next id, hands it out.
#pragma once
#include "sampling.cuh"

// What changes from step to step.
struct State {
  int position;  // of the token that x stands for
  alignas(16) GPTSampling sampling;
  int* new_ids;             // where the next id goes, in host memory
  unsigned long long best;  // of pick_next: the best rank so far,
  unsigned arrived;         // and the blocks that have done their share
};

// Begins a text; sends the ids that follow elsewhere. One thread.
__global__ void begin_kernel(State* state, int position, GPTSampling sampling, int* new_ids) {
  *state = {position, sampling, new_ids};
}
__global__ void aim_kernel(State* state, int* new_ids) { state->new_ids = new_ids; }

// x (T, C) of the tokens ids (T) at `position` and after it. A block a token.
__global__ void embed_kernel(float* x, const int* ids, int position, GPTModel m) {
  const float* token = m.wte + (size_t)ids[blockIdx.x] * m.n_embd;
  const float* place = m.wpe + (size_t)(position + blockIdx.x) * m.n_embd;
  for (int c = threadIdx.x; c < m.n_embd; c += blockDim.x)
    x[(size_t)blockIdx.x * m.n_embd + c] = token[c] + place[c];
}

// Hands out the id for `position` (unless nobody wants it: NULL) and embeds it: x (C) is then that
// token's. By a whole block.
__device__ __forceinline__ void next_token(const GPTModel& m, int id, int position, float* x,
                                           int* new_id) {
  int token = max(id, 0);  // NOT_FINITE: anything will do
  if (position < m.block_size)
    for (int c = threadIdx.x; c < m.n_embd; c += blockDim.x)
      x[c] = m.wte[(size_t)token * m.n_embd + c] + m.wpe[(size_t)position * m.n_embd + c];
  if (threadIdx.x == 0 && new_id) {
    *new_id = id;
    __threadfence_system();  // the host may see it now
  }
}

// Picks the id for the next position: each block the best of its share of the logits (V), and the
// last to finish the best of all. (Where sampling is among the top_k, each looks for their limit.)
// By the whole grid, in blocks of a multiple of 32 threads.
__device__ __forceinline__ void pick_next(const float* logits, float* x, State* state,
                                          const GPTModel& m) {
  int position = state->position + 1, n = m.vocab_size;
  int each = (n + gridDim.x - 1) / gridDim.x, begin = blockIdx.x * each;
  unsigned long long best =
      best_rank(logits, n, begin, min(n, begin + each), position, state->sampling);
  __shared__ bool last;
  if (threadIdx.x == 0) {
    atomicMax(&state->best, best);
    __threadfence();  // seen before the count is
    last = atomicAdd(&state->arrived, 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last) return;
  int* new_id = state->new_ids;
  next_token(m, id_of(__ldcg(&state->best)), position, x, new_id);
  __syncthreads();  // all have read the state
  if (threadIdx.x == 0)
    state->position = position, state->new_ids = new_id + 1, state->best = 0, state->arrived = 0;
}

const int NEXT_BLOCKS = 32;
__global__ void next_kernel(const float* logits, float* x, State* state, GPTModel m) {
  pick_next(logits, x, state, m);
}
