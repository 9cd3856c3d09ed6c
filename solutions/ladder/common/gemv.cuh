// gemv.cuh: a linear layer for one row: out(n) = weight(n, k) . x(k). All that costs is reading
// `weight`, once.
//
// A warp takes a row (or a part of one): its lanes read neighbouring chunks of 16 bytes, each of
// them several before it uses the first. Bandwidth is bytes in flight over latency (Little's law):
// 3 TB/s at 0.7 us needs 2.1 MB in flight, 16 KB on each of 132 multiprocessors.
#pragma once
#include "reduce.cuh"
#include "weights.cuh"

const int GEMV_WARPS = 8;  // in a block

// Chunks of 16 bytes that a lane has in flight: together a warp has 768 weights.
template <typename W>
constexpr int AT_ONCE = 768 / 32 / CHUNK<W> + (768 / 32 % CHUNK<W> != 0);

// The chunks of a row are dealt out to PARTS warps, 32 at a time. This is one warp's share.
template <typename W, int PARTS>
struct RowPart {
  const W* row;
  int chunks;  // in the whole row
  int first;   // this lane's first chunk; then every 32 * PARTS-th
  uint4 loaded[AT_ONCE<W>];

  __device__ RowPart(const Matrix<W>& weight, int row_index, int part)
      : row(weight.data + (size_t)row_index * weight.cols),
        chunks(weight.cols / CHUNK<W>),
        first(part * 32 + threadIdx.x % 32) {}

  // Starts to read. Nothing waits for the data until dot().
  __device__ __forceinline__ void load(int from) {
#pragma unroll
    for (int i = 0; i < AT_ONCE<W>; i++) {
      int c = from + 32 * PARTS * i;
      if (c < chunks) loaded[i] = load_chunk(row + c * CHUNK<W>);
    }
  }
  __device__ __forceinline__ void load() { load(first); }

  // This lane's part of row . x. PRECOND: load() has been called.
  __device__ __forceinline__ float dot(const Row<W>& x) {
    float sum = 0.0f;
#pragma unroll 1
    for (int from = first;;) {
#pragma unroll
      for (int i = 0; i < AT_ONCE<W>; i++) {
        int c = from + 32 * PARTS * i;
        if (c < chunks) sum = dot_chunk(loaded[i], x, c, sum);
      }
      from += 32 * PARTS * AT_ONCE<W>;
      if (from - threadIdx.x % 32 >= chunks) return sum;
      load(from);
    }
  }
};

// out(n) = epilogue(row, weight(n, k) . x(k) + bias(n)), x made in shared memory by the prologue.
// PRECOND: k is a multiple of CHUNK<W>, weight 16-byte aligned; GEMV_WARPS * 32 threads a block,
// PARTS of its warps for a row; dynamic shared memory for x, k floats.
template <typename W, int PARTS, typename Prologue, typename Epilogue>
__global__ void __launch_bounds__(GEMV_WARPS * 32)
    gemv_kernel(Matrix<W> weight, const float* bias, Prologue prologue, Epilogue epilogue) {
  extern __shared__ float4 shared[];
  __shared__ float parts[GEMV_WARPS];
  Row<W> x(shared, weight.cols);
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int row = blockIdx.x * (GEMV_WARPS / PARTS) + warp / PARTS;
  bool inside = row < weight.rows;

  // What doesn't depend on x is on its way while the block prepares x.
  RowPart<W, PARTS> mine(weight, inside ? row : 0, warp % PARTS);
  mine.load();
  float b = bias && inside ? bias[row] : 0.0f;
  prologue.load(weight.cols);
  prologue(x, weight.cols);
  __syncthreads();
  float sum = warp_sum(mine.dot(x));
  if (PARTS > 1) {
    if (lane == 0) parts[warp] = sum;
    __syncthreads();
    if (warp % PARTS > 0) return;
    sum = 0.0f;
    for (int i = 0; i < PARTS; i++) sum += parts[warp + i];
  }
  if (lane == 0 && inside) epilogue(row, sum * scale_of(weight, row) + b);
}

template <typename W, int PARTS, typename Prologue, typename Epilogue>
void gemv(const Matrix<W>& weight, const float* bias, Prologue prologue, Epilogue epilogue,
          cudaStream_t stream) {
  const int rows = GEMV_WARPS / PARTS;
  gemv_kernel<W, PARTS>
      <<<(weight.rows + rows - 1) / rows, GEMV_WARPS * 32, weight.cols * sizeof(float), stream>>>(
          weight, bias, prologue, epilogue);
}

// Prologue: x as it is. PRECOND: k is a multiple of 4, `in` 16-byte aligned.
struct Copy {
  const float* in;
  __device__ void load(int) {}
  template <typename X>
  __device__ void operator()(const X& x, int k) const {
    for (int i = threadIdx.x; i < k / 4; i += blockDim.x)
      x.put(i, __ldcg(reinterpret_cast<const float4*>(in) + i));
  }
};

// Epilogue: out = sum.
struct Store {
  float* out;
  __device__ void operator()(int row, float sum) const { out[row] = sum; }
};
