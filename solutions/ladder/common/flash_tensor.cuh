// flash_tensor.cuh: flash_attention.cuh's attention on the tensor cores, for bfloat16.
//
// The scores are computed twice. The first time along the keys gives each query's maximum and sum,
// so that the second time each weight is right at once, and the sums of weight * value can stay in
// the tensor cores' registers, where nobody could rescale them row by row.
#pragma once
#include <mma.h>

#include "decode_attention.cuh"

const int FLASH_TILE = 64, FLASH_WARPS = 4;  // queries of a block, and keys of a tile; a warp: 16

// As flash_attention_kernel. Launch with a block for 64 queries (x) and for each head (y).
__global__ void __launch_bounds__(32 * FLASH_WARPS)
    flash_tensor_kernel(__nv_bfloat16* out, const __nv_bfloat16* q, const __nv_bfloat16* keys,
                        const __nv_bfloat16* values, int num_tokens, int position, int num_heads,
                        int S) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  using namespace nvcuda;
  constexpr int TILE = FLASH_TILE, WIDTH = TILE + 8;  // padded: rows begin in different banks
  __shared__ __align__(128) __nv_bfloat16 q_tile[TILE][WIDTH], k_tile[TILE][WIDTH],
      v_tile[TILE][WIDTH];
  union Scores {
    float score[16][TILE + 4];
    __nv_bfloat16 weight[16][WIDTH];
  };
  __shared__ __align__(128) Scores shared_scores[FLASH_WARPS];
  const int C = num_heads * HEAD, head = blockIdx.y, lane = threadIdx.x % 32,
            warp = threadIdx.x / 32;
  const int first = (gridDim.x - 1 - blockIdx.x) * TILE;  // query
  const int end = position + min(first + TILE, num_tokens);
  keys += (size_t)head * S * HEAD, values += (size_t)head * S * HEAD;
  Scores& mine = shared_scores[warp];

  // `count` rows of 64 elements, `stride` apart.
  auto copy = [&](__nv_bfloat16(*tile)[WIDTH], const __nv_bfloat16* from, int stride, int count) {
    for (int i = threadIdx.x; i < TILE * 8; i += 32 * FLASH_WARPS) {
      uint4 chunk = {0, 0, 0, 0};
      if (i / 8 < count)
        chunk = *reinterpret_cast<const uint4*>(from + (size_t)(i / 8) * stride + i % 8 * 8);
      *reinterpret_cast<uint4*>(&tile[i / 8][i % 8 * 8]) = chunk;
    }
  };
  copy(q_tile, q + (size_t)first * C + head * HEAD, C, num_tokens - first);

  // This warp's 16 queries times a tile of keys, into mine.score.
  auto scores = [&] {
    for (int j = 0; j < TILE; j += 16) {
      wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
      wmma::fill_fragment(sum, 0.0f);
#pragma unroll
      for (int c = 0; c < HEAD; c += 16) {
        wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> a;
        wmma::fragment<wmma::matrix_b, 16, 16, 16, __nv_bfloat16, wmma::col_major> b;
        wmma::load_matrix_sync(a, &q_tile[16 * warp][c], WIDTH);
        wmma::load_matrix_sync(b, &k_tile[j][c], WIDTH);
        wmma::mma_sync(sum, a, b, sum);
      }
      wmma::store_matrix_sync(&mine.score[0][j], sum, TILE + 4, wmma::mem_row_major);
    }
    __syncwarp();
  };

  // Two lanes have a query: of each tile the even keys and the odd ones.
  const int row = lane / 2, odd = lane % 2, last = position + first + 16 * warp + row;
  const float scale = rsqrtf(HEAD);
  float max = -1e30f, sum = 0.0f;
  for (int start = 0; start < end; start += TILE) {
    __syncthreads();
    copy(k_tile, keys + (size_t)start * HEAD, HEAD, end - start);
    __syncthreads();
    scores();
    float larger = max;
    for (int j = odd; j < TILE && start + j <= last; j += 2)
      larger = fmaxf(larger, mine.score[row][j] * scale);
    sum *= __expf(max - larger);
    max = larger;
    for (int j = odd; j < TILE && start + j <= last; j += 2)
      sum += __expf(mine.score[row][j] * scale - max);
    __syncwarp();
  }
  float other = __shfl_xor_sync(0xffffffff, max, 1), larger = fmaxf(max, other);
  sum *= __expf(max - larger);
  sum += __shfl_xor_sync(0xffffffff, sum, 1);
  max = larger;

  wmma::fragment<wmma::accumulator, 16, 16, 16, float> y[HEAD / 16];
  for (auto& part : y) wmma::fill_fragment(part, 0.0f);
  for (int start = 0; start < end; start += TILE) {
    __syncthreads();
    copy(k_tile, keys + (size_t)start * HEAD, HEAD, end - start);
    copy(v_tile, values + (size_t)start * HEAD, HEAD, end - start);
    __syncthreads();
    scores();
    float weight[TILE / 2];
#pragma unroll
    for (int j = 0; j < TILE / 2; j++) {
      int key = 2 * j + odd;
      weight[j] = start + key <= last ? __expf(mine.score[row][key] * scale - max) : 0.0f;
    }
    __syncwarp();  // all have read the scores: the weights take their place
#pragma unroll
    for (int j = 0; j < TILE / 2; j++) mine.weight[row][2 * j + odd] = __float2bfloat16(weight[j]);
    __syncwarp();
#pragma unroll
    for (int j = 0; j < TILE; j += 16) {
      wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> a;
      wmma::load_matrix_sync(a, &mine.weight[0][j], WIDTH);
#pragma unroll
      for (int c = 0; c < HEAD / 16; c++) {
        wmma::fragment<wmma::matrix_b, 16, 16, 16, __nv_bfloat16, wmma::row_major> b;
        wmma::load_matrix_sync(b, &v_tile[j][16 * c], WIDTH);
        wmma::mma_sync(y[c], a, b, y[c]);
      }
    }
    __syncwarp();
  }
  for (int c = 0; c < HEAD / 16; c++)
    wmma::store_matrix_sync(&mine.score[0][16 * c], y[c], TILE + 4, wmma::mem_row_major);
  __syncwarp();
  int token = first + 16 * warp + row;
  if (token < num_tokens)
    for (int c = 4 * odd; c < HEAD; c += 8) {
      const float* v = &mine.score[row][c];
      store4(out + (size_t)token * C + head * HEAD + c,
             make_float4(v[0] / sum, v[1] / sum, v[2] / sum, v[3] / sum));
    }
#endif
}

inline void flash_tensor(__nv_bfloat16* out, const __nv_bfloat16* q, const __nv_bfloat16* keys,
                         const __nv_bfloat16* values, int num_tokens, int position, int num_heads,
                         int S, cudaStream_t stream) {
  dim3 grid((num_tokens + FLASH_TILE - 1) / FLASH_TILE, num_heads);
  flash_tensor_kernel<<<grid, 32 * FLASH_WARPS, 0, stream>>>(out, q, keys, values, num_tokens,
                                                             position, num_heads, S);
}
