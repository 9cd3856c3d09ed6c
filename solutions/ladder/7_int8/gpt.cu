// Rung 7, int8: weights in one byte each, with a scale for each row. The KV-cache is bfloat16.
//
// Idea      As rung 7, with a quarter of float32's bytes. 8 bits are few: each row has a scale of
//           its own, so that its largest weight is 127. (Weight-only quantisation; Dettmers et al.
//           2022, "LLM.int8()".)
// Expected  124 MB: 41 us less of rung 7's step, and an error that one can see: its logits are off
//           by some percent.
// Measured  3,793 tokens/s (H100 80GB, prompt 10 + 500): no faster than bfloat16. A kernel of 4 us
//           no longer waits for its bytes, but for its own start and end. Logits are off by 2.4 %
//           of the largest one (bfloat16: 0.6 %), and 54 of 60 greedy ids are those of float32.
#define WEIGHT int8_t
#include "../6_cuda_graph/gpt.cu"
