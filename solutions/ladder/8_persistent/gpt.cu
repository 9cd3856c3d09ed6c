// Rung 8: many decode steps in one kernel that never ends in between.
//
// Idea      A kernel's start and end cost more than what it does here. Start one kernel, a block on
//           each multiprocessor, and let the blocks hand x to each other through memory, each float
//           with a tag that says which exchange it belongs to: who needs it polls until the tag is
//           right. That takes one trip through L2, a grid barrier three. And weights don't depend
//           on the text: each thread copies those that it will need into shared memory, layers
//           ahead, and memory never waits for an exchange.
// Expected  bfloat16: 248 MB, 82 us, hidden behind a chain of 5 exchanges a layer, 61 a step: 1 us
//           each, and 1 to 2 us for what follows one after the other (layernorm, the sum over a
//           row): 120 to 180 us, 5,500 to 8,000 tokens/s.
// Measured  4,173 tokens/s (H100 80GB, prompt 10 + 500): 240 us a step, with six exchanges a layer,
//           73 in all: the sixth, for the parts of the attention, gained more than it cost.
//           docs/ladder-log.md says where the time goes, and what was tried.
// Needs     a cooperative launch (all blocks run at once): any GPU since Volta. Asynchronous copies
//           are Ampere's; before, a thread waits for them.
#ifndef WEIGHT
#define WEIGHT __nv_bfloat16
#endif
#include "persistent.cuh"

void gpt_decode(GPT* gpt, int num_steps, const GPTSampling* sampling, int* new_ids,
                cudaStream_t stream) {
  aim_kernel<<<1, 1, 0, stream>>>(gpt->state, new_ids);
  if (sampling->temperature > 0.0f &&
      sampling->top_k > 1)  // needs all logits first: rung 5's steps
    for (int i = 0; i < num_steps; i++) launch_step(*gpt, stream);
  else
    launch_persistent(gpt, num_steps, nullptr, stream);
}

void feed_one(GPT* gpt, float* logits, cudaStream_t stream) {
  launch_persistent(gpt, 1, logits, stream);
}

bool open_rung(GPT*) { return true; }
void close_rung(GPT* gpt) { close_persistent(gpt); }
