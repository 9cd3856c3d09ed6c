// Rung 9's packing by itself, for test_hopper_packing.py. WEIGHT, HOPPER_LAYERS and HOPPER_UNITS
// are set there.
#include "../../solutions/ladder/9_hopper/pack.cuh"

// Packs the model, into memory that is never freed.
extern "C" int pack_model(const GPTModel* model, hopper::Packed* packed) {
  auto* g = new GPT();
  g->model = *model;
  g->params.assign(model->layers, model->layers + model->n_layer);
  return hopper::pack(g, *packed) && cudaDeviceSynchronize() == cudaSuccess;
}
