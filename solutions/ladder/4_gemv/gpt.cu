// Rung 4: a linear layer made for one row.
//
// Idea      A decode step has one row, m = 1, and uses each weight once: no tile can help. Read the
//           weights with all the bandwidth there is: a warp a row, 16 bytes a lane, several loads
//           in flight before the first is used. For many rows (prefill), tiles in registers.
// Expected  Rung 2 at m = 1: a warp walks along 32 rows, with 8 KB in flight on a multiprocessor
//           where 16 KB are needed, and 24 barriers. Here the 154 MB of the lm_head take 51 us at
//           3 TB/s. The step itself gains little: Python's 300 launches hide what the kernels save.
// Measured  198 tokens/s (H100 80GB, prompt 10 + 500), 5.7 times rung 3, and as slow as Python. The
//           kernels by themselves, with a cold L2: lm_head 50.7 us (cuBLAS 53.9), 3072 x 768 4.9 us
//           (cuBLAS 7.0). Exact tiles at 512 x 3072 x 768: 72 us (cuBLAS 66).
#include "../common/aligned.cuh"
#include "../common/gelu.cuh"
#include "../common/gemv.cuh"
#include "../common/layernorm.cuh"
#include "../common/linear_tensor.cuh"
#include "../common/linear_tiled.cuh"
#include "gpt.h"

void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream) {
  bool vector = k % 4 == 0 && aligned(in) && aligned(weight);
  if (m == 1 && vector && k <= 8192) {  // x fits into shared memory
    Matrix<float> matrix = {weight, nullptr, n, k};
    if (k >= 2048)
      gemv<float, 4>(matrix, bias, Copy{in}, Store{out}, stream);
    else
      gemv<float, 1>(matrix, bias, Copy{in}, Store{out}, stream);
  } else if (vector) {
    linear_tiled<true>(in, weight, m, n, k, AddBiasTo{out, bias, n}, stream);
  } else {
    linear_tiled<false>(in, weight, m, n, k, AddBiasTo{out, bias, n}, stream);
  }
}

// On the tensor cores, with inputs rounded to TF32: about 3 digits instead of 7. Nobody calls it;
// the benchmarks compare it with the exact one. (m, n, k) as above; k a multiple of 32, all
// aligned.
extern "C" void linear_tf32(float* out, const float* in, const float* weight, const float* bias,
                            int m, int n, int k, cudaStream_t stream) {
  linear_tensor<float>(in, {weight, nullptr, n, k}, m, AddBiasTo{out, bias, n}, stream);
}
