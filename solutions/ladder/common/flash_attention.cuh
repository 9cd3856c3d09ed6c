// flash_attention.cuh: causal attention of many new tokens (prefill), with no matrix of scores in
// memory: a block takes 32 queries and goes along the keys in tiles of 64, with a running softmax.
// (Dao et al. 2022, "FlashAttention"; Dao 2023, "FlashAttention-2".)
#pragma once
#include "decode_attention.cuh"

const int QUERIES = 32, KEYS = 64;  // of a block; of a tile
const int FLASH_THREADS = 128;      // 8 rows of 16: a thread has 4 queries, and 4 keys or channels

// out (T, nh * HEAD) = softmax(q k^T / sqrt(HEAD)) v, for T new tokens at `position` and after it.
// q (T, nh * HEAD); keys, values (nh, S, HEAD): the cache of one layer, new ones included.
// Launch with a block for QUERIES queries (x; the last ones, which have most to do, first) and for
// each head (y).
template <typename Q, typename T>
__global__ void __launch_bounds__(FLASH_THREADS)
    flash_attention_kernel(Q* out, const Q* q, const T* keys, const T* values, int num_tokens,
                           int position, int num_heads, int S) {
  __shared__ __align__(16) float q_tile[QUERIES][HEAD], k_tile[KEYS][HEAD + 4], v_tile[KEYS][HEAD];
  auto p_tile = reinterpret_cast<float (*)[KEYS + 4]>(k_tile);  // after the keys have been used
  int head = blockIdx.y, C = num_heads * HEAD;
  int first = (gridDim.x - 1 - blockIdx.x) * QUERIES;  // query
  int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  keys += (size_t)head * S * HEAD, values += (size_t)head * S * HEAD;

  for (int i = threadIdx.x; i < QUERIES * HEAD / 4; i += FLASH_THREADS) {
    int row = i / (HEAD / 4), c = i % (HEAD / 4) * 4;
    float4 x = {0, 0, 0, 0};
    if (first + row < num_tokens) x = load4(q + (size_t)(first + row) * C + head * HEAD + c);
    *reinterpret_cast<float4*>(&q_tile[row][c]) = x;
  }
  Running run[4];  // of queries 4 ty + r; the value: channels 4 tx and the next three
  int end = position + min(first + QUERIES, num_tokens);  // keys that the last query sees
  for (int start = 0; start < end; start += KEYS) {
    __syncthreads();  // nobody uses the last tile any more
    for (int i = threadIdx.x; i < KEYS * HEAD / 4; i += FLASH_THREADS) {
      int row = i / (HEAD / 4), c = i % (HEAD / 4) * 4;
      float4 k = {0, 0, 0, 0}, v = {0, 0, 0, 0};
      if (start + row < end) {
        k = load4(keys + (size_t)(start + row) * HEAD + c);
        v = load4(values + (size_t)(start + row) * HEAD + c);
      }
      *reinterpret_cast<float4*>(&k_tile[row][c]) = k;
      *reinterpret_cast<float4*>(&v_tile[row][c]) = v;
    }
    __syncthreads();

    float score[4][4] = {};  // queries 4 ty + r, keys start + tx + 16 j
#pragma unroll 4
    for (int c = 0; c < HEAD; c += 4) {
      float4 a[4], b[4];
#pragma unroll
      for (int r = 0; r < 4; r++) a[r] = *reinterpret_cast<float4*>(&q_tile[4 * ty + r][c]);
#pragma unroll
      for (int j = 0; j < 4; j++) b[j] = *reinterpret_cast<float4*>(&k_tile[tx + 16 * j][c]);
#pragma unroll
      for (int r = 0; r < 4; r++)
#pragma unroll
        for (int j = 0; j < 4; j++)
          score[r][j] += a[r].x * b[j].x + a[r].y * b[j].y + a[r].z * b[j].z + a[r].w * b[j].w;
    }
    __syncthreads();  // the keys have been used: the weights take their place

#pragma unroll
    for (int r = 0; r < 4; r++) {
      int last = position + first + 4 * ty + r;  // the key at the query's own position
      float larger = run[r].max, sum = 0.0f;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        score[r][j] = start + tx + 16 * j <= last ? score[r][j] * rsqrtf(HEAD) : -1e30f;
        larger = fmaxf(larger, score[r][j]);
      }
      for (int offset = 8; offset > 0; offset /= 2)
        larger = fmaxf(larger, __shfl_xor_sync(0xffffffff, larger, offset));
      run[r].scale(larger);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        float weight = start + tx + 16 * j <= last ? __expf(score[r][j] - larger) : 0.0f;
        p_tile[4 * ty + r][tx + 16 * j] = weight;
        sum += weight;
      }
      for (int offset = 8; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffff, sum, offset);
      run[r].sum += sum;
    }
    __syncthreads();
#pragma unroll 4
    for (int j = 0; j < KEYS; j += 4) {
      float4 v[4];
#pragma unroll
      for (int i = 0; i < 4; i++) v[i] = *reinterpret_cast<float4*>(&v_tile[j + i][4 * tx]);
#pragma unroll
      for (int r = 0; r < 4; r++) {
        float4 p = *reinterpret_cast<float4*>(&p_tile[4 * ty + r][j]);
        float4& y = run[r].value;
        y.x += p.x * v[0].x + p.y * v[1].x + p.z * v[2].x + p.w * v[3].x;
        y.y += p.x * v[0].y + p.y * v[1].y + p.z * v[2].y + p.w * v[3].y;
        y.z += p.x * v[0].z + p.y * v[1].z + p.z * v[2].z + p.w * v[3].z;
        y.w += p.x * v[0].w + p.y * v[1].w + p.z * v[2].w + p.w * v[3].w;
      }
    }
  }
#pragma unroll
  for (int r = 0; r < 4; r++) {
    int row = first + 4 * ty + r;
    if (row >= num_tokens) continue;
    float4 y = run[r].value;
    float s = 1.0f / run[r].sum;
    store4(out + (size_t)row * C + head * HEAD + 4 * tx,
           make_float4(y.x * s, y.y * s, y.z * s, y.w * s));
  }
}

template <typename Q, typename T>
void flash_attention(Q* out, const Q* q, const T* keys, const T* values, int num_tokens,
                     int position, int num_heads, int S, cudaStream_t stream) {
  dim3 grid((num_tokens + QUERIES - 1) / QUERIES, num_heads);
  flash_attention_kernel<<<grid, FLASH_THREADS, 0, stream>>>(out, q, keys, values, num_tokens,
                                                             position, num_heads, S);
}
