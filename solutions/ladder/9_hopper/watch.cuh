// watch.cuh: how a block waits, and how it comes to an end where it waits in vain.
//
// That should never be: but if a block isn't there, or has sent nothing, a kernel that waits for it
// must not hang. A warp of each block does nothing but watch. While all is well it begins the
// phases of the exchanges' mbarriers, which others then needn't do. When the block stands still for
// seconds, it says so to the watchers of all blocks, and a little later they release those who
// wait. These run on with whatever is there, and leave.
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
// come. Bytes that came earlier count, too.
__device__ __forceinline__ void expect(const Me& me, int what) {
  arrive_expecting(barrier_of(me, what), bytes_of(what));
}

__device__ __forceinline__ void begin_watch(const Me& me) {
  for (int i = 0; i < EXCHANGES; i++) init_barrier(barrier_of(me, i), 1);
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

// Until all warps are done. By a warp: lane i begins exchange i's phases.
__device__ __forceinline__ void watch(const Arguments& a, const Me& me) {
  Shared& s = *me.shared;
  const int what = min(me.lane, (int)DONE);
  unsigned parity = 0, last = ~0u;
  long long since = 0, looked = 0;
  if (WITH_CHAIN && what < EXCHANGES) expect(me, what);
#pragma unroll 1
  for (;; __nanosleep(200)) {
    const bool ended = has_just_ended(barrier_of(me, what), parity);
    if (__any_sync(0xffffffff, ended && what == DONE)) return;
    if (ended) expect(me, what), parity ^= 1;
    const long long now = clock64();
    const unsigned where = peek_here(address_of(&s.where));
    if (where != last) last = where, since = now;
    if (now - looked < ROUND) continue;
    looked = now;
    const bool is_first = !peek(a.failed);
    if (__any_sync(0xffffffff, !is_first || now - since > PATIENCE)) break;
  }
  if (me.lane == 0) {
    if (!peek(a.failed)) post(a.failed, last | blockIdx.x << 16 | 1 << 23);
    // The warps of a block meet, so they must leave after the same step. One may be a step ahead of
    // thread 0, and another one a step behind: nobody has begun the third step from here.
    s.leave_at = (last >> 4) + 3;
    // From now on nothing is taken for a result; and once all blocks have looked, what is sent may
    // be nonsense.
    pause(GRACE);
    s.released = 1;
    while (!has_ended(barrier_of(me, DONE), 0)) continue;
    // What has been sent gets there before the blocks end: a store into none is an error.
    pause(GRACE);
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

// Tries until it is so.
template <typename IsSo>
__device__ __forceinline__ void until(const Me& me, IsSo is_so) {
  unsigned tries = 0;
  while (!is_so())
    if (++tries % 64 == 0 && is_released(me)) return;
}
// Until the phase of this parity has ended.
__device__ __forceinline__ void await(const Me& me, What what, unsigned parity) {
  if (WITH_CHAIN) until(me, [&] { return has_ended(barrier_of(me, what), parity); });
}

}  // namespace hopper
