// step.cu: 41 decode steps of a small GPT-2 with random weights, by the decoder of the gpt.cu that
// is found: a program to check and to profile.
//
//   python -m simt check   -I FOLDER_OF_GPT_CU -I mingpt/include mingpt/cuda/step.cu
//   python -m simt profile -I FOLDER_OF_GPT_CU -I mingpt/include mingpt/cuda/step.cu
//   nvcc -O3 -std=c++17 -I FOLDER_OF_GPT_CU -I mingpt/include mingpt/cuda/step.cu && nsys profile
//   ./a.out
#include <cstdio>
#include <vector>

#include "gpt.cu"

#ifndef GPT_DECODER_H
#error "gpt.cu has no decoder yet: take away the // in its last line, which includes decoder.cuh"
#else

// The bundled model's sizes, with one layer; but some warps of the lm_head have a row more.
const int C = 256, HEADS = 4, VOCABULARY = 509, BLOCK_SIZE = 64, STEPS = 40;

// n numbers around `mean`, on the device.
static float* random_floats(size_t n, float mean = 0.0f) {
  static unsigned state = 1;
  std::vector<float> numbers(n);
  for (float& x : numbers) {
    state = state * 1664525u + 1013904223u;
    x = mean + ((state >> 8) / 16777216.0f - 0.5f) * 0.1f;
  }
  float* memory;
  cudaMalloc(&memory, n * sizeof(float));
  cudaMemcpy(memory, numbers.data(), n * sizeof(float), cudaMemcpyHostToDevice);
  return memory;
}

int main() {
  GPTLayer layer = {random_floats(C, 1),  random_floats(C),         random_floats(3 * C * C),
                    random_floats(3 * C), random_floats(C * C),     random_floats(C),
                    random_floats(C, 1),  random_floats(C),         random_floats(4 * C * C),
                    random_floats(4 * C), random_floats(4 * C * C), random_floats(C)};
  GPTModel model = {1,
                    HEADS,
                    C,
                    VOCABULARY,
                    BLOCK_SIZE,
                    1e-5f,
                    random_floats(VOCABULARY * C),
                    random_floats(BLOCK_SIZE * C),
                    random_floats(C, 1),
                    random_floats(C),
                    &layer};
  GPT* gpt = gpt_open(&model);
  if (!gpt) return printf("gpt_open returned NULL\n"), 1;
  int *id, *new_ids;
  cudaMalloc(&id, sizeof(int));
  cudaMemset(id, 0, sizeof(int));
  cudaMallocHost(&new_ids, (1 + STEPS) * sizeof(int));
  GPTSampling greedy = {};
  gpt_prefill(gpt, id, 1, &greedy, new_ids, 0);
  gpt_decode(gpt, STEPS, &greedy, new_ids + 1, 0);
  cudaError_t error = cudaDeviceSynchronize();
  for (int i = 0; i <= STEPS; i++) printf("%d ", new_ids[i]);
  printf("%s\n", cudaGetErrorString(error));
  gpt_close(gpt);
  return error != cudaSuccess;
}
#endif
