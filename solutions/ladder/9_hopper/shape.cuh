// shape.cuh: who does what: GPT-2 124M laid out on 120 multiprocessors.
//
// A cluster of 8 blocks has one head: 12 clusters for 12 heads, and of the MLP 3072 / 12 inner
// channels each. What is left of the GPU that holds a whole cluster, 3 of them, helps with the
// lm_head. Inside of a cluster, block `rank` has rows of a matrix, as they are shared out below.
//
//   phase  matrix                          block's rows               of inputs
//   0      query, key, value of the head   8 of each                  x, all 768
//          projection of the attention     96 = 768 / 8               the head's 64
//   1      fc                              32 = 256 / 8               x, all 768
//   2      projection of the MLP           96 = 768 / 8               the cluster's 256
//
// So the projections give 12 partial sums of each row, one a cluster. Each phase is 24,576 weights
// of each block. Query, key, value and fc are shared out among all 12 warps by columns, 64 each:
// 1,536 and 2,048 weights a warp. The projections are shared out among 6 of them by rows, 16 each:
// 1,024 and 4,096.
#pragma once
#include "../common/gpt.cuh"
#include "switches.cuh"

namespace hopper {

const int CHANNELS = 768, HEADS = 12, POSITIONS = 1024;
#ifndef HOPPER_LAYERS
#define HOPPER_LAYERS 12  // fewer for tests
#endif
const int LAYERS = HOPPER_LAYERS;
static_assert(LAYERS % 2 == 0, "the tag of an exchange is the parity of its layer: exchange.cuh");

const int CLUSTER = 8;
const int LAYER_BLOCKS = HEADS * CLUSTER;                     // 96
const int HELPERS = HELPING_CLUSTERS * CLUSTER;               // 24
const int BLOCKS = LAYER_BLOCKS + HELPERS;                    // 120
const int WARPS = 12, COMPUTING = 32 * WARPS;                 // threads that compute
const int THREADS = COMPUTING + (MORE_REGISTERS ? 128 : 32);  // and the ring's: kernel.cuh
const int GATHERING = 9;                                      // warps from this one on gather x
const int OWN = CHANNELS / CLUSTER;                           // 96 channels of x are a block's own
const int INNER = 4 * CHANNELS / HEADS, OWN_INNER = INNER / CLUSTER;  // 256, 32

// A tile of weights: 16 rows of 16, as one mma takes them.
const int TILE = 16 * 16, TILE_BYTES = TILE * sizeof(Weight);
const int PHASE = 24576;         // weights of a block
const int UNIT = 16 * CHANNELS;  // of the lm_head: 16 rows, by one warp

// The ring: 192 KB of slots, each filled by one copy. 12 KB a copy is large enough to run at full
// speed and small enough for several to be under way.
const int SLOT_WEIGHTS = sizeof(Weight) == 1 ? 12288 : 6144;
const int SLOT_BYTES = SLOT_WEIGHTS * sizeof(Weight);
const int SLOTS = 196608 / SLOT_BYTES;
const int HELD = sizeof(Weight) == 4 ? 8 : 18;  // slots that a block has room for
const int PHASE_SLOTS = PHASE / SLOT_WEIGHTS, UNIT_SLOTS = UNIT / SLOT_WEIGHTS;

// The lm_head's rows, in units of 16: so many of each layer block, which streams them, and of each
// helper, which keeps them in shared memory all the time. (18 slots have room: two more than the
// ring's 16. float32's are twice as large, so its ring has all that there are.)
#ifdef HOPPER_UNITS
const int UNITS = HOPPER_UNITS, HELPER_UNITS = 1;  // fewer for tests
#else
const int HELPER_UNITS = HELPERS == 0 ? 0 : HELD / UNIT_SLOTS;
const int UNITS = ((50257 + 15) / 16 - HELPERS * HELPER_UNITS + LAYER_BLOCKS - 1) / LAYER_BLOCKS;
#endif
// Of a layer block's units, the last ones stay beside the ring; the others come through it.
const int ROOM = KEEP_UNITS ? (HELD - SLOTS) / UNIT_SLOTS : 0;
const int KEPT = ROOM < UNITS ? ROOM : UNITS, STREAMED = UNITS - KEPT;
const int HEAD_ROWS = 16 * (LAYER_BLOCKS * UNITS + HELPERS * HELPER_UNITS);  // 50257 at least
// Warps that work on the lm_head: each has a unit of the ring of its own. (One that waited for the
// turn after a slot's next one would see the parity of the last one, and take old weights.)
const int HEAD_WARPS = SLOTS / UNIT_SLOTS < WARPS ? SLOTS / UNIT_SLOTS : WARPS;

// A block's part of the stream, in the order of its use.
const int LAYER_SLOTS = LAYERS * 3 * PHASE_SLOTS, STEP_SLOTS = LAYER_SLOTS + STREAMED * UNIT_SLOTS;
const size_t BLOCK_STREAM = (size_t)(STEP_SLOTS + KEPT * UNIT_SLOTS) * SLOT_WEIGHTS;  // weights
const size_t HELPER_STREAM = (size_t)HELPER_UNITS * UNIT;
const size_t STREAM = LAYER_BLOCKS * BLOCK_STREAM + HELPERS * HELPER_STREAM;

// Where a block's n-th slot is, in weights from the stream's beginning. What layer blocks ask for
// at the same time lies side by side: memory likes that better than 96 places far apart.
__host__ __device__ constexpr size_t slot_at(int block, int n) {
  if (block >= LAYER_BLOCKS)
    return LAYER_BLOCKS * BLOCK_STREAM + (block - LAYER_BLOCKS) * HELPER_STREAM +
           (size_t)n * SLOT_WEIGHTS;
  return INTERLEAVE ? ((size_t)n * LAYER_BLOCKS + block) * SLOT_WEIGHTS
                    : block * BLOCK_STREAM + (size_t)n * SLOT_WEIGHTS;
}

// A kind of matrix after folding (pack.cuh), besides its weights.
struct Rows {
  float *bias, *scale;  // (layers, rows) each; scale: int8 only
};

// The model as the kernel reads it.
struct Packed {
  Weight* stream;  // (STREAM)
  Rows qkv, attn_proj, fc, proj, lm_head;
  float *wte_mean, *wpe_mean;  // (V), (S): of each row
};

// The first of a unit's 16 rows.
__host__ __device__ constexpr int unit_row(int block, int unit) {
  return 16 * (block < LAYER_BLOCKS
                   ? block * UNITS + unit
                   : LAYER_BLOCKS * UNITS + (block - LAYER_BLOCKS) * HELPER_UNITS + unit);
}

}  // namespace hopper
