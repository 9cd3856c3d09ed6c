// pack.cuh: GPT-2's parameters as the kernel wants them, made once.
//
// Folding. With x of mean 0, layernorm(x) = x r gain + bias, r = 1 / sqrt(mean of x^2 + eps). So
//   W . layernorm(x) + b = r (W gain) . x + (W bias + b)
// and gain and bias are gone. x has a mean of 0 at all times if all that is added to it has: the
// embeddings less their mean (Gatherer::embed), and the rows of each projection less the mean of
// its rows: mean over n of W[n][k] is taken off column k, the mean of b off b. No layer can tell,
// for each sees x through a layernorm. Rounded weights leave a mean that is tiny but not 0: the
// rows of W gain are made to sum to 0, so that it has no effect on W . x; what it does to r is of
// the second order.
// Means and biases are added up in float64.
//
// Packing. Each block's weights in the order in which it uses them: shape.cuh, tile.cuh.
#pragma once
#include "shape.cuh"

namespace hopper {

enum Kind { QKV, ATTN_PROJ, FC, PROJ, LM_HEAD };

// A matrix on its way: what to take off and to multiply.
struct Folding {
  const float* weight;                          // (rows, cols)
  const float *bias, *norm_weight, *norm_bias;  // norm_...: nullptr if x does not come through one
  int rows, cols;
  // Made here: what is taken off of each row, or of each column; the new bias; the scale, int8.
  float *row_mean, *col_mean, *new_bias, *scale;

  __device__ float at(int row, int col) const {
    float w = weight[(size_t)row * cols + col];
    return norm_weight ? w * norm_weight[col] - row_mean[row] : w - col_mean[col];
  }
};

// Sums over a warp, in float64.
__device__ inline double warp_total(double v) {
  for (int mask = 16; mask > 0; mask /= 2) v += __shfl_xor_sync(0xffffffff, v, mask);
  return v;
}

// col_mean (cols) of a projection, and in its last place that of the bias: a thread a column.
__global__ void fold_columns(Folding f) {
  int col = blockIdx.x * blockDim.x + threadIdx.x;
  if (col > f.cols) return;
  double sum = 0;
  for (int row = 0; row < f.rows; row++)
    sum += col < f.cols ? f.weight[(size_t)row * f.cols + col] : f.bias[row];
  f.col_mean[col] = sum / f.rows;
}

// row_mean, new_bias and scale: a warp a row. PRECOND: fold_columns for a projection.
__global__ void fold_rows(Folding f) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (row >= f.rows) return;
  double mean = 0, bias = 0;
  if (f.norm_weight) {
    for (int c = lane; c < f.cols; c += 32) {
      double w = f.weight[(size_t)row * f.cols + c];
      mean += w * f.norm_weight[c], bias += w * f.norm_bias[c];
    }
    mean = warp_total(mean) / f.cols, bias = warp_total(bias);
  }
  if (lane == 0) {
    if (f.bias) bias += f.bias[row];
    if (!f.norm_weight) bias -= f.col_mean[f.cols];
    f.new_bias[row] = bias;
    if (f.norm_weight) f.row_mean[row] = mean;
  }
  __syncwarp();
  if constexpr (sizeof(Weight) == 1) {
    float largest = 0;
    for (int c = lane; c < f.cols; c += 32) largest = fmaxf(largest, fabsf(f.at(row, c)));
    for (int mask = 16; mask > 0; mask /= 2)
      largest = fmaxf(largest, __shfl_xor_sync(0xffffffff, largest, mask));
    if (lane == 0) f.scale[row] = largest / 127.0f;
  }
}

// Mean of each row (n, cols): a warp a row.
__global__ void mean_of_rows(float* mean, const float* in, int n, int cols) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (row >= n) return;
  double sum = 0;
  for (int c = lane; c < cols; c += 32) sum += in[(size_t)row * cols + c];
  sum = warp_total(sum);
  if (lane == 0) mean[row] = sum / cols;
}

// ------------------------------------------------------------------------------- packing

struct Place {
  Kind kind;
  int layer, row, col;
};

// Row and column within a tile of its i-th element: lane 4 g + q has rows g and g + 8, columns 4 q
// to 4 q + 3; in which order depends on the type (tile.cuh).
__host__ __device__ inline void in_tile(int i, int& row, int& col) {
  if (sizeof(Weight) == 4) {  // 16 bytes of row g for each lane, then of row g + 8
    row = i % 128 / 4 / 4 + i / 128 * 8, col = i / 4 % 4 * 4 + i % 4;
    return;
  }
  int lane = i / 8, j = i % 8;  // the two rows' columns 0, 1, then their columns 2, 3
  row = lane / 4 + j / 2 % 2 * 8, col = lane % 4 * 4 + j / 4 * 2 + j % 2;
}

// The same of tiles of 8 rows, for four of them: its number, too.
__host__ __device__ inline void in_halves(int i, int& tile, int& row, int& col) {
  if (sizeof(Weight) == 4) {
    tile = i / 128, row = i % 128 / 16, col = i / 4 % 4 * 4 + i % 4;
    return;
  }
  int lane = i % 256 / 8, j = i % 8;  // columns 0 to 3 of the one tile, then of the next
  tile = i / 256 * 2 + j / 4, row = lane / 4, col = lane % 4 * 4 + j % 4;
}

// Where element i of a block's part of the stream comes from.
__host__ __device__ inline Place place_of(int block, size_t i) {
  const int head = block / CLUSTER, rank = block % CLUSTER;
  const size_t layers = block < LAYER_BLOCKS ? (size_t)LAYERS * 3 * PHASE : 0;
  int row, col;
  if (i >= layers) {  // units of the lm_head
    int unit = (i - layers) / UNIT, e = (i - layers) % UNIT;
    in_tile(e % TILE, row, col);
    return {LM_HEAD, 0, unit_row(block, unit) + row, e / TILE * 16 + col};
  }
  const int layer = i / (3 * PHASE), phase = i / PHASE % 3, e = i % PHASE;
  if (phase == 1) {  // a warp: 2 times 16 rows, 64 columns
    int warp = e / (8 * TILE), tile = e / TILE % 8;
    in_tile(e % TILE, row, col);
    return {FC, layer, head * INNER + rank * OWN_INNER + tile / 4 * 16 + row,
            warp * 64 + tile % 4 * 16 + col};
  }
  if (phase == 2) {  // a warp: 16 rows, 256 columns
    int warp = e / (16 * TILE), tile = e / TILE % 16;
    in_tile(e % TILE, row, col);
    return {PROJ, layer, OWN * rank + 16 * warp + row, head * INNER + tile * 16 + col};
  }
  if (e >= WARPS * 6 * TILE) {  // a warp: 16 rows, 64 columns
    int p = e - WARPS * 6 * TILE, warp = p / (4 * TILE), tile = p / TILE % 4;
    in_tile(p % TILE, row, col);
    return {ATTN_PROJ, layer, OWN * rank + 16 * warp + row, head * HEAD + tile * 16 + col};
  }
  // A warp: 8 rows of the query over 8 of the key, then 8 of the value; 64 columns.
  int warp = e / (6 * TILE), p = e % (6 * TILE), tile = p / TILE;
  int which = 2;
  if (tile < 4) {
    in_tile(p % TILE, row, col);
    which = row / 8, row %= 8;
  } else {
    in_halves(p - 4 * TILE, tile, row, col);
  }
  return {QKV, layer, which * CHANNELS + head * HEAD + rank * 8 + row, warp * 64 + tile * 16 + col};
}

// A block's part of the stream. blockIdx.y: the block.
__global__ void pack_kernel(Weight* stream, const Folding* foldings) {
  const int block = blockIdx.y;
  const size_t count = block < LAYER_BLOCKS ? BLOCK_STREAM : HELPER_STREAM;
  for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count;
       i += (size_t)gridDim.x * blockDim.x) {
    Place p = place_of(block, i);
    float w = 0.0f;
    Weight& to = stream[slot_at(block, i / SLOT_WEIGHTS) + i % SLOT_WEIGHTS];
    const Folding& f = foldings[p.kind == LM_HEAD ? 4 * LAYERS : 4 * p.layer + p.kind];
    if (p.row < f.rows) w = f.at(p.row, p.col);
    if constexpr (sizeof(Weight) == 1) {
      float scale = p.row < f.rows ? f.scale[p.row] : 0.0f;
      const int q = scale > 0.0f ? __float2int_rn(w / scale) : 0;
      to = (int8_t)(q ^ 0x80);  // 128 more, as an unsigned one: tile.cuh
    } else {
      to = Weight(w);
    }
  }
}

// Folds and packs all matrices. false: no room.
inline bool pack(GPT* g, Packed& a) {
  const GPTModel& m = g->model;
  std::vector<Folding> foldings;
  bool ok = true;
  auto floats = [&](size_t count) {
    auto* memory = allocate<float>(g, count);
    ok &= memory != nullptr;
    return memory;
  };
  // One kind of matrix, in `layers` layers; what is made of them lies together.
  auto rows_of = [&](int layers, int rows) {
    float* scale = sizeof(Weight) == 1 ? floats((size_t)layers * rows) : nullptr;
    return Rows{floats((size_t)layers * rows), scale};
  };
  const int C = CHANNELS;
  a.qkv = rows_of(LAYERS, 3 * C), a.attn_proj = rows_of(LAYERS, C), a.fc = rows_of(LAYERS, 4 * C);
  a.proj = rows_of(LAYERS, C), a.lm_head = rows_of(1, m.vocab_size);
  auto add = [&](const Rows& made, int layer, const float* weight, const float* bias,
                 const float* norm_weight, const float* norm_bias, int rows, int cols) {
    float* mean = floats(norm_weight ? rows : cols + 1);
    foldings.push_back({weight, bias, norm_weight, norm_bias, rows, cols,
                        norm_weight ? mean : nullptr, norm_weight ? nullptr : mean,
                        made.bias + (size_t)layer * rows,
                        made.scale ? made.scale + (size_t)layer * rows : nullptr});
  };
  for (int l = 0; l < LAYERS; l++) {
    const GPTLayer& p = g->params[l];
    add(a.qkv, l, p.attn_weight, p.attn_bias, p.ln_1_weight, p.ln_1_bias, 3 * C, C);
    add(a.attn_proj, l, p.attn_proj_weight, p.attn_proj_bias, nullptr, nullptr, C, C);
    add(a.fc, l, p.fc_weight, p.fc_bias, p.ln_2_weight, p.ln_2_bias, 4 * C, C);
    add(a.proj, l, p.proj_weight, p.proj_bias, nullptr, nullptr, C, 4 * C);
  }
  add(a.lm_head, 0, m.wte, nullptr, m.ln_f_weight, m.ln_f_bias, m.vocab_size, C);
  a.stream = allocate<Weight>(g, STREAM);
  auto* on_device = allocate<Folding>(g, foldings.size());
  a.wte_mean = floats(m.vocab_size), a.wpe_mean = floats(m.block_size);
  if (!ok || !a.stream || !on_device) return false;

  for (const Folding& f : foldings) {
    if (!f.norm_weight) fold_columns<<<f.cols / 256 + 1, 256>>>(f);
    fold_rows<<<(f.rows + 7) / 8, 256>>>(f);
  }
  mean_of_rows<<<(m.vocab_size + 7) / 8, 256>>>(a.wte_mean, m.wte, m.vocab_size, C);
  mean_of_rows<<<(m.block_size + 7) / 8, 256>>>(a.wpe_mean, m.wpe, m.block_size, C);
  cudaMemcpy(on_device, foldings.data(), foldings.size() * sizeof(Folding), cudaMemcpyHostToDevice);
  pack_kernel<<<dim3(64, BLOCKS), 256>>>(a.stream, on_device);
  return true;
}

}  // namespace hopper
