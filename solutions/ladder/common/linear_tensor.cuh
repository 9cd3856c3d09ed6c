// linear_tensor.cuh: a linear layer for many rows on the tensor cores.
//
// Their inputs are bfloat16 (8 bits of mantissa) or, for float32 weights, TF32 (11 bits); the sums
// are float32. Tiles of both matrices come by asynchronous copies, some slices of k ahead: the
// tensor cores are fast, and memory is far. For GPUs since Ampere (sm_80); older ones have neither.
#pragma once
#include <cuda_pipeline_primitives.h>

#include "mma.cuh"
#include "weights.cuh"

// What the tensor cores are given for weights of type W. int8 becomes bfloat16, which holds it
// exactly.
template <typename W>
struct TensorInput {
  using Stored = __nv_bfloat16;
  static constexpr int STAGES = 4;
};
template <>
struct TensorInput<float> {
  using Stored = float;
  static constexpr int STAGES = 2;
};

// A block computes TILE x TILE outputs with 4 warps, along k in slices of SLICE.
const int TENSOR_TILE = 64, TENSOR_SLICE = 32, TENSOR_THREADS = 128;

// Starts to copy a slice of TILE rows of a matrix (rows, k); zeros outside. One row of the tile is
// SLICE + pad elements.
template <typename T, int WIDTH>
__device__ __forceinline__ void copy_slice(T (*tile)[WIDTH], const T* matrix, int rows, int k,
                                           int row0, int k0) {
  constexpr int EACH = 16 / sizeof(T), PER_ROW = TENSOR_SLICE / EACH;
#pragma unroll
  for (int i = 0; i < TENSOR_TILE * PER_ROW / TENSOR_THREADS; i++) {
    int item = threadIdx.x + i * TENSOR_THREADS, row = item / PER_ROW, col = item % PER_ROW * EACH;
    bool inside = row0 + row < rows && k0 + col < k;
    const T* from = inside ? matrix + (size_t)(row0 + row) * k + k0 + col : matrix;
    __pipeline_memcpy_async(&tile[row][col], from, 16, inside ? 0 : 16);
  }
}

// The same for int8: through registers, as it must be converted.
template <int WIDTH>
__device__ __forceinline__ void copy_slice(__nv_bfloat16 (*tile)[WIDTH], const int8_t* matrix,
                                           int rows, int k, int row0, int k0) {
  int row = threadIdx.x / 2, col = threadIdx.x % 2 * 16;
  uint4 chunk = {0, 0, 0, 0};
  if (row0 + row < rows && k0 + col < k)
    chunk = *reinterpret_cast<const uint4*>(matrix + (size_t)(row0 + row) * k + k0 + col);
  const int8_t* from = reinterpret_cast<const int8_t*>(&chunk);
#pragma unroll
  for (int i = 0; i < 16; i += 4)
    store4(&tile[row][col + i], make_float4(from[i], from[i + 1], from[i + 2], from[i + 3]));
}

// out (m, n) = epilogue(in (m, k) . weight (n, k)^T)
// PRECOND: k is a multiple of 16; in and weight are 16-byte aligned.
template <typename W, typename Epilogue>
__global__ void __launch_bounds__(TENSOR_THREADS)
    linear_tensor_kernel(const typename TensorInput<W>::Stored* in, Matrix<W> weight, int m,
                         Epilogue epilogue) {
#ifdef HAS_MMA
  using Stored = typename TensorInput<W>::Stored;
  constexpr int TILE = TENSOR_TILE, SLICE = TENSOR_SLICE, STAGES = TensorInput<W>::STAGES;
  constexpr int WIDTH = SLICE + 16 / sizeof(Stored);  // padded: rows begin in different banks
  constexpr int K = 32 / sizeof(Stored);              // of one instruction
  struct Stage {
    Stored in[TILE][WIDTH], weight[TILE][WIDTH];
  };
  __shared__ __align__(16) Stage stages[STAGES];
  const int n = weight.rows, k = weight.cols, row0 = blockIdx.y * TILE, col0 = blockIdx.x * TILE;
  const int warp_row = threadIdx.x / 64 * 32, warp_col = threadIdx.x / 32 % 2 * 32;

  auto copy = [&](int slice) {
    if (slice * SLICE < k) {
      Stage& stage = stages[slice % STAGES];
      copy_slice(stage.in, in, m, k, row0, slice * SLICE);
      copy_slice(stage.weight, weight.data, n, k, col0, slice * SLICE);
    }
    __pipeline_commit();
  };
  float sums[2][4][4] = {};  // a warp has 32 x 32 of the outputs: 2 x 4 tiles of 16 x 8
  for (int slice = 0; slice < STAGES - 1; slice++) copy(slice);
  for (int slice = 0; slice * SLICE < k; slice++) {
    __pipeline_wait_prior(STAGES - 2);
    __syncthreads();  // the slice is there, and nobody uses the one before it any more
    copy(slice + STAGES - 1);
    const Stage& stage = stages[slice % STAGES];
#pragma unroll
    for (int i = 0; i < SLICE; i += K) {
      unsigned a[2][4], b[2][4];
#pragma unroll
      for (int j = 0; j < 2; j++) {
        load_a(a[j], &stage.in[warp_row + 16 * j][i], WIDTH);
        load_b(b[j], &stage.weight[warp_col + 16 * j][i], WIDTH);
      }
#pragma unroll
      for (int r = 0; r < 2; r++)
#pragma unroll
        for (int c = 0; c < 4; c++)
          mma(sums[r][c], a[r], b[c / 2][c % 2 * 2], b[c / 2][c % 2 * 2 + 1], Stored());
    }
  }

  int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
  for (int r = 0; r < 2; r++)
#pragma unroll
    for (int c = 0; c < 4; c++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        int row = row0 + warp_row + 16 * r + 8 * (i / 2) + g;
        int col = col0 + warp_col + 8 * c + 2 * t + i % 2;
        if (row < m && col < n) epilogue(row, col, sums[r][c][i] * scale_of(weight, col));
      }
#endif
}

template <typename W, typename Epilogue>
void linear_tensor(const typename TensorInput<W>::Stored* in, const Matrix<W>& weight, int m,
                   Epilogue epilogue, cudaStream_t stream) {
  dim3 grid((weight.rows + TENSOR_TILE - 1) / TENSOR_TILE, (m + TENSOR_TILE - 1) / TENSOR_TILE);
  linear_tensor_kernel<<<grid, TENSOR_THREADS, 0, stream>>>(in, weight, m, epilogue);
}

// Whether this GPU has bfloat16 and TF32 on its tensor cores.
inline bool has_tensor_cores() {
  static int major = 0;
  if (!major) {
    int device;
    cudaGetDevice(&device);
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  }
  return major >= 8;
}
