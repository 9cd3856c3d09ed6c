// decoder.h: the whole of GPT-2 in a gpt.cu of your own, for stages 5 and 6.
//
// All of it is optional. With the three functions of gpt.h alone, Python runs the layers one after
// the other, and the GPU waits for Python most of the time. A gpt.cu that also defines the
// functions below generates text by itself: it holds the KV-cache, runs whole steps, and picks the
// ids. Python only reads them. (mingpt/decoder.py is the other side.)
//
// Weights and logits are row-major float32 in device memory. Functions with a `stream` launch their
// work on it and return without waiting for it.
#pragma once
#define GPT_DECODER_H  // for those who ask whether a gpt.cu has a decoder
#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

// The weights of one block. Matrices are (out, in). C = n_embd.
typedef struct {
  const float *ln_1_weight, *ln_1_bias;            // (C), (C)
  const float *attn_weight, *attn_bias;            // (3C, C), (3C): query, key and value at once
  const float *attn_proj_weight, *attn_proj_bias;  // (C, C), (C)
  const float *ln_2_weight, *ln_2_bias;            // (C), (C)
  const float *fc_weight, *fc_bias;                // (4C, C), (4C)
  const float *proj_weight, *proj_bias;            // (C, 4C), (C)
} GPTLayer;

typedef struct {
  int n_layer, n_head, n_embd;  // L, nh, C
  int vocab_size, block_size;   // V, S: the longest text, in tokens
  float eps;                    // of every layernorm
  const float *wte, *wpe;       // (V, C), (S, C). wte is the lm_head as well.
  const float *ln_f_weight, *ln_f_bias;
  const GPTLayer* layers;  // (n_layer), in host memory
} GPTModel;

// How the next id is picked from the logits.
typedef struct {
  float temperature;  // 0: the likeliest
  int top_k;          // among the k likeliest only; 0: among all
  unsigned long long seed;
} GPTSampling;

// Yours: the weights in the form that you like best, the KV-cache, buffers, the position.
typedef struct GPT GPT;

// The model's arrays outlive the GPT. NULL when it can't be made: out of memory, a size that you
// don't support.
GPT* gpt_open(const GPTModel* model);
void gpt_close(GPT* gpt);

// Feeds num_ids ids (device memory) at the positions from `position` on: their keys and values go
// into the cache. Writes the logits of the last num_logits of them: logits is (num_logits, V).
void gpt_feed(GPT* gpt, const int* ids, int position, int num_ids, float* logits, int num_logits,
              cudaStream_t stream);

// Begins a text: feeds the prompt and picks the first new id, into new_ids[0].
void gpt_prefill(GPT* gpt, const int* ids, int num_ids, const GPTSampling* sampling, int* new_ids,
                 cudaStream_t stream);

// Goes on: num_steps times, feeds the id that was picked last and picks the next, into new_ids[0],
// new_ids[1], ... The text never grows longer than block_size: the caller sees to it.
//
// new_ids is pinned host memory, which is -1 until an id is known: the host reads on while the GPU
// works ahead. -2 stands for logits that are not finite.
void gpt_decode(GPT* gpt, int num_steps, const GPTSampling* sampling, int* new_ids,
                cudaStream_t stream);

// The bytes of weights that a decode step reads, each once: what its speed is limited by.
long long gpt_bytes_per_step(const GPT* gpt);

#ifdef __cplusplus
}
#endif
