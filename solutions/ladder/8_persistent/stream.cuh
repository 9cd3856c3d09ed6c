// stream.cuh: the linear layers of a step, spread over the grid, their weights streamed through
// shared memory ahead of their use.
#pragma once
#include <cuda_pipeline_primitives.h>

#include "../common/gemv.cuh"
#include "../common/gpt.cuh"
#include "../common/reduce.cuh"

const int WARPS = 8, THREADS = 32 * WARPS;  // of a block; one block a multiprocessor
const int ROWS = 3;                         // of a matrix, that a warp has at once
const int SLOT =
    THREADS * ROWS * AT_ONCE<Weight>;  // chunks of weights that a block has in one pass

// A step is a list of linear layers, 4 in each block of GPT-2 and the lm_head. One loop runs them
// all: its code is fetched once and stays in the instruction cache.
enum Kind { QKV, ATTENTION, FC, MLP, LM_HEAD };

// Row r belongs to block r % blocks. There, 2^share_bits warps share a row, and `at_once` rows are
// computed in one pass.
struct Linear {
  Kind kind;
  Matrix<Weight> weight;
  const float *bias, *norm_weight, *norm_bias;  // NULL for none
  Layer cache;
  int share_bits, at_once;
};

// Where the rows and chunks of a pass are that belong to this thread: ROWS rows, of which it has
// every chunk_step-th chunk.
struct Place {
  int row, row_step, chunk, chunk_step, chunks;
  __device__ __forceinline__ Place(const Linear& s, int first) {
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, group = warp >> s.share_bits;
    row = first + (group * ROWS) * gridDim.x + blockIdx.x, row_step = gridDim.x;
    chunk = (warp - (group << s.share_bits)) * 32 + lane, chunk_step = 32 << s.share_bits;
    chunks = s.weight.cols / CHUNK<Weight>;
  }
};

// The weights of all steps, in the order of their use, a pass after the other. A thread copies its
// own chunks of a pass into its own part of a slot, num_slots passes ahead, and nobody else reads
// them: no barrier is needed, it only waits for its own copies.
struct Stream {
  const Linear* linears;  // in shared memory
  int num_linears, num_slots, num_steps;
  uint4* mine;  // slot s, row r, chunk i: mine[((s * ROWS + r) * AT_ONCE + i) * THREADS]
  int index = 0, first = 0, step = 0, slot = 0;  // of the next pass to be requested

  __device__ __forceinline__ uint4* at(int row, int i) const {
    return mine + ((slot * ROWS + row) * AT_ONCE<Weight> + i) * THREADS;
  }

  __device__ __forceinline__ void request() {
    const Linear& s = linears[index];
    Place place(s, first);
    if (step < num_steps) {
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
        int row = place.row + r * place.row_step;
        const Weight* from = s.weight.data + (size_t)row * s.weight.cols;
#pragma unroll
        for (int i = 0; i < AT_ONCE<Weight>; i++) {
          int c = place.chunk + i * place.chunk_step;
          if (row < s.weight.rows && c < place.chunks)
            __pipeline_memcpy_async(at(r, i), from + c * CHUNK<Weight>, 16);
        }
      }
    }
    __pipeline_commit();  // an empty one counts too
    slot = slot + 1 == num_slots ? 0 : slot + 1;
    first += s.at_once * gridDim.x;
    if (first < s.weight.rows) return;
    first = 0;
    if (++index == num_linears) index = 0, step++;
  }

  // This thread's parts of the oldest pass's rows . x. The next request() takes its slot.
  __device__ __forceinline__ void dot(const Place& place, const Row<Weight>& x,
                                      float (&sums)[ROWS]) {
    __pipeline_wait_prior(num_slots - 1);
#pragma unroll
    for (int r = 0; r < ROWS; r++) sums[r] = 0.0f;
#pragma unroll
    for (int i = 0; i < AT_ONCE<Weight>; i++) {
      int c = place.chunk + i * place.chunk_step;
      if (c >= place.chunks) continue;
#pragma unroll
      for (int r = 0; r < ROWS; r++)  // past the last row: of old weights, and unused
        sums[r] = dot_chunk(*at(r, i), x, c, sums[r]);
    }
  }
};

// The bias of the row whose epilogue this lane will call, in the first pass. It can be loaded
// before x is there.
__device__ __forceinline__ float first_bias(const Linear& s) {
  Place place(s, 0);
  int row = place.row + threadIdx.x % 32 * place.row_step;
  return s.bias && threadIdx.x % 32 < ROWS && row < s.weight.rows ? s.bias[row] : 0.0f;
}

// Calls epilogue(row, its number among this block's rows, weight . x + bias) in one lane a row. x
// is in shared memory; all have seen it. bias: first_bias.
template <typename Epilogue>
__device__ __forceinline__ void linear(Stream& stream, const Linear& s, const Row<Weight>& x,
                                       float bias, Epilogue epilogue) {
  __shared__ float shared_sums[WARPS][ROWS];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int mine = (warp >> s.share_bits) * ROWS + lane;  // row of the pass
  bool leads = lane < ROWS && warp >> s.share_bits << s.share_bits == warp;
#pragma unroll 1
  for (int first = 0; first < s.weight.rows; first += s.at_once * gridDim.x, mine += s.at_once) {
    Place place(s, first);
    int row = place.row + lane * place.row_step;
    if (s.bias && first > 0 && leads && row < s.weight.rows) bias = s.bias[row];
    float sums[ROWS], sum = 0.0f;
    stream.dot(place, x, sums);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      sums[r] = warp_sum(sums[r]);
      if (lane == r) sum = sums[r];
    }
    if (s.share_bits > 0) {
      if (first > 0) __syncthreads();  // all have read the last pass's
      if (lane < ROWS) shared_sums[warp][lane] = sum;
      __syncthreads();
      if (leads)
        for (int i = 1; i < 1 << s.share_bits; i++) sum += shared_sums[warp + i][lane];
    }
    if (leads && row < s.weight.rows) epilogue(row, mine, sum * scale_of(s.weight, row) + bias);
    stream.request();
  }
}

// So many warps share a row: enough to hold it in one pass, and to leave none without work.
static void share_out(Linear& s, int blocks) {
  int held = 32 * AT_ONCE<Weight> * CHUNK<Weight>;   // weights of a row, by one warp
  int rows = (s.weight.rows + blocks - 1) / blocks;  // of a block
  int& bits = s.share_bits;
  while (1 << bits < WARPS && (held << bits < s.weight.cols || (2 << bits) * rows <= WARPS * ROWS))
    bits++;
  s.at_once = (WARPS >> bits) * ROWS;
}
