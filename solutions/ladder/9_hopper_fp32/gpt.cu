// Rung 9, float32: the same kernel with the weights as they are.
//
// Idea      Rung 9's, for those who want every bit. A slot of the ring is 24 KB, a lane multiplies
//           on its own (tile.cuh), and the rest is the same.
// Expected  494 MB, 164 us, and the chain hidden behind them but for its ends: 5,700 tokens/s.
// Measured  5,916 tokens/s (H100 80GB, prompt 10 + 500): 169 us a step, 98 % of the bandwidth.
#define WEIGHT float
#include "../9_hopper/gpt.cu"
