// linear_tiled.cuh: an exact float32 linear layer for many rows, tiled twice.
//
// Once in shared memory, as in rung 2. And once more in registers: a thread computes TM x TN
// outputs and uses each element that it reads from shared memory TN or TM times. Rung 2 reads two
// words for each multiplication, this 0.25 to 0.375: the arithmetic units no longer wait.
//
// While a tile is used, the next one is on its way from global memory into registers.
#pragma once
#include "aligned.cuh"
#include "weights.cuh"

// A block computes BM x BN outputs. GROUPS of (BM / TM) * (BN / TN) threads do so together: each
// takes every GROUPS-th slice of k, and their sums are added up at the end. That keeps a
// multiprocessor busy where the output is too small for many blocks. BLOCKS of them fit on one.
template <int BM_, int BN_, int BK_, int TM_, int TN_, int GROUPS_, int BLOCKS_>
struct Tiling {
  static constexpr int BM = BM_, BN = BN_, BK = BK_, TM = TM_, TN = TN_;
  static constexpr int GROUPS = GROUPS_, BLOCKS = BLOCKS_;
  static constexpr int GROUP = (BM / TM) * (BN / TN);  // threads of a group
  static constexpr int THREADS = GROUP * GROUPS;
  static constexpr int PAD = 4;  // words: a column of the tile spreads over the banks
};
using LargeTiling = Tiling<128, 128, 16, 8, 8, 1, 2>;
using MediumTiling = Tiling<64, 64, 16, 8, 4, 2, 3>;
using SmallTiling = Tiling<32, 32, 8, 8, 4, 8, 2>;

// ROWS x BK elements of a (rows, k) matrix, from row `row0` and column `k0` on, as float4s along k
// that the GROUP threads share.
template <int ROWS, int BK, int GROUP, int PAD>
struct TileLoader {
  static constexpr int PER_ROW = BK / 4;
  static constexpr int COUNT = ROWS * PER_ROW;
  static constexpr int EACH = (COUNT + GROUP - 1) / GROUP;
  float4 held[EACH];

  // Global memory -> registers; 0 outside of the matrix. VECTOR: k % 4 == 0 and rows are aligned.
  template <bool VECTOR, typename In>
  __device__ __forceinline__ void fetch(const In* matrix, int rows, int k, int row0, int k0,
                                        int thread) {
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      int item = thread + i * GROUP;
      int row = row0 + item / PER_ROW, col = k0 + item % PER_ROW * 4;
      held[i] = float4{0, 0, 0, 0};
      if ((COUNT % GROUP && item >= COUNT) || row >= rows) continue;
      const In* from = matrix + (size_t)row * k + col;
      if (VECTOR) {
        if (col < k) held[i] = load4(from);
      } else {
        if (col < k) held[i].x = to_float(from[0]);
        if (col + 1 < k) held[i].y = to_float(from[1]);
        if (col + 2 < k) held[i].z = to_float(from[2]);
        if (col + 3 < k) held[i].w = to_float(from[3]);
      }
    }
  }

  // Registers -> shared memory, transposed: tile[k][row].
  __device__ __forceinline__ void store(float (*tile)[ROWS + PAD], int thread) const {
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      int item = thread + i * GROUP;
      if (COUNT % GROUP && item >= COUNT) continue;
      int row = item / PER_ROW, col = item % PER_ROW * 4;
      tile[col][row] = held[i].x;
      tile[col + 1][row] = held[i].y;
      tile[col + 2][row] = held[i].z;
      tile[col + 3][row] = held[i].w;
    }
  }
};

// Thread t of a row of `threads` has 4 neighbouring elements in each of COUNT / 4 strips.
template <int COUNT>
__device__ __forceinline__ int strip(int i, int t, int threads) {
  return i / 4 * (4 * threads) + 4 * t + i % 4;
}

// out (m, n) = epilogue(in (m, k) . weight (n, k)^T)
// epilogue(row, col, sum) is called once for each output.
template <typename T, bool VECTOR, typename In, typename Epilogue>
__global__ void __launch_bounds__(T::THREADS, T::BLOCKS)
    linear_tiled_kernel(const In* in, const float* weight, int m, int n, int k, Epilogue epilogue) {
  constexpr int BM = T::BM, BN = T::BN, BK = T::BK, TM = T::TM, TN = T::TN, PAD = T::PAD;
  struct Tiles {
    float in[BK][BM + PAD], weight[BK][BN + PAD];
  };
  union Shared {
    Tiles tiles[T::GROUPS][2];                            // while going along k
    float sums[T::GROUPS > 1 ? T::GROUPS * BM * BN : 1];  // at the end, if there are groups
  };
  static_assert(sizeof(Shared) <= 48 * 1024, "more than a block has");
  __shared__ __align__(16) Shared shared;

  int group = threadIdx.x / T::GROUP, thread = threadIdx.x % T::GROUP;
  // The lanes of a warp are 4 x 8 of the group's threads: they read 4 and 8 times 16 bytes, which
  // is one pass over the banks each.
  const int ACROSS = BN / TN / 8;  // warps
  int tx = thread / 32 % ACROSS * 8 + thread % 8, ty = thread / 32 / ACROSS * 4 + thread % 32 / 8;
  int row0 = blockIdx.y * BM, col0 = blockIdx.x * BN;

  TileLoader<BM, BK, T::GROUP, PAD> in_tile;
  TileLoader<BN, BK, T::GROUP, PAD> weight_tile;
  float sum[TM][TN] = {};
  const int step = BK * T::GROUPS;

  auto fetch = [&](int k0) {
    in_tile.template fetch<VECTOR>(in, m, k, row0, k0 + group * BK, thread);
    weight_tile.template fetch<VECTOR>(weight, n, k, col0, k0 + group * BK, thread);
  };
  auto store = [&](int stage) {
    in_tile.store(shared.tiles[group][stage].in, thread);
    weight_tile.store(shared.tiles[group][stage].weight, thread);
  };
  fetch(0);
  store(0);
  __syncthreads();
  for (int k0 = 0, stage = 0; k0 < k; k0 += step, stage ^= 1) {
    if (k0 + step < k) fetch(k0 + step);
    const Tiles& tiles = shared.tiles[group][stage];
#pragma unroll
    for (int i = 0; i < BK; i++) {
      float a[TM], b[TN];
#pragma unroll
      for (int r = 0; r < TM; r += 4)
        *reinterpret_cast<float4*>(a + r) =
            *reinterpret_cast<const float4*>(&tiles.in[i][strip<TM>(r, ty, BM / TM)]);
#pragma unroll
      for (int c = 0; c < TN; c += 4)
        *reinterpret_cast<float4*>(b + c) =
            *reinterpret_cast<const float4*>(&tiles.weight[i][strip<TN>(c, tx, BN / TN)]);
#pragma unroll
      for (int r = 0; r < TM; r++)
#pragma unroll
        for (int c = 0; c < TN; c++) sum[r][c] += a[r] * b[c];
    }
    if (k0 + step < k) store(stage ^ 1);
    __syncthreads();  // the next tile is complete, and nobody uses this one any more
  }

  if constexpr (T::GROUPS == 1) {
#pragma unroll
    for (int r = 0; r < TM; r++)
#pragma unroll
      for (int c = 0; c < TN; c++) {
        int row = row0 + strip<TM>(r, ty, BM / TM), col = col0 + strip<TN>(c, tx, BN / TN);
        if (row < m && col < n) epilogue(row, col, sum[r][c]);
      }
  } else {
#pragma unroll
    for (int r = 0; r < TM; r++)
#pragma unroll
      for (int c = 0; c < TN; c++)
        shared.sums[(group * BM + strip<TM>(r, ty, BM / TM)) * BN + strip<TN>(c, tx, BN / TN)] =
            sum[r][c];
    __syncthreads();
    for (int i = threadIdx.x; i < BM * BN; i += T::THREADS) {
      float total = 0.0f;
      for (int g = 0; g < T::GROUPS; g++) total += shared.sums[g * BM * BN + i];
      int row = row0 + i / BN, col = col0 + i % BN;
      if (row < m && col < n) epilogue(row, col, total);
    }
  }
}

template <typename T, bool VECTOR, typename In, typename Epilogue>
void launch_tiled(const In* in, const float* weight, int m, int n, int k, Epilogue epilogue,
                  cudaStream_t stream) {
  dim3 grid((n + T::BN - 1) / T::BN, (m + T::BM - 1) / T::BM);
  linear_tiled_kernel<T, VECTOR><<<grid, T::THREADS, 0, stream>>>(in, weight, m, n, k, epilogue);
}

// How long a tiling takes, in outputs that a multiprocessor computes one after the other. A smaller
// tile reads more for each of them (`speed`), and leaves fewer multiprocessors without work.
template <typename T>
float tiled_cost(int m, int n, int multiprocessors, float speed) {
  int blocks = ((m + T::BM - 1) / T::BM) * ((n + T::BN - 1) / T::BN);
  int rounds = (blocks + multiprocessors - 1) / multiprocessors;
  return rounds * T::BM * T::BN / speed;
}

inline int num_multiprocessors() {
  static int count = 0;
  if (!count) {
    int device;
    cudaGetDevice(&device);
    cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device);
  }
  return count;
}

// PRECOND: if VECTOR, k is a multiple of 4, and in and weight are 16-byte aligned.
template <bool VECTOR = true, typename In, typename Epilogue>
void linear_tiled(const In* in, const float* weight, int m, int n, int k, Epilogue epilogue,
                  cudaStream_t stream) {
  int sms = num_multiprocessors();
  float large = tiled_cost<LargeTiling>(m, n, sms, 1.0f);
  float medium = tiled_cost<MediumTiling>(m, n, sms, 0.8f);
  float small = tiled_cost<SmallTiling>(m, n, sms, 0.5f);
  if (small <= medium && small <= large)
    launch_tiled<SmallTiling, VECTOR>(in, weight, m, n, k, epilogue, stream);
  else if (medium <= large)
    launch_tiled<MediumTiling, VECTOR>(in, weight, m, n, k, epilogue, stream);
  else
    launch_tiled<LargeTiling, VECTOR>(in, weight, m, n, k, epilogue, stream);
}

// Epilogue: out = sum + bias.
struct AddBiasTo {
  float* out;
  const float* bias;  // may be NULL
  int n;
  __device__ void operator()(int row, int col, float sum) const {
    out[(size_t)row * n + col] = sum + (bias ? bias[col] : 0.0f);
  }
};
