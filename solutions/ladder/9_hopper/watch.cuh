// watch.cuh: how a block waits, and how it comes to an end where it waits in vain.
//
// That should never be: but if a block isn't there, or has sent nothing, a kernel that waits for it
// must not hang. Counting tries at each of a layer's 20 waits makes the loop of the layers longer
// than the instruction cache; so a thread of each block, in a warp of its own, does it for all: it
// sees whether the block gets on. If not, for seconds, it says so to the watchers of all blocks,
// and a little later they release those who wait. They run on with whatever is there, and leave.
#pragma once
#include "arguments.cuh"

namespace hopper {

const int NEVER = 1 << 30;                      // Shared::leave_at, as long as all is well
const long long PATIENCE = 1ll << 33;           // cycles, 4 s: longer than any wait that ends
const int ROUND = 1 << 16, GRACE = 32 * ROUND;  // cycles: 40 us, 1 ms

// Which block has waited in vain, and where it was, in a word that is not 0.
struct Failure {
  unsigned layer : 4, step : 12, block : 7, is_one : 9;
};

__device__ __forceinline__ void begin_watch(Shared& s) {
  init_barrier(address_of(&s.done), WARPS);
  s.where = 0, s.leave_at = NEVER, s.released = false;
}
// Where thread 0 is: when this stays as it is, the block stands still.
__device__ __forceinline__ void note(const Me& me, int step, int layer) {
  if (threadIdx.x == 0) me.shared->where = layer | step << 4;
}

__device__ __forceinline__ void pause(int cycles) {
  for (long long begin = clock64(); clock64() - begin < cycles;) __nanosleep(1000);
}

// Until all warps are done. By one thread.
__device__ __forceinline__ void watch(const Arguments& a, const Me& me) {
  Shared& s = *me.shared;
  unsigned last = ~0u;
  long long since = 0, looked = 0, now;
  while (!has_ended(address_of(&s.done), 0)) {
    now = clock64();
    const unsigned where = s.where;
    if (where != last) last = where, since = now;
    if (now - looked < ROUND) continue;
    looked = now;
    const bool is_first = !peek(a.failed);
    if (is_first && now - since < PATIENCE) continue;
    if (is_first) post(a.failed, where | blockIdx.x << 16 | 1 << 23);
    // The warps of a block meet, so they must leave after the same step. One may be a step ahead of
    // thread 0, and another one a step behind: nobody has begun the third step from here.
    s.leave_at = (where >> 4) + 3;
    // From now on nothing is taken for a result, in any block once all have looked. Then what is
    // sent may be nonsense.
    pause(GRACE);
    s.released = true;
    while (!has_ended(address_of(&s.done), 0)) continue;
    pause(GRACE);  // what has been sent gets there before the blocks end: a store into none is an
                   // error
    return;
  }
}
// A warp's: it waits for nothing more.
__device__ __forceinline__ void end_watch(const Me& me) {
  __syncwarp();
  if (me.lane == 0) arrive(address_of(&me.shared->done));
}

__device__ __forceinline__ bool all_is_well(const Me& me) { return me.shared->leave_at == NEVER; }
// Whether a step is to be done.
__device__ __forceinline__ bool goes_on(const Arguments& a, const Me& me, int step) {
  return step < a.num_steps && step < me.shared->leave_at;
}

// Tries until it is so.
template <typename IsSo>
__device__ __forceinline__ void until(const Me& me, IsSo is_so) {
  while (!is_so())
    if (me.shared->released) return;
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

// Begins a phase: gives the one arrival that the mbarrier counts, and says how many bytes will
// come. Bytes that came earlier count, too. By one thread.
__device__ __forceinline__ void expect(const Me& me, What what) {
  arrive_expecting(address_of(&me.shared->exchange[what]), bytes_of(what));
}
// Thread 0 does, some time after it has awaited the phase before. (Not if that may not have ended:
// an arrival too many is an error, which ends the program.)
__device__ __forceinline__ void expect_next(const Me& me, What what) {
  if (WITH_CHAIN && threadIdx.x == 0 && all_is_well(me)) expect(me, what);
}

// Until the phase of this parity has ended.
__device__ __forceinline__ void await(const Me& me, What what, unsigned parity) {
  if (!WITH_CHAIN) return;
  Address barrier = address_of(&me.shared->exchange[what]);
  until(me, [&] { return has_ended(barrier, parity); });
}

}  // namespace hopper
