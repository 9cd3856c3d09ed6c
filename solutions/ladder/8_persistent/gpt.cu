// Rung 8: many decode steps in one kernel that never ends in between.
//
// Idea      A kernel's start and end cost more than what it does here. Start one kernel, a block on
//           each multiprocessor, and let the blocks wait for each other at a barrier of their own,
//           which takes about 1 us. And more: weights don't depend on the text. Each thread copies
//           the ones that it will need into shared memory, several layers ahead, and memory never
//           waits for a barrier.
// Expected  bfloat16: 248 MB, 82 us, hidden behind the chain of 5 barriers a layer, 62 a step, with
//           what follows each of them one after the other (x from L2, layernorm, the sum over a
//           row, a store): 2 to 3 us each. 120 to 190 us: 5,000 to 8,000 tokens/s.
// Needs     a cooperative launch (all blocks run at once): any GPU since Volta. Asynchronous copies
//           are Ampere's; before, a thread waits for them.
#ifndef WEIGHT
#define WEIGHT __nv_bfloat16
#endif
#include <cuda_pipeline_primitives.h>

#include <cuda/atomic>

#include "../4_gemv/gpt.cu"
#include "../common/decoder.cuh"

const int WARPS = 8, THREADS = 32 * WARPS;  // of a block; one block a multiprocessor
const int ROWS = 3;                         // of a matrix, that a warp has at once
const int SPLITS = 8;                       // of a history, at most
const int SLOT =
    THREADS * ROWS * AT_ONCE<Weight>;  // chunks of weights that a block has in one pass

// A matrix as it is streamed: row r belongs to block r % blocks. There, 2^share_bits warps share a
// row, and `at_once` rows are computed in one pass.
struct Streamed {
  Matrix<Weight> weight;
  int share_bits, at_once;
};

// A layer as the kernel sees it, in shared memory.
struct LayerInside {
  Streamed attn, attn_proj, fc, proj;
  GPTLayer params;
  Layer cache;
};

// What the kernel is told. x is embedded already.
struct Arguments {
  GPTModel model;
  const LayerInside* layers;  // (n_layer)
  Streamed lm_head;
  int num_slots;
  State* state;
  float *x, *query, *parts, *hidden;
  float* logits;             // where to write them, or nullptr
  unsigned* arrived;         // blocks at the barrier, ever; 0 at the start
  unsigned long long* best;  // (2): rank_of the best id, of this step and of the next; 0 likewise
  int num_steps;
};

// All blocks of the grid wait for each other. What they wrote before, all see afterwards (reads
// that L1 might answer must be __ldcg). `goal` counts the arrivals that this block waits for.
__device__ __forceinline__ void grid_barrier(unsigned* arrived, unsigned& goal) {
  __syncthreads();
  goal += gridDim.x;
  if (threadIdx.x == 0) {
    cuda::atomic_ref<unsigned, cuda::thread_scope_device> count(*arrived);
    count.fetch_add(1, cuda::memory_order_release);
    while (count.load(cuda::memory_order_acquire) < goal) {
    }
  }
  __syncthreads();
}

// Where the rows and chunks of a pass are that belong to this thread: ROWS rows, of which it has
// every chunk_step-th chunk.
struct Place {
  int row, row_step, chunk, chunk_step, chunks;
  __device__ __forceinline__ Place(const Streamed& s, int first) {
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, group = warp >> s.share_bits;
    row = first + (group * ROWS) * gridDim.x + blockIdx.x, row_step = gridDim.x;
    chunk = (warp - (group << s.share_bits)) * 32 + lane, chunk_step = 32 << s.share_bits;
    chunks = s.weight.cols / CHUNK<Weight>;
  }
};

// The weights of all steps, in the order of their use, a pass after the other. A thread copies its
// own chunks of a pass into its own part of a slot, num_slots passes ahead, and nobody else reads
// them: no barrier is needed, it only waits for its own copies.
struct Stream {
  const LayerInside* layers;  // in shared memory
  const Streamed& lm_head;
  int num_layers, num_slots, num_steps;
  uint4* mine;  // slot s, row r, chunk i: mine[((s * ROWS + r) * AT_ONCE + i) * THREADS]
  int layer = 0, part = 0, first = 0, step = 0, slot = 0;  // of the next pass to be requested

  __device__ __forceinline__ uint4* at(int row, int i) const {
    return mine + ((slot * ROWS + row) * AT_ONCE<Weight> + i) * THREADS;
  }

  __device__ __forceinline__ void request() {
    const Streamed& s = layer < num_layers ? (&layers[layer].attn)[part] : lm_head;
    Place place(s, first);
    if (step < num_steps) {
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
        int row = place.row + r * place.row_step;
        const Weight* from = s.weight.data + (size_t)row * s.weight.cols;
#pragma unroll
        for (int i = 0; i < AT_ONCE<Weight>; i++) {
          int c = place.chunk + i * place.chunk_step;
          if (row < s.weight.rows && c < place.chunks)
            __pipeline_memcpy_async(at(r, i), from + c * CHUNK<Weight>, 16);
        }
      }
    }
    __pipeline_commit();  // an empty one counts too
    slot = slot + 1 == num_slots ? 0 : slot + 1;
    first += s.at_once * gridDim.x;
    if (first < s.weight.rows) return;
    first = 0;
    if (layer == num_layers)
      layer = 0, step++;
    else if (++part == 4)
      part = 0, layer++;
  }

  // This thread's parts of the oldest pass's rows . x. The next request() takes its slot.
  __device__ __forceinline__ void dot(const Streamed& s, const Place& place, const float* x,
                                      float (&sums)[ROWS]) {
    __pipeline_wait_prior(num_slots - 1);
#pragma unroll
    for (int r = 0; r < ROWS; r++) sums[r] = 0.0f;
#pragma unroll
    for (int i = 0; i < AT_ONCE<Weight>; i++) {
      int c = place.chunk + i * place.chunk_step;
      if (c >= place.chunks) continue;
#pragma unroll
      for (int r = 0; r < ROWS; r++)  // past the last row: of old weights, and unused
        sums[r] = dot_chunk<Weight>(*at(r, i), x + c * CHUNK<Weight>, sums[r]);
    }
  }
};

// What is added to the row whose epilogue this lane will call, in the first pass: its bias, and the
// old x where the sum goes to x. It can be loaded before the new x is there.
__device__ __forceinline__ float addend(const Streamed& s, const float* biases,
                                        const float* residual = nullptr) {
  Place place(s, 0);
  int row = place.row + threadIdx.x % 32 * place.row_step;
  if (threadIdx.x % 32 >= ROWS || row >= s.weight.rows) return 0.0f;
  return biases[row] + (residual ? __ldcg(residual + row) : 0.0f);
}

// Calls epilogue(row, weight . x + bias + residual) in one lane a row. x is in shared memory; all
// have seen it. `added` is addend(s, biases, residual).
template <typename Epilogue>
__device__ __forceinline__ void linear(Stream& stream, const Streamed& s, const float* x,
                                       const float* biases, const float* residual, float added,
                                       Epilogue epilogue) {
  __shared__ float shared_sums[WARPS][ROWS];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll 1
  for (int first = 0; first < s.weight.rows; first += s.at_once * gridDim.x) {
    Place place(s, first);
    int row = place.row + lane * place.row_step;
    bool mine = lane < ROWS && row < s.weight.rows && place.chunk == lane;
    if (biases && first > 0 && mine)
      added = biases[row] + (residual ? __ldcg(residual + row) : 0.0f);
    float sums[ROWS], sum = 0.0f;
    stream.dot(s, place, x, sums);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      sums[r] = warp_sum(sums[r]);
      if (lane == r) sum = sums[r];
    }
    if (s.share_bits > 0) {
      if (first > 0) __syncthreads();  // all have read the last pass's
      if (lane < ROWS) shared_sums[warp][lane] = sum;
      __syncthreads();
      if (mine)
        for (int i = 1; i < 1 << s.share_bits; i++) sum += shared_sums[warp + i][lane];
    }
    if (mine) epilogue(row, sum * scale_of(s.weight, row) + added);
    stream.request();
  }
}

// This block's share of a layer's attention: one part of one head's history. The keys and values of
// the past are loaded before the query is there.
struct Share {
  const Cached *keys, *values;
  int head, split, begin, end, position;
  Loaded<4> loaded;

  __device__ __forceinline__ Share(const Arguments& a, const Layer& layer, int position)
      : position(position) {
    int heads = a.model.n_head, length = position + 1, splits = splits_of(a.model, position);
    int each = (length + splits - 1) / splits;
    head = blockIdx.x % heads, split = blockIdx.x / heads;
    begin = split * each, end = split < splits ? min(length, begin + each) : begin;
    keys = layer.keys + (size_t)head * a.model.block_size * HEAD;
    values = layer.values + (size_t)head * a.model.block_size * HEAD;
    loaded.load(keys, values, begin, end, position);
  }
  static __device__ __forceinline__ int splits_of(const GPTModel& m, int position) {
    return num_splits(position + 1, min(SPLITS, (int)gridDim.x / m.n_head));
  }
  __device__ __forceinline__ void attend_to(const Arguments& a) {
    if (begin < end)
      attend<WARPS>(a.query + head * HEAD, keys, values, begin, end,
                    a.parts + ((size_t)head * SPLITS + split) * PART, loaded, position);
  }
};

__global__ void __launch_bounds__(THREADS, 1) persistent_kernel(const Arguments a) {
  extern __shared__ float4 shared[];
  __shared__ unsigned long long block_best;
  const GPTModel& m = a.model;
  const int C = m.n_embd;
  auto* ring = reinterpret_cast<uint4*>(shared);                  // (num_slots, SLOT)
  auto* x = reinterpret_cast<float*>(ring + a.num_slots * SLOT);  // (4C)
  auto* layers = reinterpret_cast<LayerInside*>(x + 4 * C);       // (n_layer)
  for (int i = threadIdx.x; i < m.n_layer; i += THREADS) layers[i] = a.layers[i];
  __syncthreads();

  Stream stream = {layers, a.lm_head, m.n_layer, a.num_slots, a.num_steps, ring + threadIdx.x};
  for (int i = 0; i < a.num_slots; i++) stream.request();
  const int begin = a.state->position;
  const GPTSampling sampling = a.state->sampling;
  int* new_ids = a.state->new_ids;
  unsigned goal = 0;

#pragma unroll 1
  for (int step = 0; step < a.num_steps; step++) {
    const int position = begin + step;
#pragma unroll 1
    for (int l = 0; l < m.n_layer; l++) {
      const LayerInside& layer = layers[l];
      const GPTLayer& p = layer.params;
      {
        float added = addend(layer.attn, p.attn_bias);
        LayerNorm<THREADS> norm(a.x, p.ln_1_weight, p.ln_1_bias, m.eps);
        norm.load(C);
        grid_barrier(a.arrived, goal);  // x is complete
        norm(x, C);
        __syncthreads();
        linear(stream, layer.attn, x, p.attn_bias, nullptr, added, [&](int row, float sum) {
          store_qkv(row, sum, position, C, m.block_size, a.query, layer.cache);
        });
      }
      {
        Share share(a, layer.cache, position);
        float added = addend(layer.attn_proj, p.attn_proj_bias, a.x);
        grid_barrier(a.arrived, goal);  // query, key and value are there
        share.attend_to(a);
        grid_barrier(a.arrived, goal);
        merge_parts<SPLITS>(x, a.parts, m.n_head, Share::splits_of(m, position));
        __syncthreads();
        linear(stream, layer.attn_proj, x, p.attn_proj_bias, a.x, added, Store{a.x});
      }
      {
        float added = addend(layer.fc, p.fc_bias);
        LayerNorm<THREADS> norm(a.x, p.ln_2_weight, p.ln_2_bias, m.eps);
        norm.load(C);
        grid_barrier(a.arrived, goal);
        norm(x, C);
        __syncthreads();
        linear(stream, layer.fc, x, p.fc_bias, nullptr, added, Gelu{a.hidden});
      }
      {
        float added = addend(layer.proj, p.proj_bias, a.x);
        grid_barrier(a.arrived, goal);
        Copy{a.hidden}(x, 4 * C);
        __syncthreads();
        linear(stream, layer.proj, x, p.proj_bias, a.x, added, Store{a.x});
      }
    }

    unsigned long long *best = &a.best[step % 2], mine = 0;
    LayerNorm<THREADS> norm(a.x, m.ln_f_weight, m.ln_f_bias, m.eps);
    norm.load(C);
    grid_barrier(a.arrived, goal);
    norm(x, C);
    if (threadIdx.x == 0) block_best = 0;
    __syncthreads();
    linear(stream, a.lm_head, x, nullptr, nullptr, 0.0f, [&](int id, float logit) {
      mine = max(mine, isfinite(logit) ? rank_of(logit, id, position + 1, sampling) : ~0ull);
      if (a.logits) a.logits[id] = logit;
    });
    if (threadIdx.x % 32 < ROWS) atomicMax(&block_best, mine);
    __syncthreads();
    if (threadIdx.x == 0) atomicMax(best, block_best);
    grid_barrier(a.arrived, goal);
    if (blockIdx.x == 0) {
      unsigned long long rank = __ldcg(best);
      next_token(m, rank == ~0ull ? NOT_FINITE : id_of(rank), position + 1, a.x,
                 new_ids ? new_ids + step : nullptr);
      if (threadIdx.x == 0) a.best[(step + 1) % 2] = 0;
    }
  }
  __pipeline_wait_prior(0);
  if (blockIdx.x == 0 && threadIdx.x == 0) a.state->position = begin + a.num_steps;
}

// What rung 8 keeps in GPT::extra.
struct Persistent {
  Arguments arguments;
  int blocks;
  size_t shared_bytes;
};

// So many warps share a row: enough to hold it in one pass, and to leave none without work.
static Streamed streamed(const Matrix<Weight>& weight, int blocks) {
  int held = 32 * AT_ONCE<Weight> * CHUNK<Weight>;  // weights of a row, by one warp
  int rows = (weight.rows + blocks - 1) / blocks;   // of a block
  int bits = 0;
  while (1 << bits < WARPS && (held << bits < weight.cols || (2 << bits) * rows <= WARPS * ROWS))
    bits++;
  return {weight, bits, (WARPS >> bits) * ROWS};
}

static Persistent* persistent_of(GPT* g) {
  if (g->extra) return static_cast<Persistent*>(g->extra);
  auto* p = new Persistent{};
  g->extra = p;
  p->blocks = num_multiprocessors();
  std::vector<LayerInside> layers;
  for (size_t i = 0; i < g->layers.size(); i++) {
    const Layer& l = g->layers[i];
    layers.push_back({streamed(l.attn, p->blocks), streamed(l.attn_proj, p->blocks),
                      streamed(l.fc, p->blocks), streamed(l.proj, p->blocks), g->params[i], l});
  }
  auto* on_device = allocate<LayerInside>(g, layers.size());
  cudaMemcpy(on_device, layers.data(), layers.size() * sizeof(LayerInside), cudaMemcpyHostToDevice);

  int device, room;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&room, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  size_t besides = 4 * g->C() * sizeof(float) + layers.size() * sizeof(LayerInside);
  int slots = ((long)room - 4096 - (long)besides) / (16 * SLOT);  // 4 KB: what the kernel declares
  slots = slots < 1 ? 1 : slots > 8 ? 8 : slots;
  p->shared_bytes = besides + slots * SLOT * 16;
  cudaFuncSetAttribute(persistent_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                       p->shared_bytes);
  Arguments& a = p->arguments;
  a.model = g->model, a.layers = on_device, a.lm_head = streamed(g->lm_head, p->blocks);
  a.num_slots = slots, a.state = g->state;
  a.x = g->x, a.query = g->query, a.parts = g->parts, a.hidden = g->hidden;
  a.arrived = allocate<unsigned>(g, 1), a.best = allocate<unsigned long long>(g, 2);
  return p;
}

static void launch_persistent(GPT* g, int num_steps, float* logits, cudaStream_t stream) {
  Persistent* p = persistent_of(g);
  Arguments a = p->arguments;
  a.num_steps = num_steps, a.logits = logits;
  cudaMemsetAsync(a.arrived, 0, sizeof(*a.arrived), stream);
  cudaMemsetAsync(a.best, 0, 2 * sizeof(*a.best), stream);
  void* arguments[] = {&a};
  cudaLaunchCooperativeKernel((const void*)persistent_kernel, p->blocks, THREADS, arguments,
                              p->shared_bytes, stream);
}

void gpt_decode(GPT* gpt, int num_steps, const GPTSampling* sampling, int* new_ids,
                cudaStream_t stream) {
  aim_kernel<<<1, 1, 0, stream>>>(gpt->state, new_ids);
  if (sampling->temperature > 0.0f &&
      sampling->top_k > 1)  // needs all logits first: rung 5's steps
    for (int i = 0; i < num_steps; i++) launch_step(*gpt, stream);
  else
    launch_persistent(gpt, num_steps, nullptr, stream);
}

void feed_one(GPT* gpt, float* logits, cudaStream_t stream) {
  launch_persistent(gpt, 1, logits, stream);
}

void close_rung(GPT* gpt) { delete static_cast<Persistent*>(gpt->extra); }
