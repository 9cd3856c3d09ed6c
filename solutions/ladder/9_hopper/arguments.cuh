// arguments.cuh: what the kernel is told, what a block keeps in shared memory, and how it waits.
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
  unsigned* failed;                    // a Failure's bits
  float *after_attention, *after_mlp;  // (clusters, C)
  float* final_x;                      // (C)
  uint2* best;                         // (BEST_COPIES, 128)
  unsigned* report;                    // the same in pinned memory, at the end
#ifdef HOPPER_LOOK
  float* dump;  // (LAYERS, DUMPED), of the last step: debug.cuh
  long long* timeline;
#endif
};

// Things to wait for. The first ones have an mbarrier.
enum What {
  X_ATTENTION,
  SQUARES_ATTENTION,
  QKV_HERE,
  PARTS_HERE,
  X_MLP,
  SQUARES_MLP,
  HIDDEN_HERE,
  EXCHANGES,
  SLOT_FULL = EXCHANGES,
  SLOT_EMPTY,
  SUMS_OF_OTHERS,
  FINAL_X,
  BEST_OF_ALL
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
  unsigned where;             // for a failure: layer, step
  int gave_up;                // 1: someone of this block has waited in vain
  int leave_at;               // the first step that it doesn't do, because of that, or NEVER
  uint64_t full[HELD], empty[HELD], exchange[EXCHANGES];
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
        warp(__shfl_sync(0xffffffff, threadIdx.x / 32, 0)),  // known to be one for all lanes
        quad(lane % 4),
        group(lane / 4),
        rank(blockIdx.x % CLUSTER),
        cluster(blockIdx.x / CLUSTER),
        shared(reinterpret_cast<Shared*>(memory + HELD * SLOT_BYTES)),
        slots(memory) {}
  __device__ bool gathers() const { return warp >= GATHERING; }
};

// ------------------------------------------------------------------------------- waiting

const unsigned TRIES = 1 << 22;  // seconds: longer than any wait of a kernel that goes on

// Who waited in vain, and for what, in a word that is not 0.
struct Failure {
  unsigned what : 4, block : 7, warp : 4, layer : 4, step : 12, is_one : 1;
};

const int NEVER = 1 << 30;  // as a step

// Cold path of until(): whether it is time to give up. All who wait do, once one has, and go on
// with whatever is there, for a step or two more (goes_on). The pause is for others to notice
// before they get nonsense. The thread that asks for weights knows no steps, and runs on through
// all that it would have asked for: without pauses, once the others are about to leave (who else
// waits for SLOT_EMPTY then, in int8, leaves with them).
__device__ __forceinline__ bool give_up(const Arguments& a, Shared& s, unsigned tries, int what) {
  const bool is_first = !peek(a.failed);
  if (is_first && tries < TRIES) return false;
  if (is_first)
    post(a.failed,
         (unsigned)what | blockIdx.x << 4 | threadIdx.x / 32 << 11 | s.where << 15 | 1u << 31);
  s.gave_up = 1;
  if (what != SLOT_EMPTY || peek_here(address_of(&s.leave_at)) == NEVER) __nanosleep(1000000);
  return true;
}
__device__ __forceinline__ bool all_is_well(const Me& me) {
  return !peek_here(address_of(&me.shared->gave_up));
}
// Whether a step is to be done. A block's warps meet, so that they must stop at the same step, even
// if some of them have begun this one: thread 0 says which.
__device__ __forceinline__ bool goes_on(const Arguments& a, const Me& me, int step) {
  int& leave_at = me.shared->leave_at;
  if (threadIdx.x == 0 && !all_is_well(me)) leave_at = min(leave_at, step + 2);
  return step < a.num_steps && step < peek_here(address_of(&leave_at));
}

// Tries until it is so, or for some seconds.
template <typename IsSo>
__device__ __forceinline__ void until(const Arguments& a, const Me& me, int what, IsSo is_so) {
  unsigned tries = 0;
  while (!is_so())
    if (++tries % 1024 == 0 && __any_sync(__activemask(), give_up(a, *me.shared, tries, what)))
      return;
}

// Until the phase of this parity has ended.
__device__ __forceinline__ void await(const Arguments& a, const Me& me, What what,
                                      unsigned parity) {
  if (!WITH_CHAIN) return;
  Address barrier = address_of(&me.shared->exchange[what]);
  until(a, me, what, [&] { return has_ended(barrier, parity); });
}

// The bytes of each exchange: all that a block gets, from all eight, in one phase.
__device__ __forceinline__ int bytes_of(int what) {
  switch (what) {
    case X_ATTENTION:
    case X_MLP:
      return sizeof(Shared::x);
    case SQUARES_ATTENTION:
    case SQUARES_MLP:
      return sizeof(Shared::squares);
    case QKV_HERE:
      return sizeof(Shared::qkv);
    case PARTS_HERE:
      return sizeof(Shared::part);
    default:
      return sizeof(Shared::hidden);
  }
}

// Begins the next phase of an exchange: gives the one arrival that its mbarrier counts, and says
// how many bytes will come. Bytes that came earlier count, too. By one thread, when the phase
// before has ended: an arrival too many is an error. (So there is none once someone has given up.)
__device__ __forceinline__ void expect_next(const Me& me, int what) {
  if (WITH_CHAIN && all_is_well(me))
    arrive_expecting(address_of(&me.shared->exchange[what]), bytes_of(what));
}

}  // namespace hopper
