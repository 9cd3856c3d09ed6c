// Rung 8: many decode steps in one kernel that never ends in between.
//
// Idea      A kernel's start and end cost more than what it does here. Start one kernel, a block on
// each
//           multiprocessor, and let the blocks wait for each other at a barrier of their own, which
//           takes about 1 us. And more: a block that waits can read already. It knows which weights
//           it needs after the barrier, whatever x will be, and has them in registers when x comes.
// Expected  bfloat16: 248 MB, 82 us. 5 barriers a layer, 61 a step: 60 us, and about as much again
// for
//           what follows each of them one after the other: reading x, its layernorm, summing up,
//           storing. 82 us of reading hide behind that in part: 200 us, 5,000 tokens/s.
// Needs     a cooperative launch (all blocks run at once): any GPU since Pascal; bfloat16
// arithmetic is
//           done in float32, so Volta will do.
#ifndef WEIGHT
#define WEIGHT __nv_bfloat16
#endif
#include <cuda/atomic>

#include "../4_gemv/gpt.cu"
#include "../common/decoder.cuh"

const int WARPS = 24, THREADS = 32 * WARPS;  // of a block; one block a multiprocessor
const int SPLITS = 8;                        // of a history, at most

// A layer as the kernel sees it.
struct LayerOnDevice {
  GPTLayer params;
  Layer layer;
};

// What the kernel is told. x is embedded already.
struct Arguments {
  GPTModel model;
  const LayerOnDevice* layers;
  Matrix<Weight> lm_head;
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

// One linear layer, spread over the grid: block b has the rows b, b + blocks, ... PARTS warps take
// a row. load() may be called before x is there.
template <int PARTS>
struct GridLinear {
  static constexpr int ROWS = WARPS / PARTS;  // of a block at once
  const Matrix<Weight>& weight;
  const float* biases;
  RowPart<Weight, PARTS> mine;
  float bias = 0.0f, scale = 1.0f;
  int row;

  __device__ __forceinline__ GridLinear(const Matrix<Weight>& weight, const float* biases)
      : weight(weight), biases(biases), mine(weight, 0, 0) {
    load(threadIdx.x / 32 / PARTS * gridDim.x + blockIdx.x);
  }
  __device__ __forceinline__ void load(int row_) {
    row = row_;
    if (row >= weight.rows) return;
    mine = RowPart<Weight, PARTS>(weight, row, threadIdx.x / 32 % PARTS);
    mine.load();
    if (biases) bias = biases[row];
    scale = scale_of(weight, row);
  }

  // Calls epilogue(row, weight . x + bias) in one lane a row. x is in shared memory; all have seen
  // it.
  template <typename Epilogue>
  __device__ __forceinline__ void finish(const float* x, Epilogue epilogue) {
    __shared__ float sums[WARPS];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll 1
    for (int first = blockIdx.x; first < weight.rows; first += ROWS * gridDim.x) {
      float sum = row < weight.rows ? warp_sum(mine.dot(x)) : 0.0f;
      if (PARTS > 1) {
        if (lane == 0) sums[warp] = sum;
        __syncthreads();
        sum = 0.0f;
        if (warp % PARTS == 0)
          for (int i = 0; i < PARTS; i++) sum += sums[warp + i];
      }
      if (lane == 0 && warp % PARTS == 0 && row < weight.rows) epilogue(row, sum * scale + bias);
      if (PARTS > 1) __syncthreads();  // the sums have been read
      load(row + ROWS * gridDim.x);
    }
  }
};

// Block b's share of the attention: one part of one head's history.
__device__ __forceinline__ void attention(const Arguments& a, const Layer& layer, int position) {
  int heads = a.model.n_head, S = a.model.block_size, length = position + 1;
  int splits = num_splits(length, min(SPLITS, (int)gridDim.x / heads));
  int each = (length + splits - 1) / splits;
  int head = blockIdx.x % heads, split = blockIdx.x / heads, begin = split * each;
  if (split >= splits) return;
  attend<WARPS, 2>(a.query + head * HEAD, layer.keys + (size_t)head * S * HEAD,
                   layer.values + (size_t)head * S * HEAD, begin, min(length, begin + each),
                   a.parts + ((size_t)head * SPLITS + split) * PART);
}

// The best id of this block's rows of the vocabulary goes to *best.
__device__ __forceinline__ void lm_head(const Arguments& a, const float* x, int position,
                                        unsigned long long* best) {
  __shared__ unsigned long long block_best;
  unsigned long long mine = 0;
  GPTSampling sampling = a.state->sampling;
  if (threadIdx.x == 0) block_best = 0;
  __syncthreads();
  GridLinear<1>(a.lm_head, nullptr).finish(x, [&](int id, float logit) {
    mine = max(mine, isfinite(logit) ? rank_of(logit, id, position + 1, sampling) : ~0ull);
    if (a.logits) a.logits[id] = logit;
  });
  if (threadIdx.x % 32 == 0) atomicMax(&block_best, mine);
  __syncthreads();
  if (threadIdx.x == 0) atomicMax(best, block_best);
}

__global__ void __launch_bounds__(THREADS, 1) persistent_kernel(Arguments a) {
  extern __shared__ float4 shared[];
  float* x = reinterpret_cast<float*>(shared);  // (4C)
  const GPTModel& m = a.model;
  int C = m.n_embd, position = a.state->position;
  unsigned goal = 0;
  using Norm = LayerNorm<THREADS>;

  for (int step = 0; step < a.num_steps; step++, position++) {
#pragma unroll 1
    for (int l = 0; l < m.n_layer; l++) {
      const GPTLayer& p = a.layers[l].params;
      const Layer& layer = a.layers[l].layer;
      {
        GridLinear<1> attn(layer.attn, p.attn_bias);
        Norm norm(a.x, p.ln_1_weight, p.ln_1_bias, m.eps);
        norm.load(C);
        grid_barrier(a.arrived, goal);  // x is complete
        norm(x, C);
        __syncthreads();
        attn.finish(x, [&](int row, float sum) {
          store_qkv(row, sum, position, C, m.block_size, a.query, layer);
        });
      }
      {
        GridLinear<4> proj(layer.attn_proj, p.attn_proj_bias);
        grid_barrier(a.arrived, goal);  // queries, keys and values are there
        attention(a, layer, position);
        grid_barrier(a.arrived, goal);
        int splits = num_splits(position + 1, min(SPLITS, (int)gridDim.x / m.n_head));
        for (int i = threadIdx.x; i < C; i += THREADS) x[i] = merged<SPLITS>(a.parts, i, splits);
        __syncthreads();
        proj.finish(x, AddTo{a.x});
      }
      {
        GridLinear<1> fc(layer.fc, p.fc_bias);
        Norm norm(a.x, p.ln_2_weight, p.ln_2_bias, m.eps);
        norm.load(C);
        grid_barrier(a.arrived, goal);
        norm(x, C);
        __syncthreads();
        fc.finish(x, Gelu{a.hidden});
      }
      {
        GridLinear<4> proj(layer.proj, p.proj_bias);
        grid_barrier(a.arrived, goal);
        Copy{a.hidden}(x, 4 * C);
        __syncthreads();
        proj.finish(x, AddTo{a.x});
      }
    }
    unsigned long long* best = &a.best[step % 2];
    {
      Norm norm(a.x, m.ln_f_weight, m.ln_f_bias, m.eps);
      norm.load(C);
      grid_barrier(a.arrived, goal);
      norm(x, C);
      __syncthreads();
      lm_head(a, x, position, best);
      grid_barrier(a.arrived, goal);
    }
    if (blockIdx.x == 0) {
      unsigned long long rank = __ldcg(best);
      next_token(m, rank == ~0ull ? NOT_FINITE : id_of(rank), position + 1, a.x,
                 a.state->new_ids + step);
      if (threadIdx.x == 0) a.best[(step + 1) % 2] = 0;
    }
  }
  grid_barrier(a.arrived, goal);  // all have read the state
  if (blockIdx.x == 0 && threadIdx.x == 0) a.state->position = position;
}

// What rung 8 keeps in GPT::extra.
struct Persistent {
  LayerOnDevice* layers;
  unsigned* arrived;
  unsigned long long* best;
  int blocks;
};

static Persistent* persistent_of(GPT* g) {
  if (g->extra) return static_cast<Persistent*>(g->extra);
  std::vector<LayerOnDevice> layers;
  for (size_t l = 0; l < g->layers.size(); l++) layers.push_back({g->params[l], g->layers[l]});
  size_t bytes = layers.size() * sizeof(LayerOnDevice);
  auto* made = new Persistent{allocate<LayerOnDevice>(g, layers.size()), allocate<unsigned>(g, 1),
                              allocate<unsigned long long>(g, 2), num_multiprocessors()};
  cudaMemcpy(made->layers, layers.data(), bytes, cudaMemcpyHostToDevice);
  g->extra = made;
  return made;
}

static void launch_persistent(GPT* g, int num_steps, float* logits, cudaStream_t stream) {
  Persistent* p = persistent_of(g);
  Arguments a = {g->model, p->layers, g->lm_head, g->state,   g->x,    g->query,
                 g->parts, g->hidden, logits,     p->arrived, p->best, num_steps};
  void* arguments[] = {&a};
  cudaMemsetAsync(p->arrived, 0, sizeof(unsigned), stream);
  cudaMemsetAsync(p->best, 0, 2 * sizeof(unsigned long long), stream);
  cudaLaunchCooperativeKernel((const void*)persistent_kernel, p->blocks, THREADS, arguments,
                              4 * g->C() * sizeof(float), stream);
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
