// flash_tensor.cuh: flash_attention.cuh's attention on the tensor cores, for bfloat16.
//
// A warp has 16 queries. Scores, weights and sums stay in registers: what one product leaves in a
// lane (D of mma.cuh) is what the next wants there (A), so weights need not go through memory.
// (Dao 2023, "FlashAttention-2".)
#pragma once
#include <cuda_pipeline_primitives.h>

#include "decode_attention.cuh"
#include "mma.cuh"
#include "overlap.cuh"

const int FLASH_TILE = 64;  // queries of a block, and keys of a tile; a warp has 16 queries
const int FLASH_TENSOR_THREADS = 256;

__device__ __forceinline__ unsigned pack(float low, float high) {
  __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&pair);
}

// The largest of, and the sum over, the 4 lanes that have a row of D.
__device__ __forceinline__ float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xffffffff, x, 1));
  return fmaxf(x, __shfl_xor_sync(0xffffffff, x, 2));
}
__device__ __forceinline__ float row_sum(float x) {
  x += __shfl_xor_sync(0xffffffff, x, 1);
  return x + __shfl_xor_sync(0xffffffff, x, 2);
}

// As flash_attention_kernel. Launch with a block for 64 queries (x) and for each head (y). It has
// two groups of 4 warps: each takes 32 of a tile's 64 keys; at the end they put together what they
// found.
__global__ void __launch_bounds__(FLASH_TENSOR_THREADS)
    flash_tensor_kernel(__nv_bfloat16* out, const __nv_bfloat16* q, const __nv_bfloat16* keys,
                        const __nv_bfloat16* values, int num_tokens, int position, int num_heads,
                        int S) {
#ifdef HAS_MMA
  constexpr int TILE = FLASH_TILE, HALF = TILE / 2, WIDTH = HEAD + 8;  // padded, for the banks
  struct Tile {
    __nv_bfloat16 keys[TILE][WIDTH], values[TILE][WIDTH];
  };
  __shared__ __align__(16) __nv_bfloat16 q_tile[TILE][WIDTH];
  __shared__ __align__(16) Tile tiles[2];
  const int C = num_heads * HEAD, head = blockIdx.y;
  const int group = threadIdx.x / 128, member = threadIdx.x % 128, warp_row = member / 32 * 16;
  const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  const int first = (gridDim.x - 1 - blockIdx.x) * TILE;  // query
  const int end = position + min(first + TILE, num_tokens);
  const int last = position + first + warp_row + g;  // the key that query g sees last
  keys += (size_t)head * S * HEAD, values += (size_t)head * S * HEAD;

  // Starts to copy `count` rows of 64 elements, `stride` apart; zeros after them.
  auto copy = [&](__nv_bfloat16(*tile)[WIDTH], const __nv_bfloat16* from, int stride, int count) {
#pragma unroll
    for (int i = threadIdx.x; i < TILE * 8; i += FLASH_TENSOR_THREADS) {
      int row = i / 8, col = i % 8 * 8;
      bool inside = row < count;
      __pipeline_memcpy_async(&tile[row][col], from + (inside ? (size_t)row * stride + col : 0), 16,
                              inside ? 0 : 16);
    }
  };
  auto copy_tile = [&](int start) {
    if (start < end) {
      Tile& tile = tiles[start / TILE % 2];
      copy(tile.keys, keys + (size_t)start * HEAD, HEAD, end - start);
      copy(tile.values, values + (size_t)start * HEAD, HEAD, end - start);
    }
    __pipeline_commit();
  };
  wait_for_previous_kernel();
  copy(q_tile, q + (size_t)first * C + head * HEAD, C, num_tokens - first);
  __pipeline_commit();
  copy_tile(0);
  __pipeline_wait_prior(1);
  __syncthreads();
  unsigned query[HEAD / 16][4];
#pragma unroll
  for (int c = 0; c < HEAD / 16; c++) load_a(query[c], &q_tile[warp_row][16 * c], WIDTH);

  // Of queries g and g + 8: the largest score, the sum of e^(score - max), and of that times
  // values.
  const float scale = rsqrtf(HEAD);
  float max[2] = {-1e30f, -1e30f}, sum[2] = {}, y[HEAD / 8][4] = {};
  for (int start = 0; start < end; start += TILE) {
    __pipeline_wait_prior(0);
    __syncthreads();  // the tile is there, and nobody uses the one before it any more
    copy_tile(start + TILE);
    const Tile& tile = tiles[start / TILE % 2];

    float score[HALF / 8][4] = {};
#pragma unroll
    for (int j = 0; j < HALF / 16; j++)
#pragma unroll
      for (int c = 0; c < HEAD / 16; c++) {
        unsigned k[4];
        load_b(k, &tile.keys[group * HALF + 16 * j][16 * c], WIDTH);
        mma(score[2 * j], query[c], k[0], k[1], __nv_bfloat16());
        mma(score[2 * j + 1], query[c], k[2], k[3], __nv_bfloat16());
      }
    float larger[2] = {max[0], max[1]};
#pragma unroll
    for (int j = 0; j < HALF / 8; j++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        int key = start + group * HALF + 8 * j + 2 * t + i % 2;
        score[j][i] = key <= last + 8 * (i / 2) ? score[j][i] * scale : -INFINITY;
        larger[i / 2] = fmaxf(larger[i / 2], score[j][i]);
      }
#pragma unroll
    for (int half = 0; half < 2; half++) {
      larger[half] = row_max(larger[half]);
      float factor = __expf(max[half] - larger[half]);
      max[half] = larger[half], sum[half] *= factor;
#pragma unroll
      for (int c = 0; c < HEAD / 8; c++) y[c][2 * half] *= factor, y[c][2 * half + 1] *= factor;
    }
#pragma unroll
    for (int j = 0; j < HALF / 8; j++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        score[j][i] = __expf(score[j][i] - max[i / 2]);
        sum[i / 2] += score[j][i];
      }
#pragma unroll
    for (int j = 0; j < HALF / 16; j++) {
      const float *low = score[2 * j], *high = score[2 * j + 1];
      unsigned weight[4] = {pack(low[0], low[1]), pack(low[2], low[3]), pack(high[0], high[1]),
                            pack(high[2], high[3])};
#pragma unroll
      for (int c = 0; c < HEAD / 16; c++) {
        unsigned v[4];
        load_b_transposed(v, &tile.values[group * HALF + 16 * j][16 * c], WIDTH);
        mma(y[2 * c], weight, v[0], v[1], __nv_bfloat16());
        mma(y[2 * c + 1], weight, v[2], v[3], __nv_bfloat16());
      }
    }
  }

  // The second group leaves its part to the first, in the tiles' place.
  auto box = reinterpret_cast<float (*)[128]>(tiles);
  __syncthreads();
  if (group == 1) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      box[half][member] = max[half], box[2 + half][member] = sum[half];
#pragma unroll
      for (int c = 0; c < HEAD / 8; c++)
        for (int i = 0; i < 2; i++) box[4 + (2 * c + half) * 2 + i][member] = y[c][2 * half + i];
    }
  }
  __syncthreads();
  if (group == 1) return;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float other_max = box[half][member], larger = fmaxf(max[half], other_max);
    float mine = __expf(max[half] - larger), other = __expf(other_max - larger);
    float total = row_sum(sum[half] * mine + box[2 + half][member] * other);
    mine /= total, other /= total;
    int token = first + warp_row + g + 8 * half;
    if (token >= num_tokens) continue;
    __nv_bfloat16* to = out + (size_t)token * C + head * HEAD + 2 * t;
#pragma unroll
    for (int c = 0; c < HEAD / 8; c++) {
      float (*theirs)[128] = box + 4 + (2 * c + half) * 2;
      *reinterpret_cast<unsigned*>(to + 8 * c) =
          pack(y[c][2 * half] * mine + theirs[0][member] * other,
               y[c][2 * half + 1] * mine + theirs[1][member] * other);
    }
  }
#endif
}

inline void flash_tensor(__nv_bfloat16* out, const __nv_bfloat16* q, const __nv_bfloat16* keys,
                         const __nv_bfloat16* values, int num_tokens, int position, int num_heads,
                         int S, cudaStream_t stream) {
  dim3 grid((num_tokens + FLASH_TILE - 1) / FLASH_TILE, num_heads);
  launch_overlapping(flash_tensor_kernel, grid, FLASH_TENSOR_THREADS, 0, stream, out, q, keys,
                     values, num_tokens, position, num_heads, S);
}
