// arguments.cuh: what the kernel is told, and what a block keeps in shared memory.
#pragma once
#include "tile.cuh"

namespace hopper {

// How fast weights are asked for. Too few in flight, and memory idles; too many, and everything
// else, which is small and urgent, queues behind them. Changes no result. tune.cuh finds it.
struct Pacing {
  int layer_window = 3, head_window = 6;  // copies in flight, of a block
  int layer_gap = 500, head_gap = 0;      // cycles from one copy to the next, at least
  int poll_delay = 500;                   // cycles from a block's own sums to its first poll
};

struct Arguments : Packed {
  const float *wte, *wpe;                 // (V, C), (S, C)
  Cached *keys[LAYERS], *values[LAYERS];  // (nh, S, HEAD) each
  int vocab_size, block_size;
  float eps;
  State* state;
  float* x;       // (C) the token to begin with, embedded; at the end, the one to go on with
  float* logits;  // (V) where to write them, of one step whose id is somebody else's; or nullptr
  int* new_ids;   // of the steps, in the host's memory, or nullptr
  int num_steps;
  unsigned steps_before;  // by all launches so far: tags go on from there
  Pacing pacing;
  // What blocks hand to each other through L2, 0 before the first launch; see exchange.cuh.
  unsigned* failed;                    // a Failure's bits: watch.cuh
  float *after_attention, *after_mlp;  // (clusters, C)
  float* final_x;                      // (C)
  uint2* best;                         // (BEST_COPIES, 128)
  unsigned* report;                    // the same in pinned memory, at the end
#ifdef HOPPER_LOOK
  float* dump;  // (LAYERS, DUMPED), of the last step: debug.cuh
  long long* timeline;
#endif
};

// What a block waits for at an mbarrier: what comes from the cluster; that all warps are done.
enum What {
  X_ATTENTION,
  SQUARES_ATTENTION,
  QKV_HERE,
  PARTS_HERE,
  X_MLP,
  SQUARES_MLP,
  HIDDEN_HERE,
  EXCHANGES,
  DONE = EXCHANGES
};

// A block's shared memory, after the slots. What shares a place is never needed at the same time:
// between the last reader of the one and the first writer of the other, from another block too,
// lies an exchange that needs the reader's result.
struct Shared {
  union {
    struct {
      uint4 x[CHANNELS / 4];  // x for query, key and value, or for the lm_head
      union {
        float sums[WARPS][40];  // of 32 rows at most, by each warp's columns
        uint4 attended[6][16];  // the head's output, as each warp of the projection needs it
      };
    };
    float parts[WARPS][88];  // attention of each warp: 64 sums of values, max, sum
  };
  union {
    uint4 x_mlp[CHANNELS / 4];
    float qkv[3][HEAD];
  };
  union {
    struct {
      float values[CLUSTER][HEAD];  // attention of each block of the cluster
      float2 max_sum[CLUSTER];
    } part;
    uint4 hidden[INNER / 4];
  };
  float squares[24], squares_mlp[24];  // of 32 channels of x each
  unsigned long long best[WARPS];
  float newest_score;
  int id[WARPS - GATHERING];  // of the token that is fed, for each gathering warp; -1: x
  unsigned where;             // of thread 0: layer, and step above 4 bits
  int leave_at;               // the first step that this block doesn't do: watch.cuh
  int released;               // 1: nobody waits any more
  uint64_t full[HELD], empty[HELD], exchange[EXCHANGES + 1];
};
const int SHARED_BYTES = HELD * SLOT_BYTES + sizeof(Shared);
static_assert(SHARED_BYTES <= 232448, "more than a block of Hopper's can have");

// What a thread knows of itself.
struct Me {
  int lane, warp, quad, group;  // quad: lane % 4; group: lane / 4
  int rank, cluster;            // block of the cluster; head
  Shared* shared;
  unsigned char* slots;

  __device__ Me(unsigned char* memory)
      : lane(threadIdx.x % 32),
        warp(threadIdx.x / 32),
        quad(lane % 4),
        group(lane / 4),
        rank(blockIdx.x % CLUSTER),
        cluster(blockIdx.x / CLUSTER),
        shared(reinterpret_cast<Shared*>(memory + HELD * SLOT_BYTES)),
        slots(memory) {}
  __device__ bool gathers() const { return warp >= GATHERING; }
};

}  // namespace hopper
