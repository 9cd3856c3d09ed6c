// Rung 8, float32: the same kernel with the weights as they are.
//
// Idea      Rung 8's, for those who want every bit: its ids are those of the float32 model.
// Expected  494 MB, 164 us, and what rung 8 needs besides for its chain of barriers: 280 us.
// Measured  3,055 tokens/s (H100 80GB, prompt 10 + 500).
#define WEIGHT float
#include "../8_persistent/gpt.cu"
