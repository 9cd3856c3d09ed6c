// decoder.cuh: a decoder of your own (labs 5 and 6). gpt.cu includes it in its last line.
//
// As it is given it works, and slowly: step() runs one token through your layers of labs 1 to 3.
// Each TODO makes it faster. decoding.cuh, in mingpt/include, has what is given: read it first.
// Check your work as you go, in the notebook or in a clone of the workbook:
//   lab.check("decoder")     python grader/grade.py starter --only decoder
#pragma once
#include <cuda_bf16.h>

// TODO 5 (lab 6, 1 line): __nv_bfloat16, in half the bytes. See prepare() and warp_dot().
using Weight = float;

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
  // your code here
  return 0.0f;
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
  // your code here
}

// out (rows) = weight . in (cols) + bias.
// TODO 1, launch (1 line): by launch_gemv, with Copy and Store.
static void row_linear(float* out, const float* in, const Matrix& weight, const float* bias,
                       cudaStream_t stream) {
  linear(out, in, weight.data, bias, 1, weight.rows, weight.cols, stream);
}

// ------------------------------------------------------------------------ 2: fewer kernels

// TODO 2 (about 30 lines): what can be done before and after a row's sum needs no kernel of its
// own.
//   Norm     before: layernorm of a row, by your block_sum
//   GeluTo   after: gelu of the sum
//   AddTo    after: the sum added to x
//   StoreQKV after: the first C rows are the query, the next C the key, the last C the value: into
//            the cache (remember_kernel shows where)
// your code here

// --------------------------------------------------- 3: one token's attention to its history

// TODO 3, parts (about 35 lines): a block for each head and part of the history.
//   1. How many parts has a history of state->position + 1 tokens? At most MOST_PARTS; short ones
//      fewer. Which positions are in this one? Blocks without any return.
//   2. A warp takes a position: 2 channels a lane, the score by shuffles, a running softmax as in
//      attend_kernel. The next warp takes the next position.
//   3. Put the warps' results together in shared memory, and write the part: the largest score, the
//      sum, the HEAD sums (parts is (nh, MOST_PARTS, PART)).
// TODO 3, together (about 12 lines): Merged, a Before that makes x of the parts of each head.
// your code here

// ------------------------------------------------------------------------- the decode step

// Feeds the token that g->x stands for, at the state's position. Writes its logits (V).
// TODO 2: GeluTo, AddTo, StoreQKV and Norm take the place of 7 of the 11 kernels of a layer.
// TODO 3: parts, and Merged, take the place of attend_kernel.
void step(GPT* g, float* logits, cudaStream_t stream) {
  const GPTModel& m = g->model;
  const int C = m.n_embd, S = m.block_size, heads = m.n_head;
  for (const Layer& l : g->layers) {
    const GPTLayer& p = l.p;
    layernorm(g->normed, g->x, p.ln_1_weight, p.ln_1_bias, m.eps, 1, C, stream);
    row_linear(g->qkv, g->normed, l.attn, p.attn_bias, stream);
    remember_kernel<<<1, 256, 0, stream>>>(l.keys, l.values, g->qkv, g->state, C, S);
    attend_kernel<<<(heads + 31) / 32, 32, 0, stream>>>(g->attended, g->qkv, l.keys, l.values,
                                                        g->state, 1, heads, S);
    row_linear(g->normed, g->attended, l.attn_proj, p.attn_proj_bias, stream);
    add_kernel<<<(C + 255) / 256, 256, 0, stream>>>(g->x, g->normed, C);
    layernorm(g->normed, g->x, p.ln_2_weight, p.ln_2_bias, m.eps, 1, C, stream);
    row_linear(g->hidden, g->normed, l.fc, p.fc_bias, stream);
    gelu(g->hidden, g->hidden, 1, 4 * C, stream);
    row_linear(g->normed, g->hidden, l.proj, p.proj_bias, stream);
    add_kernel<<<(C + 255) / 256, 256, 0, stream>>>(g->x, g->normed, C);
  }
  layernorm(g->normed, g->x, m.ln_f_weight, m.ln_f_bias, m.eps, 1, C, stream);
  row_linear(logits, g->normed, g->lm_head, nullptr, stream);
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
  for (int i = 0; i < num_steps; i++) {
    step(g, g->logits, stream);
    pick(g, stream);
  }
}

// ---------------------------------------------------------------------- 5: half the bytes

// A matrix (rows, cols) in the form in which warp_dot reads it. gpt_open calls this for each.
//
// TODO 5 (lab 6, about 10 lines): allocate<Weight>() the same number of elements, and round them by
// a kernel (__float2bfloat16). data is nullptr where there is no room.
Matrix prepare(GPT* g, const float* weight, int rows, int cols) {
  // float32 stays where it is
  return {weight, rows, cols};
}
