// watch.cuh: how a block waits, and how it comes to an end where it waits in vain.
//
// That should never be: but if a block isn't there, or has sent nothing, a kernel that waits for it
// must not hang. A thread of each block, in a warp of its own, does nothing but watch whether the
// block gets on. If not, for seconds, it says so to the watchers of all blocks, and a little later
// they release those who wait. These run on with whatever is there, and leave.
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

__device__ __forceinline__ Address barrier_of(const Me& me, int what) {
  return address_of(&me.shared->exchange[what]);
}
__device__ __forceinline__ void begin_watch(const Me& me) {
  init_barrier(barrier_of(me, DONE), WARPS);
  me.shared->where = 0, me.shared->leave_at = NEVER, me.shared->released = 0;
}
// Where thread 0 is: when this stays as it is, the block stands still.
__device__ __forceinline__ void note(const Me& me, int step, int layer) {
  if (threadIdx.x == 0) me.shared->where = layer | step << 4;
}
// A warp's: it waits for nothing more.
__device__ __forceinline__ void end_watch(const Me& me) {
  __syncwarp();
  if (me.lane == 0) arrive(barrier_of(me, DONE));
}

__device__ __forceinline__ void pause(int cycles) {
  for (long long begin = clock64(); clock64() - begin < cycles;) __nanosleep(1000);
}

// Until all warps are done. By one thread.
__device__ __forceinline__ void watch(const Arguments& a, const Me& me) {
  Shared& s = *me.shared;
  unsigned last = ~0u;
  long long since = 0, looked = 0;
  for (; !has_ended(barrier_of(me, DONE), 0); __nanosleep(1000)) {
    const long long now = clock64();
    const unsigned where = peek_here(address_of(&s.where));
    if (where != last) last = where, since = now;
    if (now - looked < ROUND) continue;
    looked = now;
    const bool is_first = !peek(a.failed);
    if (is_first && now - since < PATIENCE) continue;
    if (is_first) post(a.failed, where | blockIdx.x << 16 | 1 << 23);
    // The warps of a block meet, so they must leave after the same step. One may be a step ahead of
    // thread 0, and another one a step behind: nobody has begun the third step from here.
    s.leave_at = (where >> 4) + 3;
    // From now on nothing is taken for a result; and once all blocks have looked, what is sent may
    // be nonsense.
    pause(GRACE);
    s.released = 1;
    while (!has_ended(barrier_of(me, DONE), 0)) continue;
    // What has been sent gets there before the blocks end: a store into none is an error.
    return pause(GRACE);
  }
}

__device__ __forceinline__ bool all_is_well(const Me& me) {
  return peek_here(address_of(&me.shared->leave_at)) == NEVER;
}
__device__ __forceinline__ bool is_released(const Me& me) {
  return peek_here(address_of(&me.shared->released));
}
// Whether a step is to be done.
__device__ __forceinline__ bool goes_on(const Arguments& a, const Me& me, int step) {
  return step < a.num_steps && step < peek_here(address_of(&me.shared->leave_at));
}

// Tries until it is so. false: released.
template <typename IsSo>
__device__ __forceinline__ bool until(const Me& me, IsSo is_so) {
  unsigned tries = 0;
  while (!is_so())
    if (++tries % 64 == 0 && is_released(me)) return false;
  return true;
}

}  // namespace hopper
