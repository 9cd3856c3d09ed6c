// tune.cuh: finds the pacing that this card likes best, by trying: half a second.
//
// It changes when weights are asked for, and no result.
#pragma once
#include "launch.cuh"

namespace hopper {

// Measures pacings by running steps.
struct Stopwatch {
  GPT* g;
  Hopper* h;
  cudaEvent_t begin, end;

  Stopwatch(GPT* g, Hopper* h) : g(g), h(h) {
    cudaEventCreate(&begin), cudaEventCreate(&end);
    cudaMemsetAsync(g->x, 0, g->C() * sizeof(float));
  }
  ~Stopwatch() { cudaEventDestroy(begin), cudaEventDestroy(end); }

  // Milliseconds of a step, on average; a lot once the kernel has failed.
  float measure(const Pacing& pacing, int steps) {
    float ms = 1e30f;
    if (*h->report) return ms;
    h->arguments.pacing = pacing;
    begin_kernel<<<1, 1>>>(g->state, g->S() / 4, GPTSampling{}, nullptr);
    cudaEventRecord(begin);
    launch(h, steps, nullptr, nullptr, nullptr);
    cudaEventRecord(end);
    cudaEventSynchronize(end);
    cudaEventElapsedTime(&ms, begin, end);
    return ms / steps;
  }
};

struct Tried {
  Pacing pacing;
  std::vector<float> ms;
  float median() {
    std::sort(ms.begin(), ms.end());
    return ms[ms.size() / 2];
  }
};

// The best of `tried`, measured again in turns, longer: the best of many short runs was lucky.
inline Pacing best_of(std::vector<Tried> tried, Stopwatch& watch) {
  const int FINALISTS = 8, TURNS = 5, STEPS = 64;
  std::sort(tried.begin(), tried.end(), [](Tried& a, Tried& b) { return a.median() < b.median(); });
  tried.resize(std::min<size_t>(tried.size(), FINALISTS));
  for (Tried& t : tried) t.ms.clear();
  for (int i = 0; i < TURNS; i++)
    for (Tried& t : tried) t.ms.push_back(watch.measure(t.pacing, STEPS));
  return std::min_element(tried.begin(), tried.end(),
                          [](Tried& a, Tried& b) { return a.median() < b.median(); })
      ->pacing;
}

// One number after another, each the best while the others stay; and once more. Then the best of
// all that were tried.
inline void tune(GPT* g, Hopper* h) {
  struct {
    int Pacing::* number;
    std::vector<int> values;
  } choices[] = {
      {&Pacing::layer_gap, {0, 300, 400, 500, 600, 700, 850, 1000, 1200, 1350, 1500, 1650, 1800}},
      {&Pacing::layer_window, {1, 2, 3, 4, 6}},
      {&Pacing::head_window, {2, 3, 4, 6, 8, 12}},
      {&Pacing::head_gap, {0, 200, 400, 600, 1000, 1350}},
      {&Pacing::poll_delay, {0, 250, 400, 500, 600, 750, 1000}}};
  const int STEPS = 16;
  Stopwatch watch(g, h);
  for (int i = 0; i < 4; i++) watch.measure(Pacing(), 64);  // until the clocks are up
  Tried best = {Pacing(), {watch.measure(Pacing(), STEPS)}};
  std::vector<Tried> tried;
  for (int round = 0; round < 2; round++)
    for (auto& choice : choices)
      for (int value : choice.values) {
        Tried next = {best.pacing, {}};
        next.pacing.*choice.number = value;
        for (int i = 0; i < 3; i++) next.ms.push_back(watch.measure(next.pacing, STEPS));
        if (next.median() < best.median()) best = next;
        tried.push_back(next);
      }
  h->arguments.pacing = best_of(tried, watch);
}

}  // namespace hopper
