// persistent.cuh: many decode steps in one kernel (lab 6). decoder.cuh includes it once you have
// written it, and gpt_decode calls persistent_decode.
//
// The kernels of a step become functions that all blocks call, and where one kernel ended and the
// next began, the blocks wait for each other. So none is started or drained any more: what is left
// of that is a grid barrier. (A cooperative launch makes sure that all blocks run at once.)
#pragma once
#include <cooperative_groups.h>

#include "decoding.cuh"

// What the kernel needs of GPT, whose vectors are the host's.
struct Persistent {
  GPTModel model;
  const Layer* layers;  // (n_layer), on the device
  Matrix lm_head;
  State* state;
  float *x, *qkv, *parts, *hidden, *logits;
};

// TODO 6 (lab 6, about 40 lines): num_steps times what step() and pick() launch.
//   1. gemv() with the same Before and After; for the attention, the blocks share (head, part).
//   2. A grid barrier (cooperative_groups::this_grid().sync()) wherever a block reads what another
//      has written.
//   3. pick_next() is what next_kernel does, with any number of blocks.
__global__ void __launch_bounds__(32 * WARPS) persistent_kernel(Persistent a, int num_steps) {
  /// BEGIN SOLUTION
  auto grid = cooperative_groups::this_grid();
  const GPTModel& m = a.model;
  const int C = m.n_embd, S = m.block_size;
  for (int i = 0; i < num_steps; i++) {
    for (int n = 0; n < m.n_layer; n++) {
      const Layer& l = a.layers[n];
      const GPTLayer& p = l.p;
      gemv(l.attn, p.attn_bias, Norm{a.x, p.ln_1_weight, p.ln_1_bias, m.eps},
           StoreQKV{a.qkv, l.keys, l.values, a.state, C, S});
      grid.sync();
      int length = a.state->position + 1, count = num_parts(length);
      for (int task = blockIdx.x; task < m.n_head * count; task += gridDim.x) {
        int head = task / count, index = task % count;
        size_t start = (size_t)head * S * HEAD;
        attend_part(a.parts + (head * MOST_PARTS + index) * PART, a.qkv + head * HEAD,
                    l.keys + start, l.values + start, index, length);
      }
      grid.sync();
      gemv(l.attn_proj, p.attn_proj_bias, Merged{a.parts, a.state}, AddTo{a.x});
      grid.sync();
      gemv(l.fc, p.fc_bias, Norm{a.x, p.ln_2_weight, p.ln_2_bias, m.eps}, GeluTo{a.hidden});
      grid.sync();
      gemv(l.proj, p.proj_bias, Copy{a.hidden}, AddTo{a.x});
      grid.sync();
    }
    gemv(a.lm_head, nullptr, Norm{a.x, m.ln_f_weight, m.ln_f_bias, m.eps}, Store{a.logits});
    grid.sync();
    pick_next(a.logits, a.x, a.state, m);
    grid.sync();
  }
  //| // your code here
  /// END SOLUTION
}

// num_steps steps, in one launch: as many blocks as there are multiprocessors.
inline void persistent_decode(GPT* g, int num_steps, cudaStream_t stream) {
  const GPTModel& m = g->model;
  if (!g->layers_on_device) {
    g->layers_on_device = allocate<Layer>(g, m.n_layer);
    cudaMemcpy(g->layers_on_device, g->layers.data(), m.n_layer * sizeof(Layer),
               cudaMemcpyHostToDevice);
  }
  int device, blocks;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&blocks, cudaDevAttrMultiProcessorCount, device);
  Persistent a = {m,        g->layers_on_device, g->lm_head, g->state, g->x, g->qkv,
                  g->parts, g->hidden,           g->logits};
  void* arguments[] = {&a, &num_steps};
  cudaLaunchCooperativeKernel((const void*)persistent_kernel, blocks, 32 * WARPS, arguments,
                              4 * m.n_embd * sizeof(float), stream);
}
