// tune.cuh: finds the pacing that this card likes best, by trying: a quarter of a second.
//
// It changes when weights are asked for, and no result.
#pragma once
#include "launch.cuh"

namespace hopper {

// Milliseconds of some steps, the better of two tries.
inline float time_of(GPT* g, Hopper* h, const Pacing& pacing, cudaEvent_t begin, cudaEvent_t end) {
  const int STEPS = 16, position = g->S() / 4;
  h->arguments.pacing = pacing;
  float best = 1e30f;
  for (int i = 0; i < 2; i++) {
    begin_kernel<<<1, 1>>>(g->state, position, GPTSampling{}, nullptr);
    cudaEventRecord(begin);
    launch(h, STEPS, nullptr, nullptr, nullptr);
    cudaEventRecord(end);
    cudaEventSynchronize(end);
    float ms = 1e30f;
    cudaEventElapsedTime(&ms, begin, end);
    best = std::min(best, ms);
  }
  return best;
}

// One number after another, each the best while the others stay; and once more.
inline void tune(GPT* g, Hopper* h) {
  struct {
    int Pacing::* number;
    std::vector<int> values;
  } choices[] = {{&Pacing::layer_gap, {0, 300, 400, 500, 600, 700, 850, 1000, 1200, 1350, 1500}},
                 {&Pacing::layer_window, {1, 2, 3, 4, 6}},
                 {&Pacing::head_window, {2, 3, 4, 6, 8}},
                 {&Pacing::head_gap, {0, 200, 400, 600, 1000, 1350}},
                 {&Pacing::poll_delay, {0, 250, 500, 750, 1000}}};
  cudaEvent_t begin, end;
  cudaEventCreate(&begin), cudaEventCreate(&end);
  cudaMemsetAsync(g->x, 0, g->C() * sizeof(float));
  Pacing best;
  float least = time_of(g, h, best, begin, end);
  for (int round = 0; round < 2; round++)
    for (auto& choice : choices)
      for (int value : choice.values) {
        Pacing tried = best;
        tried.*choice.number = value;
        float ms = *h->report ? least : time_of(g, h, tried, begin, end);  // or it has failed
        if (ms < least) least = ms, best = tried;
      }
  h->arguments.pacing = best;
  cudaEventDestroy(begin), cudaEventDestroy(end);
}

}  // namespace hopper
