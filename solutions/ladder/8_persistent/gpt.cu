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

const int WARPS = 24, THREADS = 32 * WARPS;       // of a block; one block a multiprocessor
const int SPLITS = 8;                             // of a history, at most
const int SLOT = THREADS * AT_ONCE<Weight> * 16;  // bytes of weights that a block has in one pass

// A matrix as it is streamed: row r belongs to block r % blocks, and `parts` of its warps.
struct Streamed {
  Matrix<Weight> weight;
  int parts;
};

// What the kernel is told. x is embedded already.
struct Arguments {
  GPTModel model;
  const GPTLayer* params;    // (n_layer)
  const Layer* layers;       // (n_layer)
  const Streamed* matrices;  // (num_matrices): 4 a layer, then the lm_head
  int num_matrices, num_slots;
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

// The weights of all steps, in the order of their use, a pass after the other: WARPS / parts rows
// of this block. A thread copies its own chunks of a pass into its own part of a slot, num_slots
// passes ahead, and nobody else reads them: no barrier is needed, it only waits for its own copies.
struct Stream {
  const Streamed* matrices;  // in shared memory
  int count, slots, steps;
  uint4* mine;
  int matrix = 0, first = 0, step = 0, slot = 0;  // of the next pass to be requested

  __device__ Stream(const Streamed* matrices, int count, int slots, int steps, uint4* ring)
      : matrices(matrices), count(count), slots(slots), steps(steps), mine(ring + threadIdx.x) {
    for (int i = 0; i < slots; i++) request();
  }

  static __device__ __forceinline__ int row_of(int first, int parts) {
    return first + (int)(threadIdx.x / 32 / parts * gridDim.x + blockIdx.x);
  }

  __device__ __forceinline__ void request() {
    const Streamed& s = matrices[matrix];
    int row = row_of(first, s.parts), chunks = s.weight.cols / CHUNK<Weight>;
    if (step < steps && row < s.weight.rows) {
      int c = threadIdx.x / 32 % s.parts * 32 + threadIdx.x % 32;
      const Weight* from = s.weight.data + (size_t)row * s.weight.cols;
#pragma unroll
      for (int i = 0; i < AT_ONCE<Weight>; i++, c += 32 * s.parts)
        if (c < chunks)
          __pipeline_memcpy_async(mine + (slot * AT_ONCE<Weight> + i) * THREADS,
                                  from + c * CHUNK<Weight>, 16);
    }
    __pipeline_commit();  // an empty one counts too
    slot = slot + 1 == slots ? 0 : slot + 1;
    first += WARPS / s.parts * gridDim.x;
    if (first < s.weight.rows) return;
    first = 0;
    if (++matrix == count) matrix = 0, step++;
  }

  // This thread's part of the oldest pass's rows . x, and the slot is free again.
  __device__ __forceinline__ float dot(const Streamed& s, bool inside, const float* x) {
    __pipeline_wait_prior(slots - 1);
    int c = threadIdx.x / 32 % s.parts * 32 + threadIdx.x % 32;
    int chunks = inside ? s.weight.cols / CHUNK<Weight> : 0;
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < AT_ONCE<Weight>; i++, c += 32 * s.parts)
      if (c < chunks)
        sum = dot_chunk<Weight>(mine[(slot * AT_ONCE<Weight> + i) * THREADS], x + c * CHUNK<Weight>,
                                sum);
    request();
    return sum;
  }
};

// Calls epilogue(row, weight . x + bias) in one lane a row. x is in shared memory; all have seen
// it. bias: of this warp's row in the first pass, which may be loaded before x is there.
template <typename Epilogue>
__device__ __forceinline__ void linear(Stream& stream, const Streamed& s, const float* biases,
                                       float bias, const float* x, Epilogue epilogue) {
  __shared__ float sums[WARPS];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll 1
  for (int first = 0; first < s.weight.rows; first += WARPS / s.parts * gridDim.x) {
    int row = Stream::row_of(first, s.parts);
    bool inside = row < s.weight.rows;
    if (biases && first > 0 && inside) bias = biases[row];
    float sum = warp_sum(stream.dot(s, inside, x));
    if (s.parts > 1) {
      if (lane == 0) sums[warp] = sum;
      __syncthreads();
      if (warp % s.parts == 0)
        for (int i = 1; i < s.parts; i++) sum += sums[warp + i];
      if (first + WARPS / s.parts * gridDim.x < s.weight.rows) __syncthreads();  // before the next
    }
    if (lane == 0 && inside && warp % s.parts == 0)
      epilogue(row, sum * scale_of(s.weight, row) + bias);
  }
}

// Of this warp's row in the first pass.
__device__ __forceinline__ float first_bias(const Streamed& s, const float* biases) {
  int row = Stream::row_of(0, s.parts);
  return row < s.weight.rows ? biases[row] : 0.0f;
}

// This block's share of the attention: one part of one head's history.
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

__global__ void __launch_bounds__(THREADS, 1) persistent_kernel(const Arguments a) {
  extern __shared__ float4 shared[];
  __shared__ unsigned long long block_best;
  const GPTModel& m = a.model;
  const int C = m.n_embd;
  auto* ring = reinterpret_cast<uint4*>(shared);
  float* x = reinterpret_cast<float*>(ring + a.num_slots * SLOT / 16);  // (4C)
  auto* matrices = reinterpret_cast<Streamed*>(x + 4 * C);              // (num_matrices)
  for (int i = threadIdx.x; i < a.num_matrices; i += THREADS) matrices[i] = a.matrices[i];
  __syncthreads();

  Stream stream(matrices, a.num_matrices, a.num_slots, a.num_steps, ring);
  const int begin = a.state->position;
  const GPTSampling sampling = a.state->sampling;
  int* new_ids = a.state->new_ids;
  unsigned goal = 0;

#pragma unroll 1
  for (int step = 0; step < a.num_steps; step++) {
    const int position = begin + step;
#pragma unroll 1
    for (int l = 0; l < m.n_layer; l++) {
      const GPTLayer& p = a.params[l];
      const Layer& layer = a.layers[l];
      const Streamed* s = matrices + 4 * l;
      {
        float bias = first_bias(s[0], p.attn_bias);
        LayerNorm<THREADS> norm(a.x, p.ln_1_weight, p.ln_1_bias, m.eps);
        norm.load(C);
        grid_barrier(a.arrived, goal);  // x is complete
        norm(x, C);
        __syncthreads();
        linear(stream, s[0], p.attn_bias, bias, x, [&](int row, float sum) {
          store_qkv(row, sum, position, C, m.block_size, a.query, layer);
        });
      }
      {
        grid_barrier(a.arrived, goal);  // queries, keys and values are there
        attention(a, layer, position);
        float bias = first_bias(s[1], p.attn_proj_bias);
        grid_barrier(a.arrived, goal);
        int splits = num_splits(position + 1, min(SPLITS, (int)gridDim.x / m.n_head));
        for (int i = threadIdx.x; i < C; i += THREADS) x[i] = merged<SPLITS>(a.parts, i, splits);
        __syncthreads();
        linear(stream, s[1], p.attn_proj_bias, bias, x, AddTo{a.x});
      }
      {
        float bias = first_bias(s[2], p.fc_bias);
        LayerNorm<THREADS> norm(a.x, p.ln_2_weight, p.ln_2_bias, m.eps);
        norm.load(C);
        grid_barrier(a.arrived, goal);
        norm(x, C);
        __syncthreads();
        linear(stream, s[2], p.fc_bias, bias, x, Gelu{a.hidden});
      }
      {
        float bias = first_bias(s[3], p.proj_bias);
        grid_barrier(a.arrived, goal);
        Copy{a.hidden}(x, 4 * C);
        __syncthreads();
        linear(stream, s[3], p.proj_bias, bias, x, AddTo{a.x});
      }
    }

    unsigned long long *best = &a.best[step % 2], mine = 0;
    LayerNorm<THREADS> norm(a.x, m.ln_f_weight, m.ln_f_bias, m.eps);
    norm.load(C);
    grid_barrier(a.arrived, goal);
    norm(x, C);
    if (threadIdx.x == 0) block_best = 0;
    __syncthreads();
    linear(stream, matrices[a.num_matrices - 1], nullptr, 0.0f, x, [&](int id, float logit) {
      mine = max(mine, isfinite(logit) ? rank_of(logit, id, position + 1, sampling) : ~0ull);
      if (a.logits) a.logits[id] = logit;
    });
    if (threadIdx.x % 32 == 0) atomicMax(&block_best, mine);
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

// The warps that share a row: enough to hold it in one pass, and to leave none without work.
static int parts_of(const Matrix<Weight>& weight, int blocks) {
  int chunks = weight.cols / CHUNK<Weight>, at_once = 32 * AT_ONCE<Weight>;
  int rows = (weight.rows + blocks - 1) / blocks;  // of a block
  int least = (chunks + at_once - 1) / at_once, parts = 1;
  while (parts < WARPS && (WARPS % parts || parts < least || (parts * rows < WARPS && parts < 4)))
    parts++;
  return parts;
}

template <typename T>
static const T* on_device(GPT* g, const std::vector<T>& host) {
  T* memory = allocate<T>(g, host.size());
  cudaMemcpy(memory, host.data(), host.size() * sizeof(T), cudaMemcpyHostToDevice);
  return memory;
}

static Persistent* persistent_of(GPT* g) {
  if (g->extra) return static_cast<Persistent*>(g->extra);
  auto* p = new Persistent{};
  g->extra = p;
  p->blocks = num_multiprocessors();
  std::vector<Streamed> matrices;
  for (const Layer& l : g->layers)
    for (const auto& weight : {l.attn, l.attn_proj, l.fc, l.proj})
      matrices.push_back({weight, parts_of(weight, p->blocks)});
  matrices.push_back({g->lm_head, parts_of(g->lm_head, p->blocks)});

  int device, room;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&room, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  size_t besides = 4 * g->C() * sizeof(float) + matrices.size() * sizeof(Streamed);
  int slots = (room - 8192 - besides) / SLOT;  // 8 KB: the kernel's static shared memory
  slots = slots < 1 ? 1 : slots > 8 ? 8 : slots;
  p->shared_bytes = besides + slots * SLOT;
  cudaFuncSetAttribute(persistent_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                       p->shared_bytes);
  p->arguments = {g->model,
                  on_device(g, g->params),
                  on_device(g, g->layers),
                  on_device(g, matrices),
                  (int)matrices.size(),
                  slots,
                  g->state,
                  g->x,
                  g->query,
                  g->parts,
                  g->hidden,
                  nullptr,
                  allocate<unsigned>(g, 1),
                  allocate<unsigned long long>(g, 2),
                  0};
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
