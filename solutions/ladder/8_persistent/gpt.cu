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
// Measured  4,144 tokens/s (H100 80GB, prompt 10 + 500): 241 us a step. docs/ladder-log.md says
//           where they go, and what was tried.
// Needs     a cooperative launch (all blocks run at once): any GPU since Volta. Asynchronous copies
//           are Ampere's; before, a thread waits for them.
#ifndef WEIGHT
#define WEIGHT __nv_bfloat16
#endif
#include <cuda/atomic>

#include "../4_gemv/gpt.cu"
#include "../common/decoder.cuh"
#include "stream.cuh"

const int SPLITS = 8;  // of a history, at most

// A float in its lower half, and above it the number of the exchange that it belongs to.
using Tagged = unsigned long long;

// What the kernel is told.
struct Arguments {
  GPTModel model;
  const Linear* linears;  // (num_linears)
  int num_linears, num_slots, num_steps;
  State* state;
  float* x;       // (C) the token to begin with, embedded; at the end, the one to go on with
  float* logits;  // where to write them, or nullptr
  // What the blocks hand to each other: x after attention and after the MLP (C); query, key and
  // value (3C); the parts of the attention (nh, SPLITS, PART), and all of it (C); the MLP's inside
  // (4C); each block's best id (blocks, 2). All 0 at the start.
  Tagged *x_mid, *x_out, *qkv, *parts, *attended, *hidden, *best;
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

// The attention of one head, from its parts: a channel a thread.
__device__ __forceinline__ void put_together(const Arguments& a, int head, int splits,
                                             unsigned tag) {
  int channel = threadIdx.x;
  if (channel >= HEAD) return;
  float v[3 * SPLITS], max = -1e30f, sum = 0.0f, total = 0.0f;  // max, sum and value of each part
  receive(
      v, a.parts + head * SPLITS * PART, tag,
      [&](int i) { return i / 3 * PART + (i % 3 < 2 ? i % 3 : 4 + channel); },
      [&](int i) { return i / 3 < splits; });
#pragma unroll
  for (int i = 0; i < SPLITS; i++)
    if (i < splits) max = fmaxf(max, v[3 * i]);
#pragma unroll
  for (int i = 0; i < SPLITS; i++)
    if (i < splits) {
      float factor = __expf(v[3 * i] - max);
      sum += v[3 * i + 1] * factor, total += v[3 * i + 2] * factor;
    }
  send(a.attended + box_of(head * HEAD + channel, a.model.n_embd), total / sum, tag);
}

// A layer's attention. A block has a part of one head's history (or several heads, where there are
// more of them than blocks); the first block of a head puts its parts together. `sent` is the tag
// of the queries, `tag` that of what is sent here.
__device__ __forceinline__ void attention(const Arguments& a, const Layer& cache, int position,
                                          unsigned sent, unsigned tag) {
  const int heads = a.model.n_head, C = a.model.n_embd, length = position + 1;
  const int splits = num_splits(length, max(1, min(SPLITS, (int)gridDim.x / heads)));
  const int each = (length + splits - 1) / splits;
#pragma unroll 1
  for (int task = blockIdx.x; task < heads * splits; task += gridDim.x) {
    const int head = task % heads, split = task / heads;
    const int begin = split * each, end = min(length, begin + each);
    const Cached* keys = cache.keys + (size_t)head * a.model.block_size * HEAD;
    const Cached* values = cache.values + (size_t)head * a.model.block_size * HEAD;
    Loaded<4> loaded;
    loaded.load(keys, values, begin, min(end, position));  // the past, before the query is there

    // The query, and the newest key and value, which are not in the cache for all to see yet.
    float qkv[12];
    receive(
        qkv, a.qkv + head * HEAD + threadIdx.x % 16, sent,
        [&](int i) { return i / 4 * C + i % 4 * (HEAD / 4); }, [](int) { return true; });
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (loaded.position(begin, i) == position && position < end) {
        loaded.k[i] = make_float4(qkv[4], qkv[5], qkv[6], qkv[7]);
        loaded.v[i] = make_float4(qkv[8], qkv[9], qkv[10], qkv[11]);
      }
    Tagged* parts = a.parts + head * SPLITS * PART;
    attend<WARPS>(make_float4(qkv[0], qkv[1], qkv[2], qkv[3]), keys, values, begin, end, loaded,
                  [&](int i, float value) { send(parts + split * PART + i, value, tag); });
    if (split == 0) put_together(a, head, splits, tag);
    __syncthreads();  // attend() may be called again
  }
}

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

// x = token + place: this thread's elements of it, and this block's rows.
template <int EACH>
__device__ __forceinline__ void embed(float4 (&v)[EACH], float* own, const float* token,
                                      const float* place, int C) {
#pragma unroll
  for (int j = 0; j < EACH; j++) {
    int at = LayerNorm<THREADS>::at(j);
    if (at >= C) continue;
    float4 t = load4(token + at), p = place ? load4(place + at) : float4{0, 0, 0, 0};
    v[j] = make_float4(t.x + p.x, t.y + p.y, t.z + p.z, t.w + p.w);
  }
  for (int i = threadIdx.x; i * gridDim.x + blockIdx.x < C; i += THREADS) {
    int row = i * gridDim.x + blockIdx.x;
    own[i] = __ldcg(token + row) + (place ? __ldcg(place + row) : 0.0f);
  }
}

__global__ void __launch_bounds__(THREADS, 1) persistent_kernel(const Arguments a) {
  extern __shared__ float4 shared[];
  const GPTModel& m = a.model;
  const int C = m.n_embd;
  float4* x_memory = shared + a.num_slots * SLOT;       // after the slots: (4C floats) for x
  float* own = reinterpret_cast<float*>(x_memory + C);  // this block's rows of x, at most C
  auto* linears = reinterpret_cast<Linear*>(own + C);   // (num_linears)
  for (int i = threadIdx.x; i < a.num_linears; i += THREADS) linears[i] = a.linears[i];
  __syncthreads();

  Stream stream = {linears, a.num_linears, a.num_slots, a.num_steps,
                   reinterpret_cast<uint4*>(shared) + threadIdx.x};
  for (int i = 0; i < a.num_slots; i++) stream.request();
  const int begin = a.state->position;
  GPTSampling sampling = a.state->sampling;
  if (sampling.top_k == 1) sampling.temperature = 0.0f;
  int* new_ids = a.state->new_ids;
  using Norm = LayerNorm<THREADS>;
  float4 v[Norm::EACH];  // of x, or of the attention's output
  unsigned tag = 1;      // one for each linear layer: of what it sends

#pragma unroll 1
  for (int step = 0; step < a.num_steps; step++) {
    const int position = begin + step;
    unsigned long long best = 0;
#pragma unroll 1
    for (int index = 0; index < a.num_linears; index++, tag++) {
      const Linear& s = linears[index];
      const Row<Weight> x(x_memory, s.weight.cols);
      float bias = first_bias(s);
      __syncthreads();  // x and `own` have been used
      if (s.kind == MLP) {
        for (int t = threadIdx.x; t < C; t += 3 * THREADS) {
          float4 h[3];
          receive4(h, a.hidden, 4 * C, t, THREADS, tag - 1);
#pragma unroll
          for (int j = 0; j < 3; j++)
            if (t + j * THREADS < C) x.put(t + j * THREADS, h[j]);
        }
      } else {
        Norm norm(a.x, s.norm_weight, s.norm_bias, m.eps);
        if (s.norm_weight) norm.load(C);
        if (s.kind == ATTENTION) attention(a, s.cache, position, tag - 1, tag);
        if (index > 0) {
          Tagged* from = s.kind == ATTENTION ? a.attended : s.kind == FC ? a.x_mid : a.x_out;
          receive4(v, from, C, threadIdx.x, THREADS, s.kind == ATTENTION ? tag : tag - 1);
        } else if (step == 0) {
          embed(v, own, a.x, nullptr, C);
        }
        if (s.norm_weight)
          norm.normalise(v, x, C);
        else
          for (int j = 0; j < Norm::EACH; j++)
            if (Norm::at(j) < C) x.put(Norm::at(j) / 4, v[j]);
      }
      __syncthreads();
      linear(stream, s, x, bias, [&](int row, int mine, float sum) {
        switch (s.kind) {
          case QKV:
            send(a.qkv + row / HEAD * HEAD + box_of(row % HEAD, HEAD), sum, tag);
            if (row >= C) store_qkv(row, sum, position, C, m.block_size, (float*)nullptr, s.cache);
            break;
          case FC:
            send(a.hidden + box_of(row, 4 * C), gelu_of(sum), tag);
            break;
          case ATTENTION:
            send(a.x_mid + box_of(row, C), own[mine] += sum, tag);
            break;
          case MLP:
            send(a.x_out + box_of(row, C), own[mine] += sum, tag);
            break;
          case LM_HEAD:
            best = max(best, isfinite(sum) ? rank_of(sum, row, position + 1, sampling) : BAD_RANK);
            if (a.logits) a.logits[row] = sum;
        }
      });
    }

    best = best_of_all(a.best, best, tag);
    int id = id_of(best);
    if (blockIdx.x == 0 && threadIdx.x == 0 && new_ids) {
      new_ids[step] = id;
      __threadfence_system();  // the host may see it now
    }
    if (position + 1 < m.block_size)
      embed(v, own, m.wte + (size_t)max(id, 0) * C, m.wpe + (size_t)(position + 1) * C, C);
  }
  __pipeline_wait_prior(0);
  if (blockIdx.x > 0) return;
  if (threadIdx.x == 0) a.state->position = begin + a.num_steps;
  for (int j = 0; j < Norm::EACH; j++)
    if (Norm::at(j) < C) *reinterpret_cast<float4*>(a.x + Norm::at(j)) = v[j];
}

// What rung 8 keeps in GPT::extra.
struct Persistent {
  Arguments arguments;
  int blocks;
  size_t shared_bytes, num_boxes = 0;
  Tagged* boxes;
};

static Persistent* persistent_of(GPT* g) {
  if (g->extra) return static_cast<Persistent*>(g->extra);
  auto* p = new Persistent{};
  g->extra = p;
  p->blocks = num_multiprocessors();
  const GPTModel& m = g->model;
  std::vector<Linear> linears;
  for (int i = 0; i < m.n_layer; i++) {
    const Layer& l = g->layers[i];
    const GPTLayer& q = g->params[i];
    linears.push_back({QKV, l.attn, q.attn_bias, q.ln_1_weight, q.ln_1_bias, l});
    linears.push_back({ATTENTION, l.attn_proj, q.attn_proj_bias, nullptr, nullptr, l});
    linears.push_back({FC, l.fc, q.fc_bias, q.ln_2_weight, q.ln_2_bias, l});
    linears.push_back({MLP, l.proj, q.proj_bias, nullptr, nullptr, l});
  }
  linears.push_back({LM_HEAD, g->lm_head, nullptr, m.ln_f_weight, m.ln_f_bias});
  for (Linear& s : linears) share_out(s, p->blocks);
  auto* on_device = allocate<Linear>(g, linears.size());
  cudaMemcpy(on_device, linears.data(), linears.size() * sizeof(Linear), cudaMemcpyHostToDevice);

  int device, room;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&room, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  size_t besides = 5 * g->C() * sizeof(float) + linears.size() * sizeof(Linear);
  int slots = ((long)room - 4096 - (long)besides) / (16 * SLOT);  // 4 KB: what the kernel declares
  slots = slots < 1 ? 1 : slots > 3 ? 3 : slots;                  // more gain nothing
  p->shared_bytes = besides + slots * SLOT * 16;
  cudaFuncSetAttribute(persistent_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                       p->shared_bytes);
  Arguments& a = p->arguments;
  a.model = m, a.state = g->state, a.x = g->x;
  a.linears = on_device, a.num_linears = linears.size(), a.num_slots = slots;

  size_t C = g->C(),
         counts[] = {
             C, C, 3 * C, (size_t)m.n_head * SPLITS * PART, C, 4 * C, 2 * (size_t)p->blocks};
  Tagged** boxes[] = {&a.x_mid, &a.x_out, &a.qkv, &a.parts, &a.attended, &a.hidden, &a.best};
  for (size_t count : counts) p->num_boxes += count;
  p->boxes = allocate<Tagged>(g, p->num_boxes);
  for (size_t i = 0, at = 0; i < 7; at += counts[i++]) *boxes[i] = p->boxes + at;
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
