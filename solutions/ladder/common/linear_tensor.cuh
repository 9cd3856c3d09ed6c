// linear_tensor.cuh: a linear layer for many rows on the tensor cores.
//
// Their inputs are bfloat16 (8 bits of mantissa) or, for float32 weights, TF32 (11 bits); the sums
// are float32. Tiles of both matrices come by asynchronous copies, some slices of k ahead: the
// tensor cores are fast, and memory is far. For GPUs since Ampere (sm_80); older ones have neither.
#pragma once
#include <cuda_pipeline_primitives.h>

#include "cluster.cuh"
#include "mma.cuh"
#include "overlap.cuh"
#include "weights.cuh"

// What the tensor cores are given for weights of type W. int8 becomes bfloat16, which holds it
// exactly.
template <typename W>
struct TensorInput {
  using Stored = __nv_bfloat16;
};
template <>
struct TensorInput<float> {
  using Stored = float;
};

// A block computes M x N outputs, along k in slices of 128 bytes of each row, STAGES of which are
// in shared memory. It has 8 warps, each with 32 columns, in GROUPS that share a slice's k. (A
// small tile has work for 4 only; and a multiprocessor that has just these would mostly wait.)
// Where there are few tiles and many slices, SPLIT blocks of a cluster share the slices of a tile.
template <int M_, int N_, int GROUPS_, int STAGES_, int SPLIT_ = 1>
struct TensorTiling {
  static constexpr int M = M_, N = N_, GROUPS = GROUPS_, STAGES = STAGES_, SPLIT = SPLIT_;
};
using LargeTile = TensorTiling<128, 128, 1, 3>;  // fewer reads
using MediumTile = TensorTiling<128, 64, 1, 3>;
using SmallTile = TensorTiling<64, 64, 2, 4>;      // more blocks
using LongTile = TensorTiling<128, 128, 1, 3, 4>;  // of few outputs, each of many products
const int TENSOR_BYTES = 128, TENSOR_THREADS = 256;

// A slice of ROWS rows of a matrix.
template <typename T, int ROWS>
struct TensorSlice {
  static constexpr int SIZE = TENSOR_BYTES / sizeof(T);
  static constexpr int WIDTH = SIZE + 16 / sizeof(T);  // padded: rows begin in different banks
  T rows[ROWS][WIDTH];
};

// A thread's part of the slices of ROWS rows of a matrix (rows, k): 16 bytes of each 32nd row.
// Zeros outside the matrix.
template <typename Stored, typename T, int ROWS>
struct Slices {
  static constexpr int EVERY = TENSOR_THREADS / 8;
  int row = threadIdx.x / 8, col = threadIdx.x % 8 * (16 / sizeof(T));
  const T *matrix, *from;
  int k, rows, left;  // of the rows from this one on; of k

  __device__ Slices(const T* matrix, int rows, int k, int row0, int col0)
      : matrix(matrix),
        from(matrix + (size_t)(row0 + row) * k + col0 + col),
        k(k),
        rows(rows - row0 - row),
        left(k - col0 - col) {}

  // Starts to copy the next slice.
  __device__ __forceinline__ void copy(TensorSlice<Stored, ROWS>& slice) {
#pragma unroll
    for (int i = 0; i < ROWS; i += EVERY) {
      bool inside = i < rows && left > 0;
      __pipeline_memcpy_async(&slice.rows[row + i][col], inside ? from + (size_t)i * k : matrix, 16,
                              inside ? 0 : 16);
    }
    from += slice.SIZE, left -= slice.SIZE;
  }
};

// The same for int8, 16 elements of each 64th row: through registers, as they must be converted.
template <typename Stored, int ROWS>
struct Slices<Stored, int8_t, ROWS> {
  static constexpr int EVERY = TENSOR_THREADS / 4;
  int row = threadIdx.x / 4, col = threadIdx.x % 4 * 16;
  const int8_t* from;
  int k, rows, left;

  __device__ Slices(const int8_t* matrix, int rows, int k, int row0, int col0)
      : from(matrix + (size_t)(row0 + row) * k + col0 + col),
        k(k),
        rows(rows - row0 - row),
        left(k - col0 - col) {}

  __device__ __forceinline__ void copy(TensorSlice<Stored, ROWS>& slice) {
    uint4 chunks[ROWS / EVERY] = {};
#pragma unroll
    for (int i = 0; i < ROWS / EVERY; i++)
      if (i * EVERY < rows && left > 0)
        chunks[i] = *reinterpret_cast<const uint4*>(from + (size_t)i * EVERY * k);
#pragma unroll
    for (int i = 0; i < ROWS / EVERY; i++) {
      const int8_t* x = reinterpret_cast<const int8_t*>(&chunks[i]);
#pragma unroll
      for (int j = 0; j < 16; j += 4)
        store4(&slice.rows[row + i * EVERY][col + j],
               make_float4(x[j], x[j + 1], x[j + 2], x[j + 3]));
    }
    from += slice.SIZE, left -= slice.SIZE;
  }
};

// out (m, n) = epilogue(in (m, k) . weight (n, k)^T)
// PRECOND: k is a multiple of 16; in and weight are 16-byte aligned. Dynamic shared memory: STAGES
// slices of M + N rows.
template <typename Tiling, typename W, typename Epilogue>
__global__ void __launch_bounds__(TENSOR_THREADS)
    linear_tensor_kernel(const typename TensorInput<W>::Stored* in, Matrix<W> weight, int m,
                         Epilogue epilogue) {
#ifdef HAS_MMA
  using Stored = typename TensorInput<W>::Stored;
  constexpr int M = Tiling::M, N = Tiling::N, GROUPS = Tiling::GROUPS, STAGES = Tiling::STAGES;
  constexpr int SPLIT = Tiling::SPLIT;
  struct Stage {
    TensorSlice<Stored, M> in;
    TensorSlice<Stored, N> weight;
  };
  constexpr int SLICE = TENSOR_BYTES / sizeof(Stored), WIDTH = TensorSlice<Stored, M>::WIDTH;
  constexpr int K = 32 / sizeof(Stored);         // of an instruction
  constexpr int STEPS = SLICE / K / GROUPS;      // along a slice, of a group
  constexpr int ROWS = M * N * GROUPS / 8 / 32;  // of a warp
  extern __shared__ float4 shared[];
  auto stages = reinterpret_cast<Stage*>(shared);
  const int n = weight.rows, k = weight.cols, row0 = blockIdx.y * M, col0 = blockIdx.x * N;
  const int warp = threadIdx.x / 32, group = warp / (8 / GROUPS);
  const int warp_row = warp / (N / 32) % (M / ROWS) * ROWS, warp_col = warp % (N / 32) * 32;

  const int split = blockIdx.z, all = (k + SLICE - 1) / SLICE;
  const int first = all * split / SPLIT, slices = all * (split + 1) / SPLIT - first;
  Slices<Stored, Stored, M> ins(in, m, k, row0, first * SLICE);
  Slices<Stored, W, N> weights(weight.data, n, k, col0, first * SLICE);
  auto copy_in = [&](int slice) {
    if (slice < slices) ins.copy(stages[slice % STAGES].in);
  };
  auto copy_weight = [&](int slice) {
    if (slice < slices) weights.copy(stages[slice % STAGES].weight);
  };
  // What a warp needs for one instruction's k: loaded while the products before it are made.
  struct Fragments {
    unsigned a[ROWS / 16][4], b[2][4];
  } fragments[2];
  auto load = [&](Fragments& f, int slice, int step) {
    const Stage& stage = stages[slice % STAGES];
    const int i = (group * STEPS + step) * K;
#pragma unroll
    for (int r = 0; r < ROWS / 16; r++) load_a(f.a[r], &stage.in.rows[warp_row + 16 * r][i], WIDTH);
#pragma unroll
    for (int c = 0; c < 2; c++) load_b(f.b[c], &stage.weight.rows[warp_col + 16 * c][i], WIDTH);
  };
  auto wait = [&] {
    __pipeline_wait_prior(STAGES - 2);
    __syncthreads();  // the next slice is there, and nobody needs this one any more
  };

  float sums[ROWS / 16][4][4] = {};  // of a warp: ROWS x 32 outputs, in tiles of 16 x 8
  for (int slice = 0; slice < STAGES - 1; slice++) copy_weight(slice);
  wait_for_previous_kernel();  // which writes `in`
  for (int slice = 0; slice < STAGES - 1; slice++) {
    copy_in(slice);
    __pipeline_commit();
  }
  wait();
  load(fragments[0], 0, 0);
  for (int slice = 0; slice < slices; slice++) {
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
      Fragments &now = fragments[step % 2], &next = fragments[(step + 1) % 2];
      if (step + 1 < STEPS) {
        load(next, slice, step + 1);
      } else if (slice + 1 < slices) {
        wait();
        load(next, slice + 1, 0);
      }
#pragma unroll
      for (int r = 0; r < ROWS / 16; r++)
#pragma unroll
        for (int c = 0; c < 4; c++)
          mma(sums[r][c], now.a[r], now.b[c / 2][c % 2 * 2], now.b[c / 2][c % 2 * 2 + 1], Stored());
      if (step == 0) {
        copy_in(slice + STAGES - 1);
        copy_weight(slice + STAGES - 1);
        __pipeline_commit();
      }
    }
  }

  // Through shared memory: to add up the sums of groups and blocks, and so that neighbouring
  // threads have neighbouring columns.
  auto outs = reinterpret_cast<float (*)[M][N + 8]>(shared);
  auto meet = [] {
    if (SPLIT > 1)
      sync_cluster();
    else
      __syncthreads();
  };
  static_assert(sizeof(float[GROUPS][M][N + 8]) <= STAGES * sizeof(Stage));
  __syncthreads();  // nobody uses the slices any more
  const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
  for (int r = 0; r < ROWS / 16; r++)
#pragma unroll
    for (int c = 0; c < 4; c++)
#pragma unroll
      for (int half = 0; half < 2; half++)
        *reinterpret_cast<float2*>(
            &outs[group][warp_row + 16 * r + 8 * half + g][warp_col + 8 * c + 2 * t]) = {
            sums[r][c][2 * half], sums[r][c][2 * half + 1]};
  meet();
  const int col = threadIdx.x % N, EVERY = TENSOR_THREADS / N * SPLIT;
  if (col0 + col < n) {
    const float scale = scale_of(weight, col0 + col);
#pragma unroll 4
    for (int row = threadIdx.x / N * SPLIT + split; row < min(M, m - row0); row += EVERY) {
      float sum = 0;
#pragma unroll
      for (int i = 0; i < SPLIT * GROUPS; i++) {
        const float* mine = &outs[i % GROUPS][row][col];
        sum += SPLIT > 1 ? *in_block(i / GROUPS, mine) : *mine;
      }
      epilogue(row0 + row, col0 + col, sum * scale);
    }
  }
  if (SPLIT > 1) meet();  // a block's shared memory ends with it
#endif
}

template <typename Tiling>
constexpr int tensor_bytes() {  // of shared memory
  return Tiling::STAGES * (Tiling::M + Tiling::N) * (TENSOR_BYTES + 16);
}

template <typename Tiling, typename W, typename Epilogue>
void linear_tensor_by(const typename TensorInput<W>::Stored* in, const Matrix<W>& weight, int m,
                      Epilogue epilogue, cudaStream_t stream) {
  constexpr int M = Tiling::M, N = Tiling::N;
  constexpr int BYTES = tensor_bytes<Tiling>();
  auto kernel = linear_tensor_kernel<Tiling, W, Epilogue>;
  static auto asked =  // once: for more than 48 KB. Where that can't be had, the launch fails.
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, BYTES);
  (void)asked;
  dim3 grid((weight.rows + N - 1) / N, (m + M - 1) / M, Tiling::SPLIT);
  launch_overlapping(kernel, grid, TENSOR_THREADS, BYTES, stream, in, weight, m, epilogue);
}

// Whether half of the multiprocessors have a block of such tiles, and shared memory for it.
template <typename Tiling>
bool suits(long rows, long cols) {
  static int processors = device_attribute(cudaDevAttrMultiProcessorCount);
  static int most = device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  long tiles = (rows + Tiling::M - 1) / Tiling::M * ((cols + Tiling::N - 1) / Tiling::N);
  return 2 * tiles * Tiling::SPLIT >= processors && tensor_bytes<Tiling>() <= most;
}

template <typename W, typename Epilogue>
void linear_tensor(const typename TensorInput<W>::Stored* in, const Matrix<W>& weight, int m,
                   Epilogue epilogue, cudaStream_t stream) {
  if (suits<LargeTile>(m, weight.rows))
    linear_tensor_by<LargeTile>(in, weight, m, epilogue, stream);
  else if (weight.cols >= 2048 && has_clusters() && suits<LongTile>(m, weight.rows))
    linear_tensor_by<LongTile>(in, weight, m, epilogue, stream);
  else if (suits<MediumTile>(m, weight.rows))
    linear_tensor_by<MediumTile>(in, weight, m, epilogue, stream);
  else
    linear_tensor_by<SmallTile>(in, weight, m, epilogue, stream);
}

// Whether this GPU has bfloat16 and TF32 on its tensor cores.
inline bool has_tensor_cores() {
  static int major = device_attribute(cudaDevAttrComputeCapabilityMajor);
  return major >= 8;
}
