// Rung 9: a persistent kernel made for Hopper.
//
// Idea      Rung 8 spends its time on exchanges: 6 a layer, a trip through L2 each, 240 us where
//           memory needs 82. Hopper has three things for that. Clusters: 8 blocks that store into
//           each other's shared memory; a cluster takes a head, so that only two trips through L2
//           a layer are left. Bulk copies: one thread asks for 12 KB at a time, and the weights,
//           packed in the order of their use, stream into a ring of 192 KB. And mbarriers, at which
//           what has come is counted, so that nobody polls memory or meets at a barrier to know.
// Expected  bfloat16: 248 MB, 82 us. The chain: 12 layers of 2 trips through L2 (1.2 us each), 4
//           exchanges in the cluster (0.5 us each) and what is computed between: 6 us a layer, 72
//           us. Together, as they are in each other's way, 95 to 100: 10,000 tokens/s.
// Measured  11,548 tokens/s (H100 80GB, prompt 10 + 500): 86.6 us a step. 241 MB of it are read: 80
//           us for a kernel that does nothing else. The chain alone takes 63 us, with 5 exchanges
//           in the cluster; it was 72 while registers were spilled (ptx.cuh: more_registers).
// Needs     compute capability 9.0 and room for 15 clusters of 8 blocks of 227 KB, and a model of
//           GPT-2 124M's size. Elsewhere it is rung 8.
//
// docs/hopper.md explains it. To be read in this order:
// shape.cuh      who does what                arguments.cuh  what a block has; how it waits
// ptx.cuh        Hopper's instructions        ring.cuh       weights on their way
// exchange.cuh   blocks talk to blocks        tile.cuh       a tile times x, in each weight type
// linear.cuh     warps' tiles, added up       layer.cuh, attention.cuh, head.cuh   the model
// kernel.cuh     steps, one after the other   pack.cuh       parameters, folded and packed
// launch.cuh, tune.cuh   the host's part      switches.cuh, debug.cuh   for measuring
#ifndef WEIGHT
#define WEIGHT __nv_bfloat16
#endif
#include "../8_persistent/persistent.cuh"

#ifdef __SIMT__  // no clusters
namespace hopper {
struct Hopper {
  void* report;
};
inline bool is_well(Hopper*) { return false; }
inline void launch(Hopper*, int, int*, float*, cudaStream_t) {}
}  // namespace hopper
bool open_rung(GPT*) { return true; }
#else
#include "tune.cuh"

bool open_rung(GPT* gpt) {
  if (const char* why = hopper::hindrance(gpt->model)) {
    static bool said = false;
    if (!said) fprintf(stderr, "Rung 9 runs rung 8's kernel here: %s.\n", why);
    return said = true;
  }
  hopper::Hopper* h = hopper::prepare(gpt);
  if (h) hopper::tune(gpt, h);
  if (cudaError_t error = cudaDeviceSynchronize())
    fprintf(stderr,
            "Rung 9's kernel ended in a CUDA error as it was tried: %s. Use 8_persistent.\n",
            cudaGetErrorString(error));
  return h != nullptr;
}
#endif

// Rung 9's kernel, or nullptr where it is rung 8's turn.
static hopper::Hopper* hopper_of(GPT* gpt) {
  auto* h = static_cast<hopper::Hopper*>(gpt->hopper);
  return h && hopper::is_well(h) ? h : nullptr;
}

void gpt_decode(GPT* gpt, int num_steps, const GPTSampling* sampling, int* new_ids,
                cudaStream_t stream) {
  bool needs_all_logits = sampling->temperature > 0.0f && sampling->top_k > 1;
  hopper::Hopper* h = hopper_of(gpt);
  if (h && !needs_all_logits) return hopper::launch(h, num_steps, new_ids, nullptr, stream);
  aim_kernel<<<1, 1, 0, stream>>>(gpt->state, new_ids);
  if (!needs_all_logits) return launch_persistent(gpt, num_steps, nullptr, stream);
  for (int i = 0; i < num_steps; i++) {  // a step at a time, and rung 5's kernel picks the id
    if (h)
      hopper::launch(h, 1, nullptr, gpt->logits, stream);
    else
      launch_layers(*gpt, gpt->logits, stream);
    launch_next(*gpt, stream);
  }
}

void feed_one(GPT* gpt, float* logits, cudaStream_t stream) {
  if (hopper::Hopper* h = hopper_of(gpt)) return hopper::launch(h, 1, nullptr, logits, stream);
  launch_persistent(gpt, 1, logits, stream);
}

void close_rung(GPT* gpt) {
  close_persistent(gpt);
  auto* h = static_cast<hopper::Hopper*>(gpt->hopper);
  if (!h) return;
  hopper::is_well(h);
  if (h->report) cudaFreeHost(h->report);
  delete h;
}

#if defined(HOPPER_DEBUG) && !defined(__SIMT__)
// For experiments (bench/hopper.py): whether this kernel runs; the pacing.
extern "C" int hopper_is_open(GPT* gpt) { return hopper_of(gpt) != nullptr; }
extern "C" void hopper_get_pacing(GPT* gpt, hopper::Pacing* pacing) {
  *pacing = static_cast<hopper::Hopper*>(gpt->hopper)->arguments.pacing;
}
extern "C" void hopper_set_pacing(GPT* gpt, const hopper::Pacing* pacing) {
  static_cast<hopper::Hopper*>(gpt->hopper)->arguments.pacing = *pacing;
}
#endif
#if defined(HOPPER_LOOK) && !defined(__SIMT__)
// Where a step leaves what it exchanged, and when, both in device memory or NULL (debug.cuh).
extern "C" void hopper_look(GPT* gpt, float* dump, long long* timeline) {
  auto& a = static_cast<hopper::Hopper*>(gpt->hopper)->arguments;
  a.dump = dump, a.timeline = timeline;
}
#endif
