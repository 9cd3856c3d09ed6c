// Rung 8: many decode steps in one kernel that never ends in between.
//
// Idea      A kernel's start and end cost more than what it does here. Start one kernel, a block on
//           each multiprocessor, and let the blocks hand x to each other through memory, each float
//           with a tag that says which exchange it belongs to: who needs it polls until the tag is
//           right. That takes one trip through L2, a grid barrier three. And weights don't depend
//           on the text: each thread copies those that it will need into shared memory, layers
//           ahead, and memory never waits for an exchange.
// Expected  bfloat16: 248 MB, 82 us, hidden behind a chain of 5 exchanges a layer, 61 a step: 1 us
//           each, and 1 to 2 us for what follows one after the other (layernorm, the sum over a
//           row): 120 to 180 us, 5,500 to 8,000 tokens/s.
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

// A float in its lower half, and above it the number of the exchange that it belongs to.
using Tagged = unsigned long long;
using X = Row<Weight>;

// What the kernel is told.
struct Arguments {
  GPTModel model;
  const LayerInside* layers;  // (n_layer)
  Streamed lm_head;
  int num_slots, num_steps;
  State* state;
  const float* x;  // (C) the token to begin with, embedded
  float* logits;   // where to write them, or nullptr
  // What the blocks hand to each other: x after attention and after the MLP (C), query, key and
  // value (3C), the parts of the attention (nh, SPLITS, PART), the MLP's inside (4C), each block's
  // best id (blocks, 2). All 0 at the start.
  Tagged *x_mid, *x_out, *qkv, *parts, *hidden, *best;
};

__device__ __forceinline__ void send(Tagged* to, float value, unsigned tag) {
  cuda::atomic_ref<Tagged, cuda::thread_scope_device> box(*to);
  box.store((Tagged)tag << 32 | __float_as_uint(value), cuda::memory_order_relaxed);
}

// COUNT floats from the boxes from[offset(0)], from[offset(1)], ..., those that are wanted(i), as
// soon as all of them have come. A float and its tag come together, so nothing else needs to be
// ordered.
template <int COUNT, typename Offset, typename Wanted>
__device__ __forceinline__ void receive(float (&values)[COUNT], Tagged* from, unsigned tag,
                                        Offset offset, Wanted wanted) {
  bool all;
  do {
    all = true;
    Tagged words[COUNT];
#pragma unroll
    for (int i = 0; i < COUNT; i++)
      if (wanted(i))
        words[i] = cuda::atomic_ref<Tagged, cuda::thread_scope_device>(from[offset(i)])
                       .load(cuda::memory_order_relaxed);
#pragma unroll
    for (int i = 0; i < COUNT; i++)
      if (wanted(i)) {
        all &= words[i] >> 32 == tag;
        values[i] = __uint_as_float((unsigned)words[i]);
      }
  } while (!all);
}

// A thread wants 4 neighbouring floats, and a warp neighbouring boxes: so float i of n has this
// box,
__device__ __forceinline__ int box_of(int i, int n) { return i % 4 * (n / 4) + i / 4; }

// and these are floats 4t to 4t + 3, 4 (t + step) to ..., COUNT times 4.
template <int COUNT>
__device__ __forceinline__ void receive4(float4 (&out)[COUNT], Tagged* from, int n, int t, int step,
                                         unsigned tag) {
  float v[4 * COUNT];
  receive(
      v, from + t, tag, [&](int i) { return i / 4 * step + i % 4 * (n / 4); },
      [&](int i) { return t + i / 4 * step < n / 4; });
#pragma unroll
  for (int i = 0; i < COUNT; i++)
    out[i] = make_float4(v[4 * i], v[4 * i + 1], v[4 * i + 2], v[4 * i + 3]);
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
  __device__ __forceinline__ void dot(const Streamed& s, const Place& place, const X& x,
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
        sums[r] = dot_chunk(*at(r, i), x, c, sums[r]);
    }
  }
};

// The bias of the row whose epilogue this lane will call, in the first pass. It can be loaded
// before x is there.
__device__ __forceinline__ float first_bias(const Streamed& s, const float* biases) {
  Place place(s, 0);
  int row = place.row + threadIdx.x % 32 * place.row_step;
  return threadIdx.x % 32 < ROWS && row < s.weight.rows ? biases[row] : 0.0f;
}

// Calls epilogue(row, its number among this block's rows, weight . x + bias) in one lane a row. x
// is in shared memory; all have seen it. bias: first_bias.
template <typename Epilogue>
__device__ __forceinline__ void linear(Stream& stream, const Streamed& s, const X& x,
                                       const float* biases, float bias, Epilogue epilogue) {
  __shared__ float shared_sums[WARPS][ROWS];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int mine = (warp >> s.share_bits) * ROWS + lane;  // row of the pass
  bool leads = lane < ROWS && warp >> s.share_bits << s.share_bits == warp;
#pragma unroll 1
  for (int first = 0; first < s.weight.rows; first += s.at_once * gridDim.x, mine += s.at_once) {
    Place place(s, first);
    int row = place.row + lane * place.row_step;
    if (biases && first > 0 && leads && row < s.weight.rows) bias = biases[row];
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
      if (leads)
        for (int i = 1; i < 1 << s.share_bits; i++) sum += shared_sums[warp + i][lane];
    }
    if (leads && row < s.weight.rows) epilogue(row, mine, sum * scale_of(s.weight, row) + bias);
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
    loaded.load(keys, values, begin, min(end, position));
  }
  static __device__ __forceinline__ int splits_of(const GPTModel& m, int position) {
    return num_splits(position + 1, min(SPLITS, (int)gridDim.x / m.n_head));
  }

  __device__ __forceinline__ void attend_to(const Arguments& a, unsigned tag) {
    if (begin >= end) return;
    // The query, and the newest key and value, which are not in the cache for all to see yet.
    int C = a.model.n_embd;
    float x[12];
    receive(
        x, a.qkv + head * HEAD + threadIdx.x % 16, tag,
        [&](int i) { return i / 4 * C + i % 4 * (HEAD / 4); }, [](int) { return true; });
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (loaded.position(begin, i) == position && position < end) {
        loaded.k[i] = make_float4(x[4], x[5], x[6], x[7]);
        loaded.v[i] = make_float4(x[8], x[9], x[10], x[11]);
      }
    float4 q = make_float4(x[0], x[1], x[2], x[3]);
    Tagged* part = a.parts + (head * SPLITS + split) * PART;
    attend<WARPS>(q, keys, values, begin, end, loaded, [&](int i, float value) {
      send(part + (i < 4 ? i : 4 + box_of(i - 4, HEAD)), value, tag);
    });
  }
};

// The parts of all heads, as the blocks send them: for merge_parts.
struct SentParts {
  Tagged* parts;
  unsigned tag;
  __device__ __forceinline__ void max_sums(float2 (&out)[SPLITS], int head, int splits) const {
    float v[2 * SPLITS];
    receive(
        v, parts + head * SPLITS * PART, tag, [](int i) { return i / 2 * PART + i % 2; },
        [&](int i) { return i / 2 < splits; });
#pragma unroll
    for (int i = 0; i < SPLITS; i++) out[i] = make_float2(v[2 * i], v[2 * i + 1]);
  }
  __device__ __forceinline__ void values(float4 (&out)[SPLITS], int c, int splits) const {
    const int AT_ONCE = 4;  // parts: as many registers as there are
#pragma unroll
    for (int first = 0; first < SPLITS; first += AT_ONCE) {
      float v[4 * AT_ONCE];
      receive(
          v, parts + (c / HEAD * SPLITS + first) * PART + 4 + c % HEAD / 4, tag,
          [](int i) { return i / 4 * PART + i % 4 * (HEAD / 4); },
          [&](int i) { return first + i / 4 < splits; });
#pragma unroll
      for (int i = 0; i < AT_ONCE; i++)
        out[first + i] = make_float4(v[4 * i], v[4 * i + 1], v[4 * i + 2], v[4 * i + 3]);
    }
  }
};

// The best of all blocks, in every thread.
__device__ __forceinline__ unsigned long long best_of_all(Tagged* boxes, unsigned long long mine,
                                                          unsigned tag) {
  __shared__ unsigned long long best;
  if (threadIdx.x == 0) best = 0;
  __syncthreads();
  atomicMax(&best, mine);
  __threadfence();  // this step's keys and values are in the cache before its id is known
  __syncthreads();
  if (threadIdx.x < 2)
    send(boxes + 2 * blockIdx.x + threadIdx.x,
         __uint_as_float((unsigned)(best >> (threadIdx.x ? 0 : 32))), tag);
  for (int i = threadIdx.x; i < gridDim.x; i += THREADS) {
    float halves[2];
    receive(halves, boxes + 2 * i, tag, [](int half) { return half; }, [](int) { return true; });
    atomicMax(&best,
              (unsigned long long)__float_as_uint(halves[0]) << 32 | __float_as_uint(halves[1]));
  }
  __threadfence();
  __syncthreads();
  return best;
}

__global__ void __launch_bounds__(THREADS, 1) persistent_kernel(const Arguments a) {
  extern __shared__ float4 shared[];
  const GPTModel& m = a.model;
  const int C = m.n_embd;
  auto* ring = reinterpret_cast<uint4*>(shared);  // (num_slots, SLOT)
  float4* memory = shared + a.num_slots * SLOT;   // (4C floats) for x
  const X x(memory, C);
  float* own = reinterpret_cast<float*>(memory + C);       // this block's rows of x, at most C
  auto* layers = reinterpret_cast<LayerInside*>(own + C);  // (n_layer)
  for (int i = threadIdx.x; i < m.n_layer; i += THREADS) layers[i] = a.layers[i];
  __syncthreads();

  Stream stream = {layers, a.lm_head, m.n_layer, a.num_slots, a.num_steps, ring + threadIdx.x};
  for (int i = 0; i < a.num_slots; i++) stream.request();
  const int begin = a.state->position;
  const GPTSampling sampling = a.state->sampling;
  int* new_ids = a.state->new_ids;
  using Norm = LayerNorm<THREADS>;
  float4 v[Norm::EACH];  // x, as layernorm wants it
  unsigned tag = 0;      // of the layer, from 1 on

  auto begin_with = [&](const float* token, const float* place) {  // x = token + place
#pragma unroll
    for (int j = 0; j < Norm::EACH; j++)
      if (Norm::at(j) < C) {
        float4 t = load4(token + Norm::at(j)), p = {0, 0, 0, 0};
        if (place) p = load4(place + Norm::at(j));
        v[j] = make_float4(t.x + p.x, t.y + p.y, t.z + p.z, t.w + p.w);
      }
    for (int i = threadIdx.x; i * gridDim.x + blockIdx.x < C; i += THREADS) {
      int row = i * gridDim.x + blockIdx.x;
      own[i] = __ldcg(token + row) + (place ? __ldcg(place + row) : 0.0f);
    }
  };
  auto receive_x = [&](Tagged* from, unsigned from_tag) {
    receive4(v, from, C, threadIdx.x, THREADS, from_tag);
  };
  auto add_to_own = [&](Tagged* to) {  // epilogue: x += sum, and hand it out
    return [=](int row, int mine, float sum) { send(to + box_of(row, C), own[mine] += sum, tag); };
  };

  begin_with(a.x, nullptr);
#pragma unroll 1
  for (int step = 0; step < a.num_steps; step++) {
    const int position = begin + step;
#pragma unroll 1
    for (int l = 0; l < m.n_layer; l++) {
      const LayerInside& layer = layers[l];
      const GPTLayer& p = layer.params;
      tag++;
      {
        float bias = first_bias(layer.attn, p.attn_bias);
        Norm norm(nullptr, p.ln_1_weight, p.ln_1_bias, m.eps);
        norm.load(C);
        if (l > 0) receive_x(a.x_out, tag - 1);
        norm.normalise(v, x, C);
        __syncthreads();
        linear(stream, layer.attn, x, p.attn_bias, bias, [&](int row, int, float sum) {
          send(a.qkv + row / HEAD * HEAD + box_of(row % HEAD, HEAD), sum, tag);
          if (row >= C) store_qkv(row, sum, position, C, m.block_size, nullptr, layer.cache);
        });
      }
      Share share(a, layer.cache, position);
      {
        float bias = first_bias(layer.attn_proj, p.attn_proj_bias);
        share.attend_to(a, tag);
        __syncthreads();  // x has been used
        merge_parts<SPLITS>(x, SentParts{a.parts, tag}, m.n_head, Share::splits_of(m, position));
        __syncthreads();
        linear(stream, layer.attn_proj, x, p.attn_proj_bias, bias, add_to_own(a.x_mid));
      }
      {
        float bias = first_bias(layer.fc, p.fc_bias);
        Norm norm(nullptr, p.ln_2_weight, p.ln_2_bias, m.eps);
        norm.load(C);
        receive_x(a.x_mid, tag);
        norm.normalise(v, x, C);
        __syncthreads();
        linear(stream, layer.fc, x, p.fc_bias, bias, [&](int row, int, float sum) {
          send(a.hidden + box_of(row, 4 * C), gelu_of(sum), tag);
        });
      }
      {
        float bias = first_bias(layer.proj, p.proj_bias);
        __syncthreads();  // x has been used
        const X inside(memory, 4 * C);
        for (int t = threadIdx.x; t < C; t += 3 * THREADS) {
          float4 h[3];
          receive4(h, a.hidden, 4 * C, t, THREADS, tag);
          for (int j = 0; j < 3; j++)
            if (t + j * THREADS < C) inside.put(t + j * THREADS, h[j]);
        }
        __syncthreads();
        linear(stream, layer.proj, inside, p.proj_bias, bias, add_to_own(a.x_out));
      }
    }

    unsigned long long mine = 0;
    Norm norm(nullptr, m.ln_f_weight, m.ln_f_bias, m.eps);
    norm.load(C);
    receive_x(a.x_out, tag);
    norm.normalise(v, x, C);
    __syncthreads();
    linear(stream, a.lm_head, x, nullptr, 0.0f, [&](int id, int, float logit) {
      mine = max(mine, isfinite(logit) ? rank_of(logit, id, position + 1, sampling) : ~0ull);
      if (a.logits) a.logits[id] = logit;
    });
    unsigned long long rank = best_of_all(a.best, mine, step + 1);
    int id = rank == ~0ull ? NOT_FINITE : id_of(rank);
    if (blockIdx.x == 0 && step == a.num_steps - 1)
      next_token(m, id, position + 1, const_cast<float*>(a.x), new_ids ? new_ids + step : nullptr);
    else if (blockIdx.x == 0 && threadIdx.x == 0) {
      new_ids[step] = id;
      __threadfence_system();
    }
    if (step + 1 < a.num_steps)
      begin_with(m.wte + (size_t)max(id, 0) * C, m.wpe + (size_t)(position + 1) * C);
  }
  __pipeline_wait_prior(0);
  if (blockIdx.x == 0 && threadIdx.x == 0) a.state->position = begin + a.num_steps;
}

// What rung 8 keeps in GPT::extra.
struct Persistent {
  Arguments arguments;
  int blocks;
  size_t shared_bytes, num_boxes = 0;
  Tagged* boxes;
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
  size_t besides = 5 * g->C() * sizeof(float) + layers.size() * sizeof(LayerInside);
  int slots = ((long)room - 4096 - (long)besides) / (16 * SLOT);  // 4 KB: what the kernel declares
  slots = slots < 1 ? 1 : slots > 3 ? 3 : slots;                  // more gain nothing
  p->shared_bytes = besides + slots * SLOT * 16;
  cudaFuncSetAttribute(persistent_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                       p->shared_bytes);
  Arguments& a = p->arguments;
  a.model = g->model, a.layers = on_device, a.lm_head = streamed(g->lm_head, p->blocks);
  a.num_slots = slots, a.state = g->state, a.x = g->x;

  size_t C = g->C(),
         counts[] = {
             C, C, 3 * C, (size_t)g->model.n_head * SPLITS * PART, 4 * C, 2 * (size_t)p->blocks};
  Tagged** boxes[] = {&a.x_mid, &a.x_out, &a.qkv, &a.parts, &a.hidden, &a.best};
  for (size_t count : counts) p->num_boxes += count;
  p->boxes = allocate<Tagged>(g, p->num_boxes);
  for (size_t i = 0, at = 0; i < 6; at += counts[i++]) *boxes[i] = p->boxes + at;
  return p;
}

static void launch_persistent(GPT* g, int num_steps, float* logits, cudaStream_t stream) {
  Persistent* p = persistent_of(g);
  Arguments a = p->arguments;
  a.num_steps = num_steps, a.logits = logits;
  cudaMemsetAsync(p->boxes, 0, p->num_boxes * sizeof(Tagged), stream);
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
