// launch.cuh: makes the kernel ready, and launches it.
#pragma once
#include <algorithm>

#include "kernel.cuh"
#include "pack.cuh"

namespace hopper {

// What rung 9 keeps in GPT::hopper.
struct Hopper {
  Arguments arguments = {};
  unsigned char* boxes;  // what blocks hand to each other
  unsigned* report;      // a Failure, in pinned memory
  bool failed = false;
};

const size_t BOX_BYTES[] = {256, 4ul * HEADS * CHANNELS, 4ul * HEADS * CHANNELS, 4ul * CHANNELS,
                            sizeof(uint2) * BEST_COPIES * 128};

// kernel<<<BLOCKS, THREADS, SHARED_BYTES, stream>>>, in clusters.
struct Launch {
  cudaLaunchAttribute cluster = {};
  cudaLaunchConfig_t config = {};
  Launch(cudaStream_t stream) {
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = CLUSTER, cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    config.gridDim = dim3(BLOCKS), config.blockDim = dim3(THREADS);
    config.dynamicSmemBytes = SHARED_BYTES, config.stream = stream;
    config.attrs = &cluster, config.numAttrs = 1;
  }
};

// Why not: nullptr if the kernel can run this model on this GPU.
inline const char* hindrance(const GPTModel& m) {
  if (m.n_embd != CHANNELS || m.n_head != HEADS || m.n_layer != LAYERS ||
      m.vocab_size > HEAD_ROWS || m.block_size > POSITIONS)
    return "it is made for the size of GPT-2 124M";
  if (device_attribute(cudaDevAttrComputeCapabilityMajor) < 9 || !has_clusters())
    return "the GPU has no thread block clusters (they came with Hopper)";
  if (device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin) < SHARED_BYTES)
    return "a block of this GPU has too little shared memory";
  Launch launch(nullptr);
  int clusters = 0;
  if (cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, SHARED_BYTES) ||
      cudaOccupancyMaxActiveClusters(&clusters, kernel, &launch.config)) {
    cudaGetLastError();
    return "the kernel does not run on this GPU";
  }
  if (clusters * CLUSTER < BLOCKS) return "its 15 clusters of 8 blocks do not fit on this GPU";
  return nullptr;
}

// nullptr: no room.
inline Hopper* prepare(GPT* g) {
  auto* h = new Hopper();
  g->hopper = h;
  Arguments& a = h->arguments;
  const GPTModel& m = g->model;
  size_t bytes = 0;
  for (size_t b : BOX_BYTES) bytes += b;
  h->boxes = allocate<unsigned char>(g, bytes);
  if (!h->boxes || cudaHostAlloc(&h->report, sizeof(Failure), cudaHostAllocMapped)) return nullptr;
  *h->report = 0;
  if (!pack(g, a)) return nullptr;
  cudaMemset(h->boxes, 0, bytes);
  a.wte = m.wte, a.wpe = m.wpe, a.eps = m.eps;
  a.vocab_size = m.vocab_size, a.block_size = m.block_size;
  for (int l = 0; l < LAYERS; l++) a.keys[l] = g->layers[l].keys, a.values[l] = g->layers[l].values;
  a.state = g->state, a.x = g->x, a.report = h->report;
  unsigned char* at[5] = {h->boxes};
  for (int i = 1; i < 5; i++) at[i] = at[i - 1] + BOX_BYTES[i - 1];
  a.failed = (unsigned*)at[0], a.after_attention = (float*)at[1], a.after_mlp = (float*)at[2];
  a.final_x = (float*)at[3], a.best = (uint2*)at[4];
  return h;
}

inline void launch(Hopper* h, int num_steps, int* new_ids, float* logits, cudaStream_t stream) {
  Arguments& a = h->arguments;
  a.num_steps = num_steps, a.new_ids = new_ids, a.logits = logits;
  Launch launch(stream);
  if (cudaLaunchKernelEx(&launch.config, kernel, a) == cudaSuccess)  // else no tag was sent
    a.steps_before += num_steps;
}

// The kernel's state of health. false, and a word of why on stderr: someone has waited in vain.
inline bool is_well(Hopper* h) {
  static const char* NAMES[] = {
      "x for the attention",        "its squares",   "query, key and value",
      "parts of the attention",     "x for the MLP", "its squares",
      "the MLP's inside",           "weights",       "a free slot for weights",
      "the sums of other clusters", "the last x",    "the best id of all blocks"};
  if (!h->failed && h->report && *h->report) {
    Failure f;
    memcpy(&f, h->report, sizeof f);
    fprintf(stderr,
            "gpt_decode: block %d, warp %d waited seconds for %s (layer %d, step %d): are all "
            "blocks running? From here on rung 8's kernel is used.\n",
            f.block, f.warp, NAMES[f.what], f.layer, f.step);
    h->failed = true;
  }
  return !h->failed;
}

}  // namespace hopper
