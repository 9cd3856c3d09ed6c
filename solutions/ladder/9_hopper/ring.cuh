// ring.cuh: weights on their way from memory, a ring of slots ahead of their use.
//
// One thread of the block, in a warp of its own, asks for them: a bulk copy a slot, which the
// copy engine carries out and counts at the slot's `full` barrier. Whoever has used a slot arrives
// at its `empty` barrier. The weights lie in memory in the order of their use (pack.cuh), so that
// the stream never waits for the text: it runs through layers, the lm_head and on into the next
// step.
#pragma once
#include "arguments.cuh"

namespace hopper {

// The block's n-th slot of the stream, to a slot of its shared memory.
__device__ __forceinline__ void copy_slot(const Arguments& a, const Me& me, int slot, int n,
                                          uint64_t policy) {
  Address full = address_of(&me.shared->full[slot]);
  arrive_expecting(full, SLOT_BYTES);
  copy_bulk(address_of(me.slots + slot * SLOT_BYTES), a.stream + slot_at(blockIdx.x, n), SLOT_BYTES,
            full, policy);
}

// A layer block's stream, again in each step. At most `window` copies are in flight, and `gap`
// cycles apart: bursts would hold up the exchanges. By one thread.
__device__ __forceinline__ void stream_weights(const Arguments& a, const Me& me) {
  const Pacing pacing = a.pacing;
  const uint64_t policy = READ_ONCE ? evict_first() : evict_as_usual();
  // A bit a slot: the parity of the phase to wait for next. Nobody waits for a slot to be empty the
  // first time, when this bit turns from 1 to 0.
  unsigned empty_parity = ~0u, full_parity = 0;
  unsigned last = cycles();
  int oldest = 0, in_flight = 0;  // the copies that have not been seen to end
  auto await_oldest = [&] {
    int slot = oldest % SLOTS;
    Address full = address_of(&me.shared->full[slot]);
    until(a, me, SLOT_FULL, [&] { return has_ended(full, full_parity >> slot & 1); });
    full_parity ^= 1u << slot;
    oldest = oldest + 1 == STEP_SLOTS ? 0 : oldest + 1;
    in_flight--;
  };
#pragma unroll 1
  for (int step = 0; step < a.num_steps; step++)
#pragma unroll 1
    for (int i = 0; i < STEP_SLOTS; i++) {
      const int slot = i % SLOTS;  // each step begins with slot 0
      if (step > 0 || i >= SLOTS) {
        Address empty = address_of(&me.shared->empty[slot]);
        until(a, me, SLOT_EMPTY, [&] { return has_ended(empty, empty_parity >> slot & 1); });
      }
      empty_parity ^= 1u << slot;
      const bool head = i >= LAYER_SLOTS;
      // The last copy to this slot has ended, or it weren't empty. It must be seen to end before
      // the next one begins: who waits may not fall two phases behind. A slot's turn comes every
      // SLOTS copies, but sooner where a step ends in the middle of the ring.
      const int turn = i < SLOTS ? i + 1 + (STEP_SLOTS - 1 - i) % SLOTS : SLOTS;
      const int window = min(turn, head ? pacing.head_window : pacing.layer_window);
      while (in_flight >= window) await_oldest();
      while ((int)(cycles() - last) < (head ? pacing.head_gap : pacing.layer_gap)) continue;
      copy_slot(a, me, slot, i, policy);
      last = cycles();
      in_flight++;
    }
  while (in_flight > 0) await_oldest();  // nothing may arrive after the block has ended
}

// Rows of the lm_head that stay in `count` slots from `first` on: once, for all steps. They are the
// block's n-th slot of the stream and those after it.
__device__ __forceinline__ void load_once(const Arguments& a, const Me& me, int first, int count,
                                          int n) {
  const uint64_t policy = evict_first();
  for (int i = 0; i < count; i++) copy_slot(a, me, first + i, n + i, policy);
}
// Where they are, in a kernel's step number `step`.
__device__ __forceinline__ const unsigned char* await_kept(const Arguments& a, const Me& me,
                                                           int slot, int step) {
  Address full = address_of(&me.shared->full[slot]);
  if (WITH_STREAM && step == 0) until(a, me, SLOT_FULL, [&] { return has_ended(full, 0); });
  return me.slots + slot * SLOT_BYTES;
}

// A warp's view of the ring.
struct Ring {
  int slot = 0;         // the next phase's first
  unsigned parity = 0;  // a bit a slot: of the phase of `full` that comes next

  // Until the weights of a layer's phase are there: their place. Lane i watches slot i of them.
  __device__ __forceinline__ const unsigned char* await_phase(const Arguments& a, const Me& me) {
    if (WITH_STREAM) {
      int mine = slot + me.lane % PHASE_SLOTS;
      Address full = address_of(&me.shared->full[mine]);
      unsigned expected = parity >> mine & 1;
      until(a, me, SLOT_FULL, [&] { return __all_sync(0xffffffff, has_ended(full, expected)); });
      __syncwarp();
    }
    parity ^= ((1u << PHASE_SLOTS) - 1) << slot;  // of these slots, the next time
    return me.slots + slot * SLOT_BYTES;
  }

  // This warp has what it needs of `count` slots, from the phase's `first` one on.
  static __device__ __forceinline__ void free_slots(const Me& me, int first, int count) {
    if (!WITH_STREAM) return;
    __syncwarp();
    if (me.lane < count) arrive(address_of(&me.shared->empty[first + me.lane]));
  }
  __device__ __forceinline__ void next_phase() { slot = (slot + PHASE_SLOTS) % SLOTS; }

  // The lm_head's slot number i of this block. One warp alone uses it, and lets go of it for all:
  // slot by slot, as the stream stands still until the first is free, and ends with the last.
  static __device__ __forceinline__ int slot_of_head(int i) { return (LAYER_SLOTS + i) % SLOTS; }
  // int8: 12 warps share 16 slots, so that a slot has another warp in each turn of the ring. Copies
  // may end in another order than they began: before a warp waits for its turn, it waits until the
  // one before has been used. (It would see the parity of the turn before that, and take old
  // weights.)
  static constexpr bool OTHERS_TURNS = SLOTS % (HEAD_WARPS * UNIT_SLOTS) != 0;
  __device__ __forceinline__ const unsigned char* await_head(const Arguments& a, const Me& me,
                                                             int i) const {
    int mine = slot_of_head(i);
    unsigned turns = i / SLOTS;  // of the ring since the lm_head began
    if (WITH_STREAM) {
      Address full = address_of(&me.shared->full[mine]);
      unsigned expected = (parity >> mine ^ turns) & 1;
      if (OTHERS_TURNS && turns > 0) {
        Address empty = address_of(&me.shared->empty[mine]);
        until(a, me, SLOT_EMPTY, [&] { return has_ended(empty, expected ^ 1); });
      }
      until(a, me, SLOT_FULL, [&] { return has_ended(full, expected); });
    }
    return me.slots + mine * SLOT_BYTES;
  }
  static __device__ __forceinline__ void free_head(const Me& me, int i) {
    if (!WITH_STREAM) return;
    __syncwarp();
    // Not if some have arrived in this phase already, because someone gave up.
    if (me.lane == 0 && all_is_well(me))
      arrive(address_of(&me.shared->empty[slot_of_head(i)]), WARPS);
  }
  // After all units: each slot was filled `turns` times, and the first `rest` of them once more.
  __device__ __forceinline__ void pass_units() {
    constexpr int turns = STREAMED * UNIT_SLOTS / SLOTS, rest = STREAMED * UNIT_SLOTS % SLOTS;
    constexpr int first = LAYER_SLOTS % SLOTS;
    constexpr unsigned all = (1u << SLOTS) - 1, some = (1u << rest) - 1;
    constexpr unsigned odd = turns % 2 ? all & ~some : some;  // from `first` on
    parity ^= (odd << first | odd >> (SLOTS - first)) & all;
    slot = 0;
  }
};

}  // namespace hopper
