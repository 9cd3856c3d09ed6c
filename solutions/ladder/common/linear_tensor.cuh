// linear_tensor.cuh: a linear layer for many rows on the tensor cores, with nvcuda::wmma.
//
// A warp multiplies tiles of 16 x 16 as one instruction. The inputs are rounded on their way into
// shared memory, to bfloat16 (8 bits of mantissa) or, for float32 weights, to TF32 (11 bits); the
// sums are float32. For GPUs since Ampere (sm_80); older ones have no bfloat16 on their tensor
// cores.
#pragma once
#include <cuda_bf16.h>
#include <mma.h>

#include "weights.cuh"

// What the tensor cores are given for weights of type W.
template <typename W>
struct TensorInput {
  using Stored = __nv_bfloat16;    // in shared memory
  using Fragment = __nv_bfloat16;  // in wmma's words
  static constexpr int K = 16;     // of one instruction
  static __device__ __forceinline__ Stored round(float x) { return __float2bfloat16(x); }
};
template <>
struct TensorInput<float> {
  using Stored = float;
  using Fragment = nvcuda::wmma::precision::tf32;
  static constexpr int K = 8;
  static __device__ __forceinline__ Stored round(float x) {
    return nvcuda::wmma::__float_to_tf32(x);
  }
};

const int TENSOR_TILE = 64;   // outputs of a block: 64 x 64
const int TENSOR_GROUPS = 2;  // of 4 warps, each with half of the slices of k
const int TENSOR_THREADS = 128 * TENSOR_GROUPS;

// out (m, n) = epilogue(in (m, k) . weight (n, k)^T)
// PRECOND: k is a multiple of 32; in and weight are 16-byte aligned.
template <typename W, typename Epilogue>
__global__ void __launch_bounds__(TENSOR_THREADS)
    linear_tensor_kernel(const float* in, Matrix<W> weight, int m, Epilogue epilogue) {
  using Input = TensorInput<W>;
  using Stored = typename Input::Stored;
  using namespace nvcuda;
  constexpr int TILE = TENSOR_TILE, BK = 32, PAD = 16 / sizeof(Stored), THREADS = 128;
  struct Tiles {
    Stored in[TILE][BK + PAD], weight[TILE][BK + PAD];
  };
  union Shared {
    Tiles tiles[TENSOR_GROUPS];
    float sums[TENSOR_GROUPS][TILE][TILE];
  };
  __shared__ __align__(128) Shared shared;
  int group = threadIdx.x / THREADS, thread = threadIdx.x % THREADS, warp = thread / 32;
  int row0 = blockIdx.y * TILE, col0 = blockIdx.x * TILE;
  int n = weight.rows, k = weight.cols;
  Tiles& tiles = shared.tiles[group];

  // A row of the tiles is 32 elements. Of `in` a thread holds 4 float4s, of `weight` 16 elements.
  constexpr int WIDTH = CHUNK<W>, ROW = BK / WIDTH, CHUNKS = TILE * ROW / THREADS;
  float4 in_held[4];
  uint4 weight_held[CHUNKS];
  auto fetch = [&](int k0) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int item = thread + i * THREADS, row = row0 + item / 8, col = k0 + item % 8 * 4;
      in_held[i] = float4{0, 0, 0, 0};
      if (row < m && col < k)
        in_held[i] = *reinterpret_cast<const float4*>(in + (size_t)row * k + col);
    }
#pragma unroll
    for (int i = 0; i < CHUNKS; i++) {
      int item = thread + i * THREADS, row = col0 + item / ROW, col = k0 + item % ROW * WIDTH;
      weight_held[i] = uint4{0, 0, 0, 0};
      if (row < n && col < k)
        weight_held[i] = *reinterpret_cast<const uint4*>(weight.data + (size_t)row * k + col);
    }
  };
  auto store = [&] {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int item = thread + i * THREADS;
      Stored* to = &tiles.in[item / 8][item % 8 * 4];
      to[0] = Input::round(in_held[i].x), to[1] = Input::round(in_held[i].y);
      to[2] = Input::round(in_held[i].z), to[3] = Input::round(in_held[i].w);
    }
#pragma unroll
    for (int i = 0; i < CHUNKS; i++) {
      int item = thread + i * THREADS;
      Stored* to = &tiles.weight[item / ROW][item % ROW * WIDTH];
      if constexpr (sizeof(W) == 2) {
        *reinterpret_cast<uint4*>(to) = weight_held[i];
      } else {
        const W* from = reinterpret_cast<const W*>(&weight_held[i]);
#pragma unroll
        for (int j = 0; j < WIDTH; j++) to[j] = Input::round(to_float(from[j]));
      }
    }
  };

  // A warp has 32 x 32 of the outputs, as 2 x 2 tiles of 16 x 16.
  constexpr int K = Input::K;
  wmma::fragment<wmma::accumulator, 16, 16, K, float> sums[2][2];
  for (auto& row : sums)
    for (auto& sum : row) wmma::fill_fragment(sum, 0.0f);
  int warp_row = warp / 2 * 32, warp_col = warp % 2 * 32;
  const int step = BK * TENSOR_GROUPS;
  fetch(group * BK);
  for (int k0 = 0; k0 < k; k0 += step) {
    store();
    __syncthreads();
    if (k0 + step < k) fetch(k0 + step + group * BK);
#pragma unroll
    for (int i = 0; i < BK; i += K) {
      wmma::fragment<wmma::matrix_a, 16, 16, K, typename Input::Fragment, wmma::row_major> a[2];
      wmma::fragment<wmma::matrix_b, 16, 16, K, typename Input::Fragment, wmma::col_major> b[2];
#pragma unroll
      for (int j = 0; j < 2; j++) {
        wmma::load_matrix_sync(a[j], &tiles.in[warp_row + 16 * j][i], BK + PAD);
        wmma::load_matrix_sync(b[j], &tiles.weight[warp_col + 16 * j][i], BK + PAD);
      }
#pragma unroll
      for (int r = 0; r < 2; r++)
#pragma unroll
        for (int c = 0; c < 2; c++) wmma::mma_sync(sums[r][c], a[r], b[c], sums[r][c]);
    }
    __syncthreads();
  }

#pragma unroll
  for (int r = 0; r < 2; r++)
#pragma unroll
    for (int c = 0; c < 2; c++)
      wmma::store_matrix_sync(&shared.sums[group][warp_row + 16 * r][warp_col + 16 * c], sums[r][c],
                              TILE, wmma::mem_row_major);
  __syncthreads();
  for (int i = threadIdx.x; i < TILE * TILE; i += TENSOR_THREADS) {
    int row = row0 + i / TILE, col = col0 + i % TILE;
    if (row >= m || col >= n) continue;
    float total = 0.0f;
    for (int g = 0; g < TENSOR_GROUPS; g++) total += shared.sums[g][i / TILE][i % TILE];
    epilogue(row, col, total * scale_of(weight, col));
  }
}

template <typename W, typename Epilogue>
void linear_tensor(const float* in, const Matrix<W>& weight, int m, Epilogue epilogue,
                   cudaStream_t stream) {
  dim3 grid((weight.rows + TENSOR_TILE - 1) / TENSOR_TILE, (m + TENSOR_TILE - 1) / TENSOR_TILE);
  linear_tensor_kernel<<<grid, TENSOR_THREADS, 0, stream>>>(in, weight, m, epilogue);
}
