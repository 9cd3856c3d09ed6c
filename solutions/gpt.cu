// gpt.cu: the kernels of GPT-2. You write three of them: gelu, layernorm and linear.
//
// The same file runs on an NVIDIA GPU (nvcc) and on any CPU (simt/). gpt.h has the contract of
// each function. Check your work as you go, in a lab's notebook or in a clone of the workbook:
//   lab.check("gelu")        python grader/grade.py starter --only gelu
#include "gpt.h"

// ------------------------------------------------------------------------------------- gelu

// PRECOND: out and in hold n floats.
// One thread an element: out[i] = 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), x = in[i].
//
// TODO gelu, kernel (about 5 lines)
//   1. Which element is this thread's? Use blockIdx, blockDim and threadIdx.
//   2. The last block may have threads with no element. They must do nothing.
//   3. Compute in float: write 0.5f, not 0.5, and tanhf, not tanh.
__global__ void gelu_kernel(float* out, const float* in, int n) {
  /// BEGIN SOLUTION
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const float sqrt_2_over_pi = 0.7978845608f;
  float x = in[i];
  out[i] = 0.5f * x * (1.0f + tanhf(sqrt_2_over_pi * (x + 0.044715f * x * x * x)));
  //| // your code here
  /// END SOLUTION
}

// TODO gelu, launch (about 3 lines)
//   1. Choose the number of threads in a block: a multiple of 32, at most 1024.
//   2. Enough blocks for every element: round up.
//   3. Launch on the stream that you were given.
void gelu(float* out, const float* in, int num_rows, int num_cols, cudaStream_t stream) {
  /// BEGIN SOLUTION
  const int block = 256;
  int n = num_rows * num_cols;
  gelu_kernel<<<(n + block - 1) / block, block, 0, stream>>>(out, in, n);
  //| // your code here
  /// END SOLUTION
}

// -------------------------------------------------------------------------------- layernorm

// The sum of `value` over all threads of the block, returned to every thread.
// PRECOND: every thread of the block calls it; blockDim.x is a multiple of 32, at most 1024.
//
// TODO layernorm, reduction (about 12 lines)
//   1. Sum within each warp with __shfl_down_sync (or in shared memory).
//   2. Lane 0 of each warp writes its sum to shared memory. Wait for all of them.
//   3. Add up the sums of the warps, so that every thread knows the total.
//   4. The next call uses the same shared memory: nobody may write it while others still read.
__device__ float block_sum(float value) {
  /// BEGIN SOLUTION
  __shared__ float warp_sums[32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, num_warps = blockDim.x / 32;
  for (int offset = 16; offset > 0; offset /= 2)
    value += __shfl_down_sync(0xffffffff, value, offset);
  if (lane == 0) warp_sums[warp] = value;
  __syncthreads();
  float sum = 0.0f;
  for (int w = 0; w < num_warps; w++) sum += warp_sums[w];
  __syncthreads();  // all have read warp_sums: the next call may write it
  return sum;
  //| // your code here
  //| return value;
  /// END SOLUTION
}

// PRECOND: out and in are (gridDim.x, num_cols), weight and bias (num_cols).
// One block a row. Two passes: first the mean, then the variance around that mean. (Summing x and
// x^2 in one pass is tempting, but E[x^2] - E[x]^2 loses all its digits when the mean is large.)
//
// TODO layernorm, kernel (about 12 lines)
//   1. Find this block's row. Its threads share the columns: c = threadIdx.x, then += blockDim.x.
//   2. mean = sum of x / num_cols
//   3. variance = sum of (x - mean)^2 / num_cols
//   4. Normalise, with eps inside the square root (rsqrtf is 1/sqrt), then weight and bias.
__global__ void layernorm_kernel(float* out, const float* in, const float* weight,
                                 const float* bias, float eps, int num_cols) {
  /// BEGIN SOLUTION
  const float* x = in + (size_t)blockIdx.x * num_cols;
  float* y = out + (size_t)blockIdx.x * num_cols;

  float sum = 0.0f;
  for (int c = threadIdx.x; c < num_cols; c += blockDim.x) sum += x[c];
  float mean = block_sum(sum) / num_cols;

  float sum_sq = 0.0f;
  for (int c = threadIdx.x; c < num_cols; c += blockDim.x) sum_sq += (x[c] - mean) * (x[c] - mean);
  float rstd = rsqrtf(block_sum(sum_sq) / num_cols + eps);

  for (int c = threadIdx.x; c < num_cols; c += blockDim.x)
    y[c] = (x[c] - mean) * rstd * weight[c] + bias[c];
  //| // your code here
  /// END SOLUTION
}

// TODO layernorm, launch (about 2 lines): one block a row, a multiple of 32 threads.
void layernorm(float* out, const float* in, const float* weight, const float* bias, float eps,
               int num_rows, int num_cols, cudaStream_t stream) {
  /// BEGIN SOLUTION
  layernorm_kernel<<<num_rows, 256, 0, stream>>>(out, in, weight, bias, eps, num_cols);
  //| // your code here
  /// END SOLUTION
}

// ----------------------------------------------------------------------------------- linear

#define TILE 32

// out (m, n) = in (m, k) . weight (n, k)^T + bias (n)
// PRECOND: blockDim is (TILE, rows) with rows <= TILE. A block computes rows x TILE outputs, a
// thread one of them: out[row][col].
//
// Each output needs a row of `in` and a row of `weight`. Neighbouring outputs share them, so the
// block walks along k in steps of TILE: it loads a tile of each into shared memory, once, and all
// its threads use them.
//
// TODO linear, kernel (about 20 lines)
//   1. Find this thread's row and column of the output.
//   2. For each step along k: load a tile of `in` (rows x TILE) and of `weight` (TILE x TILE) into
//      shared memory. Neighbouring threads (threadIdx.x) should read neighbouring addresses.
//      Elements past the edge of a matrix count as 0.
//   3. Wait until the tiles are complete, add up the products, and wait again before the tiles
//      are overwritten.
//   4. Write the sum, plus the bias if there is one. Not every thread has an output.
__global__ void linear_kernel(float* out, const float* in, const float* weight, const float* bias,
                              int m, int n, int k) {
  /// BEGIN SOLUTION
  __shared__ float in_tile[TILE][TILE];
  __shared__ float weight_tile[TILE][TILE + 1];  // + 1: a column then spreads over all 32 banks
  int row = blockIdx.y * blockDim.y + threadIdx.y;
  int col = blockIdx.x * TILE + threadIdx.x;

  float sum = 0.0f;
  for (int k0 = 0; k0 < k; k0 += TILE) {
    int tile_k = k0 + threadIdx.x;
    in_tile[threadIdx.y][threadIdx.x] = row < m && tile_k < k ? in[(size_t)row * k + tile_k] : 0.0f;
    for (int i = threadIdx.y; i < TILE; i += blockDim.y) {
      int tile_n = blockIdx.x * TILE + i;
      weight_tile[i][threadIdx.x] =
          tile_n < n && tile_k < k ? weight[(size_t)tile_n * k + tile_k] : 0.0f;
    }
    __syncthreads();
    for (int i = 0; i < TILE; i++) sum += in_tile[threadIdx.y][i] * weight_tile[threadIdx.x][i];
    __syncthreads();
  }
  if (row < m && col < n) out[(size_t)row * n + col] = sum + (bias ? bias[col] : 0.0f);
  //| // your code here
  /// END SOLUTION
}

// TODO linear, launch (about 4 lines)
//   1. A block of TILE x TILE threads; when m is smaller than TILE, fewer rows will do.
//   2. Enough blocks to cover n columns (x) and m rows (y): round both up.
void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream) {
  /// BEGIN SOLUTION
  dim3 block(TILE, m < TILE ? m : TILE);
  dim3 grid((n + block.x - 1) / block.x, (m + block.y - 1) / block.y);
  linear_kernel<<<grid, block, 0, stream>>>(out, in, weight, bias, m, n, k);
  //| // your code here
  /// END SOLUTION
}

// ---------------------------------------------------------------------------------- decoder

// Lab 5: a decoder of your own, in decoder.cuh. Take the // away, and the next line includes it.
// #include "decoder.cuh"
