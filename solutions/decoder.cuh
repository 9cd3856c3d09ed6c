// decoder.cuh: a decoder of your own (labs 5 and 6). gpt.cu includes it in its last line.
//
// As it is given it works, and slowly: step() runs one token through your layers of labs 1 to 3.
// Each TODO makes it faster. decoding.cuh, in mingpt/include, has what is given: read it first.
// Check your work as you go, in the notebook or in a clone of the workbook:
//   lab.check("decoder")     python grader/grade.py starter --only decoder
#pragma once
#include <cuda_bf16.h>

// TODO 5 (lab 6, 1 line): __nv_bfloat16, in half the bytes. See prepare() and warp_dot().
/// BEGIN SOLUTION
using Weight = __nv_bfloat16;
//| using Weight = float;
/// END SOLUTION

#include "decoding.cuh"

// ------------------------------------------------------------- 1: a linear layer for one row

// The sum over i < k of row[i] * x[i], in every lane. All 32 lanes of the warp call it.
// PRECOND: row is 16-byte aligned, k is a multiple of 8. x is in shared memory.
//
// TODO 1, dot product (about 15 lines)
//   1. 16 bytes a lane (a float4), and neighbouring lanes read neighbouring ones.
//   2. Have several of them (6, say) on their way before you use the first.
//   3. Add up over the lanes with __shfl_xor_sync.
__device__ float warp_dot(const Weight* row, const float* x, int k) {
  /// BEGIN SOLUTION
  const int EACH = 16 / sizeof(Weight), AT_ONCE = 24 / EACH;  // a warp has 768 weights in flight
  float sum = 0.0f;
  for (int start = threadIdx.x % 32 * EACH; start < k; start += 32 * EACH * AT_ONCE) {
    uint4 chunks[AT_ONCE];
#pragma unroll
    for (int j = 0; j < AT_ONCE; j++)
      if (start + 32 * EACH * j < k)
        chunks[j] = __ldcs(reinterpret_cast<const uint4*>(row + start + 32 * EACH * j));
#pragma unroll
    for (int j = 0; j < AT_ONCE; j++) {
      if (start + 32 * EACH * j >= k) break;
      const unsigned words[4] = {chunks[j].x, chunks[j].y, chunks[j].z, chunks[j].w};
      const float* with = x + start + 32 * EACH * j;
#pragma unroll
      for (int i = 0; i < 4; i++)
        if (sizeof(Weight) == 4)
          sum += __uint_as_float(words[i]) * with[i];
        else  // two bfloat16, each the upper half of a float
          sum += __uint_as_float(words[i] << 16) * with[2 * i] +
                 __uint_as_float(words[i] & 0xffff0000) * with[2 * i + 1];
    }
  }
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffff, sum, offset);
  return sum;
  //| // your code here
  //| return 0.0f;
  /// END SOLUTION
}

// after(row, weight[row] . x + bias[row]) once for each row, by one thread. The warps of all blocks
// share the rows. before(x, k) puts x into shared memory; all threads of a block call it.
//
// TODO 1, rows (about 8 lines)
//   1. Let before() make x, and wait for it.
//   2. This warp's number in the grid is its first row; then as many on as there are warps.
//   3. One lane calls after(). bias may be NULL.
template <typename Before, typename After>
__device__ void gemv(const Matrix& weight, const float* bias, Before before, After after) {
  extern __shared__ float4 shared[];
  float* x = reinterpret_cast<float*>(shared);
  /// BEGIN SOLUTION
  before(x, weight.cols);
  __syncthreads();
  for (int row = blockIdx.x * WARPS + threadIdx.x / 32; row < weight.rows;
       row += gridDim.x * WARPS) {
    float sum = warp_dot(weight.data + (size_t)row * weight.cols, x, weight.cols);
    if (threadIdx.x % 32 == 0) after(row, sum + (bias ? bias[row] : 0.0f));
  }
  //| // your code here
  /// END SOLUTION
}

// out (rows) = weight . in (cols) + bias.
// TODO 1, launch (1 line): by launch_gemv, with Copy and Store.
static void row_linear(float* out, const float* in, const Matrix& weight, const float* bias,
                       cudaStream_t stream) {
  /// BEGIN SOLUTION
  launch_gemv(weight, bias, Copy{in}, Store{out}, stream);
  //| linear(out, in, weight.data, bias, 1, weight.rows, weight.cols, stream);
  /// END SOLUTION
}

// ------------------------------------------------------------------------ 2: fewer kernels

// TODO 2 (about 30 lines): what can be done before and after a row's sum needs no kernel of its
// own.
//   Norm     before: layernorm of a row, by your block_sum
//   GeluTo   after: gelu of the sum
//   AddTo    after: the sum added to x
//   StoreQKV after: the first C rows are the query, the next C the key, the last C the value: into
//            the cache (remember_kernel shows where)
/// BEGIN SOLUTION
struct Norm {
  const float *in, *weight, *bias;
  float eps;
  __device__ void operator()(float* x, int k) const {
    float sum = 0.0f, sum_sq = 0.0f;
    for (int i = threadIdx.x; i < k; i += blockDim.x) sum += x[i] = in[i];
    float mean = block_sum(sum) / k;
    for (int i = threadIdx.x; i < k; i += blockDim.x) sum_sq += (x[i] - mean) * (x[i] - mean);
    float rstd = rsqrtf(block_sum(sum_sq) / k + eps);
    for (int i = threadIdx.x; i < k; i += blockDim.x)
      x[i] = (x[i] - mean) * rstd * weight[i] + bias[i];
  }
};

struct GeluTo {
  float* out;
  __device__ void operator()(int row, float x) const {
    out[row] = 0.5f * x * (1.0f + tanhf(0.7978845608f * (x + 0.044715f * x * x * x)));
  }
};

struct AddTo {
  float* x;
  __device__ void operator()(int row, float sum) const { x[row] += sum; }
};

struct StoreQKV {
  float *query, *keys, *values;
  const State* state;
  int C, S;
  __device__ void operator()(int row, float sum) const {
    int c = row % C;
    size_t at = ((size_t)(c / HEAD) * S + state->position) * HEAD + c % HEAD;
    (row < C ? query + c : (row < 2 * C ? keys : values) + at)[0] = sum;
  }
};
//| // your code here
/// END SOLUTION

// --------------------------------------------------- 3: one token's attention to its history

// TODO 3, parts (about 35 lines): a block for each head and part of the history.
//   1. How many parts has a history of state->position + 1 tokens? At most MOST_PARTS; short ones
//      fewer. Which positions are in this one? Blocks without any return.
//   2. A warp takes a position: 2 channels a lane, the score by shuffles, a running softmax as in
//      attend_kernel. The next warp takes the next position.
//   3. Put the warps' results together in shared memory, and write the part: the largest score, the
//      sum, the HEAD sums (parts is (nh, MOST_PARTS, PART)).
// TODO 3, together (about 12 lines): Merged, a Before that makes x of the parts of each head.
/// BEGIN SOLUTION
const int LEAST_PART = 16;  // positions
__device__ int num_parts(int length) {
  return min(MOST_PARTS, (length + LEAST_PART - 1) / LEAST_PART);
}

// Part number `index` of a head's history of `length` positions: part (PART).
__device__ void attend_part(float* part, const float* query, const float* keys, const float* values,
                            int index, int length) {
  __shared__ float of_warps[WARPS][PART];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, count = num_parts(length);
  int each = (length + count - 1) / count, end = min(length, (index + 1) * each);
  float2 q = reinterpret_cast<const float2*>(query)[lane], total = {0.0f, 0.0f};
  float largest = -1e30f, sum = 0.0f;
  for (int p = index * each + warp; p < end; p += WARPS) {
    float2 k = reinterpret_cast<const float2*>(keys + (size_t)p * HEAD)[lane];
    float2 v = reinterpret_cast<const float2*>(values + (size_t)p * HEAD)[lane];
    float score = (q.x * k.x + q.y * k.y) * rsqrtf(HEAD);
    for (int offset = 16; offset > 0; offset /= 2)
      score += __shfl_xor_sync(0xffffffff, score, offset);
    float larger = fmaxf(largest, score);
    float scale = expf(largest - larger), w = expf(score - larger);
    largest = larger, sum = sum * scale + w;
    total = {total.x * scale + w * v.x, total.y * scale + w * v.y};
  }
  if (lane == 0) of_warps[warp][0] = largest, of_warps[warp][1] = sum;
  of_warps[warp][2 + 2 * lane] = total.x, of_warps[warp][3 + 2 * lane] = total.y;
  __syncthreads();
  if (threadIdx.x > 0 && threadIdx.x < PART) {  // a sum each; the first of them the largest too
    float most = of_warps[0][0], mine = 0.0f;
    for (int w = 1; w < WARPS; w++) most = fmaxf(most, of_warps[w][0]);
    for (int w = 0; w < WARPS; w++) mine += of_warps[w][threadIdx.x] * expf(of_warps[w][0] - most);
    part[threadIdx.x] = mine;
    if (threadIdx.x == 1) part[0] = most;
  }
  __syncthreads();  // all have read: the next part may write
}

// qkv: the query is its first C floats.
__global__ void attend_parts_kernel(float* parts, const float* qkv, const float* keys,
                                    const float* values, const State* state, int S) {
  int head = blockIdx.y, length = state->position + 1;
  if ((int)blockIdx.x >= num_parts(length)) return;
  size_t start = (size_t)head * S * HEAD;
  attend_part(parts + (head * MOST_PARTS + blockIdx.x) * PART, qkv + head * HEAD, keys + start,
              values + start, blockIdx.x, length);
}

struct Merged {
  const float* parts;
  const State* state;
  __device__ void operator()(float* x, int k) const {
    int count = num_parts(state->position + 1);
    for (int c = threadIdx.x; c < k; c += blockDim.x) {
      const float* part = parts + c / HEAD * MOST_PARTS * PART;
      float most = part[0], sum = 0.0f, value = 0.0f;
      for (int i = 1; i < count; i++) most = fmaxf(most, part[i * PART]);
      for (int i = 0; i < count; i++) {
        float factor = expf(part[i * PART] - most);
        sum += factor * part[i * PART + 1];
        value += factor * part[i * PART + 2 + c % HEAD];
      }
      x[c] = value / sum;
    }
  }
};
//| // your code here
/// END SOLUTION

// ------------------------------------------------------------------------- the decode step

// Feeds the token that g->x stands for, at the state's position. Writes its logits (V).
// TODO 2: GeluTo, AddTo, StoreQKV and Norm take the place of 7 of the 11 kernels of a layer.
// TODO 3: parts, and Merged, take the place of attend_kernel.
void step(GPT* g, float* logits, cudaStream_t stream) {
  const GPTModel& m = g->model;
  const int C = m.n_embd, S = m.block_size, heads = m.n_head;
  for (const Layer& l : g->layers) {
    const GPTLayer& p = l.p;
    /// BEGIN SOLUTION
    launch_gemv(l.attn, p.attn_bias, Norm{g->x, p.ln_1_weight, p.ln_1_bias, m.eps},
                StoreQKV{g->qkv, l.keys, l.values, g->state, C, S}, stream);
    attend_parts_kernel<<<dim3(MOST_PARTS, heads), 32 * WARPS, 0, stream>>>(
        g->parts, g->qkv, l.keys, l.values, g->state, S);
    launch_gemv(l.attn_proj, p.attn_proj_bias, Merged{g->parts, g->state}, AddTo{g->x}, stream);
    launch_gemv(l.fc, p.fc_bias, Norm{g->x, p.ln_2_weight, p.ln_2_bias, m.eps}, GeluTo{g->hidden},
                stream);
    launch_gemv(l.proj, p.proj_bias, Copy{g->hidden}, AddTo{g->x}, stream);
    //| layernorm(g->normed, g->x, p.ln_1_weight, p.ln_1_bias, m.eps, 1, C, stream);
    //| row_linear(g->qkv, g->normed, l.attn, p.attn_bias, stream);
    //| remember_kernel<<<1, 256, 0, stream>>>(l.keys, l.values, g->qkv, g->state, C, S);
    //| attend_kernel<<<(heads + 31) / 32, 32, 0, stream>>>(g->attended, g->qkv, l.keys, l.values,
    //|                                                     g->state, 1, heads, S);
    //| row_linear(g->normed, g->attended, l.attn_proj, p.attn_proj_bias, stream);
    //| add_kernel<<<(C + 255) / 256, 256, 0, stream>>>(g->x, g->normed, C);
    //| layernorm(g->normed, g->x, p.ln_2_weight, p.ln_2_bias, m.eps, 1, C, stream);
    //| row_linear(g->hidden, g->normed, l.fc, p.fc_bias, stream);
    //| gelu(g->hidden, g->hidden, 1, 4 * C, stream);
    //| row_linear(g->normed, g->hidden, l.proj, p.proj_bias, stream);
    //| add_kernel<<<(C + 255) / 256, 256, 0, stream>>>(g->x, g->normed, C);
    /// END SOLUTION
  }
  /// BEGIN SOLUTION
  launch_gemv(g->lm_head, nullptr, Norm{g->x, m.ln_f_weight, m.ln_f_bias, m.eps}, Store{logits},
              stream);
  //| layernorm(g->normed, g->x, m.ln_f_weight, m.ln_f_bias, m.eps, 1, C, stream);
  //| row_linear(logits, g->normed, g->lm_head, nullptr, stream);
  /// END SOLUTION
}

// ---------------------------------------------------------------------------- 4: the graph

// TODO 6 (lab 6): take the next line's // away, and let gpt_decode call persistent_decode.

// #include "persistent.cuh"

// Feeds the id that was picked last and picks the next, num_steps times, into new_ids (decoder.h).
//
// TODO 4 (about 10 lines): a step has the same launches with the same arguments each time. Record
// them once, on g->recording (the default stream can't be recorded), into g->recorded:
// cudaStreamCreateWithFlags (non-blocking), cudaStreamBeginCapture, the launches,
// cudaStreamEndCapture, cudaGraphInstantiate. Then a step is one cudaGraphLaunch.
void gpt_decode(GPT* g, int num_steps, const GPTSampling*, int* new_ids, cudaStream_t stream) {
  aim_kernel<<<1, 1, 0, stream>>>(g->state, new_ids);
  /// BEGIN SOLUTION
  if (!g->recorded) {
    cudaGraph_t graph;
    cudaStreamCreateWithFlags(&g->recording, cudaStreamNonBlocking);
    cudaStreamBeginCapture(g->recording, cudaStreamCaptureModeThreadLocal);
    step(g, g->logits, g->recording);
    pick(g, g->recording);
    cudaStreamEndCapture(g->recording, &graph);
    cudaGraphInstantiate(&g->recorded, graph, 0);
    cudaGraphDestroy(graph);
  }
  for (int i = 0; i < num_steps; i++) cudaGraphLaunch(g->recorded, stream);
  //| for (int i = 0; i < num_steps; i++) {
  //|   step(g, g->logits, stream);
  //|   pick(g, stream);
  //| }
  /// END SOLUTION
}

// ---------------------------------------------------------------------- 5: half the bytes

// A matrix (rows, cols) in the form in which warp_dot reads it. gpt_open calls this for each.
//
// TODO 5 (lab 6, about 10 lines): allocate<Weight>() the same number of elements, and round them by
// a kernel (__float2bfloat16). data is nullptr where there is no room.
/// BEGIN SOLUTION
__global__ void round_kernel(Weight* out, const float* in, size_t n) {
  size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
  if (i < n) out[i] = Weight(in[i]);
}

/// END SOLUTION
Matrix prepare(GPT* g, const float* weight, int rows, int cols) {
  /// BEGIN SOLUTION
  const size_t n = (size_t)rows * cols;
  Weight* data = allocate<Weight>(g, n);
  if (data) round_kernel<<<(n + 255) / 256, 256>>>(data, weight, n);
  return {data, rows, cols};
  //| // float32 stays where it is
  //| return {weight, rows, cols};
  /// END SOLUTION
}
