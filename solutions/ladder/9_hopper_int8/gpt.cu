// Rung 9, int8: the same kernel with weights in one byte each, and a scale for each row.
//
// Idea      Half of bfloat16's bytes. A tile of int8 becomes one of halves in registers, exactly
//           (tile.cuh); a row's scale is applied to its sum. The KV-cache is bfloat16, and x goes
//           in with 22 bits: nothing but the weights is rounded to 8.
// Expected  124 MB, 41 us: memory is no longer the limit, the chain is, 70 us: 13,000 tokens/s.
// Measured  13,949 tokens/s (H100 80GB, prompt 10 + 500): 71.7 us a step, of which the chain alone
//           is 63.
#define WEIGHT int8_t
#include "../9_hopper/gpt.cu"
