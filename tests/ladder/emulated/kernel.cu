// Rung 9's kernel on machine.h's machine, for test_hopper_emulated.py. WEIGHT, HOPPER_LAYERS and
// HOPPER_UNITS are set there.
#include "../../../solutions/ladder/9_hopper/pack.cuh"
#include "../../../solutions/ladder/common/cluster.cuh"
#include "ptx.cuh"

static uint64_t seed;
template <typename Kernel, typename Arguments>
static cudaError_t emulated_launch(const cudaLaunchConfig_t* c, Kernel thread, Arguments& a) {
  const int cluster = c->attrs->val.clusterDim.x;
  emulated::machine.run(c->gridDim.x, c->blockDim.x, cluster, c->dynamicSmemBytes, seed++,
                        [=] { thread(a); });
  return emulated::machine.fault.empty() ? cudaSuccess : cudaErrorLaunchFailure;
}
#define cudaLaunchKernelEx emulated_launch
#define cudaOccupancyMaxActiveClusters(...) cudaSuccess
#include "../../../solutions/ladder/9_hopper/launch.cuh"

// As gpt_open, with what rung 9's kernel needs.
extern "C" GPT* emulated_open(const GPTModel* model) {
  auto* g = new GPT();
  g->model = *model;
  g->params.assign(model->layers, model->layers + model->n_layer);
  for (int l = 0; l < model->n_layer; l++) {
    Layer layer = {};
    layer.keys = allocate<Cached>(g, g->C() * g->S()),
    layer.values = allocate<Cached>(g, g->C() * g->S());
    g->layers.push_back(layer);
  }
  g->x = allocate<float>(g, g->C()), g->state = allocate<State>(g, 1);
  hopper::Hopper* h = hopper::prepare(g);
  if (!h || cudaDeviceSynchronize() != cudaSuccess) return nullptr;
  h->arguments.pacing = {4, 12, 0, 0, 0};
  return g;
}

// Decodes num_steps tokens after the one at `position`, whose embedding is x (C), into new_ids; or
// one, into logits (V). What went wrong, or nullptr.
extern "C" const char* emulated_decode(GPT* g, const float* x, int position, int num_steps,
                                       uint64_t its_seed, int* new_ids, float* logits) {
  auto* h = static_cast<hopper::Hopper*>(g->hopper);
  seed = its_seed;
  if (x) memcpy(g->x, x, g->C() * sizeof(float));
  *g->state = {position, GPTSampling{}, nullptr};
  hopper::launch(h, num_steps, new_ids, logits, nullptr);
  if (!emulated::machine.fault.empty()) return emulated::machine.fault.c_str();
  return *h->report ? "a wait in vain" : nullptr;
}

// A layer's keys (0) or values (1): (nh, S, HEAD), of the weights' type (bfloat16 for int8).
extern "C" void* emulated_cache(GPT* g, int layer, int which) {
  return which ? (void*)g->layers[layer].values : (void*)g->layers[layer].keys;
}
