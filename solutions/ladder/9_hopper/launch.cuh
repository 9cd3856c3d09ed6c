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

// Folds and packs all matrices. false: no room.
inline bool pack(GPT* g, Arguments& a) {
  const GPTModel& m = g->model;
  std::vector<Folding> foldings;
  bool ok = true;
  auto floats = [&](size_t count) {
    auto* memory = allocate<float>(g, count);
    ok &= memory != nullptr;
    return memory;
  };
  // One kind of matrix, in `layers` layers; what is made of them lies together.
  auto rows_of = [&](int layers, int rows) {
    float* scale = sizeof(Weight) == 1 ? floats((size_t)layers * rows) : nullptr;
    return Rows{floats((size_t)layers * rows), scale};
  };
  const int C = CHANNELS;
  a.qkv = rows_of(LAYERS, 3 * C), a.attn_proj = rows_of(LAYERS, C), a.fc = rows_of(LAYERS, 4 * C);
  a.proj = rows_of(LAYERS, C), a.lm_head = rows_of(1, m.vocab_size);
  auto add = [&](const Rows& made, int layer, const float* weight, const float* bias,
                 const float* norm_weight, const float* norm_bias, int rows, int cols) {
    float* mean = floats(norm_weight ? rows : cols + 1);
    foldings.push_back({weight, bias, norm_weight, norm_bias, rows, cols,
                        norm_weight ? mean : nullptr, norm_weight ? nullptr : mean,
                        const_cast<float*>(made.bias) + (size_t)layer * rows,
                        made.scale ? const_cast<float*>(made.scale) + (size_t)layer * rows
                                   : nullptr});
  };
  for (int l = 0; l < LAYERS; l++) {
    const GPTLayer& p = g->params[l];
    add(a.qkv, l, p.attn_weight, p.attn_bias, p.ln_1_weight, p.ln_1_bias, 3 * C, C);
    add(a.attn_proj, l, p.attn_proj_weight, p.attn_proj_bias, nullptr, nullptr, C, C);
    add(a.fc, l, p.fc_weight, p.fc_bias, p.ln_2_weight, p.ln_2_bias, 4 * C, C);
    add(a.proj, l, p.proj_weight, p.proj_bias, nullptr, nullptr, C, 4 * C);
  }
  add(a.lm_head, 0, m.wte, nullptr, m.ln_f_weight, m.ln_f_bias, m.vocab_size, C);
  auto* stream = allocate<Weight>(g, STREAM);
  auto* on_device = allocate<Folding>(g, foldings.size());
  float *wte_mean = floats(m.vocab_size), *wpe_mean = floats(m.block_size);
  if (!ok || !stream || !on_device) return false;

  for (const Folding& f : foldings) {
    if (!f.norm_weight) fold_columns<<<f.cols / 256 + 1, 256>>>(f);
    fold_rows<<<(f.rows + 7) / 8, 256>>>(f);
  }
  mean_of_rows<<<(m.vocab_size + 7) / 8, 256>>>(wte_mean, m.wte, m.vocab_size, C);
  mean_of_rows<<<(m.block_size + 7) / 8, 256>>>(wpe_mean, m.wpe, m.block_size, C);
  cudaMemcpy(on_device, foldings.data(), foldings.size() * sizeof(Folding),
             cudaMemcpyHostToDevice);
  pack_kernel<<<dim3(64, BLOCKS), 256>>>(stream, on_device);
  a.stream = stream, a.wte_mean = wte_mean, a.wpe_mean = wpe_mean;
  return true;
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
  if (!h->boxes || cudaHostAlloc(&h->report, sizeof(Failure), cudaHostAllocMapped) || !pack(g, a))
    return nullptr;
  *h->report = 0;
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

inline void launch(Hopper* h, int num_steps, float* logits, cudaStream_t stream) {
  Arguments a = h->arguments;
  a.num_steps = num_steps, a.logits = logits;
  size_t bytes = 0;
  for (size_t b : BOX_BYTES) bytes += b;
  cudaMemsetAsync(h->boxes, 0, bytes, stream);
  Launch launch(stream);
  cudaLaunchKernelEx(&launch.config, kernel, a);
}

// The kernel's state of health. false, and a word of why on stderr: someone has waited in vain.
inline bool is_well(Hopper* h) {
  static const char* NAMES[] = {
      "x for the attention", "its squares", "query, key and value", "parts of the attention",
      "x for the MLP", "its squares", "the MLP's inside", "weights", "a free slot for weights",
      "the sums of other clusters", "the last x", "the best id of all blocks"};
  if (!h->failed && *h->report) {
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
