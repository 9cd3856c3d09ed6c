// gpt.h: the three functions that a submission's gpt.cu defines.
//
// All matrices are row-major float32 in device memory. Every function launches its kernels on
// `stream` and returns without synchronising. It must not write to its inputs.
#pragma once
#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

// out[i] = gelu(in[i]) in GPT-2's tanh form, for all num_rows * num_cols elements:
//   gelu(x) = 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
// out and in are (num_rows, num_cols).
void gelu(float* out, const float* in, int num_rows, int num_cols, cudaStream_t stream);

// Normalises each row to mean 0 and variance 1, then scales and shifts each column:
//   out[r][c] = (in[r][c] - mean_r) / sqrt(var_r + eps) * weight[c] + bias[c]
// var_r is the mean of the squared differences (divide by num_cols, not num_cols - 1).
// out and in are (num_rows, num_cols), weight and bias are (num_cols).
void layernorm(float* out, const float* in, const float* weight, const float* bias, float eps,
               int num_rows, int num_cols, cudaStream_t stream);

// out = in . weight^T + bias
// out is (m, n), in is (m, k), weight is (n, k): one row for each output column.
// bias is (n), or NULL for none.
void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
