// Warps: 32 threads that follow one another in (z, y, x) order. Shuffles, votes, __syncwarp.
//
// All of them meet in one place: each lane of the mask leaves a value, waits for the others, and
// picks what it needs from what they left.
#pragma once
#include "qualifiers.h"
#include "thread.h"

namespace simt {

struct alignas(16) LaneValue {
  unsigned char bytes[16];
};

// What the lanes of `mask` left. present: the lanes of the mask that exist in this warp.
struct WarpMeeting {
  const LaneValue* values;  // [32]
  unsigned present;
};

SIMT_HIDDEN WarpMeeting warp_meet(unsigned mask, const LaneValue& mine, const char* what,
                                  const char* file, int line);
SIMT_HIDDEN int lane_id();
SIMT_HIDDEN unsigned active_mask(const char* file, int line);
// Waits for the lanes of the warp that are here or can get here (simt/rewrite/volatiles.py). place:
// a larger one comes later in the source. It orders nothing: for simt check, what the lanes read
// and write is still a race.
SIMT_HIDDEN void in_step(int place, SIMT_HERE);
template <class T>
inline T in_step(int place, T value, SIMT_HERE) {
  in_step(place, file, line);
  return value;
}

template <class T>
SIMT_UNSEEN inline T shuffle(unsigned mask, const T& value, int source, const char* what,
                             const char* file, int line) {
  static_assert(sizeof(T) <= 16 && std::is_trivially_copyable<T>::value,
                "a shuffle moves plain values of at most 16 bytes");
  LaneValue mine;
  memcpy(mine.bytes, &value, sizeof(T));
  WarpMeeting meeting = warp_meet(mask, mine, what, file, line);
  T result;
  if (meeting.present >> source & 1)
    memcpy(&result, meeting.values[source].bytes, sizeof(T));
  else
    memset(&result, 0xff, sizeof(T));  // a lane that is not there: undefined, so make it visible
  return result;
}

// The lanes of the mask whose predicate is not 0.
SIMT_UNSEEN inline unsigned ballot(unsigned mask, int predicate, const char* what, const char* file,
                                   int line, unsigned* present = nullptr) {
  LaneValue mine{};
  mine.bytes[0] = predicate != 0;
  WarpMeeting meeting = warp_meet(mask, mine, what, file, line);
  unsigned votes = 0;
  for (int lane = 0; lane < 32; lane++)
    if (meeting.present >> lane & 1) votes |= unsigned(meeting.values[lane].bytes[0]) << lane;
  if (present) *present = meeting.present;
  return votes;
}

}  // namespace simt

inline void __syncwarp(unsigned mask = 0xffffffffu, SIMT_HERE) {
  simt::warp_meet(mask, {}, "__syncwarp", file, line);
}

// `width` splits a warp into groups of that many lanes; a source outside the group is the caller.
template <class T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, SIMT_HERE) {
  int first = simt::lane_id() & ~(width - 1);
  return simt::shuffle(mask, value, first + (source & (width - 1)), "__shfl_sync", file, line);
}
template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, SIMT_HERE) {
  int lane = simt::lane_id(), in_group = lane & (width - 1);
  int source = in_group >= (int)delta ? lane - (int)delta : lane;
  return simt::shuffle(mask, value, source, "__shfl_up_sync", file, line);
}
template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, SIMT_HERE) {
  int lane = simt::lane_id(), in_group = lane & (width - 1);
  int source = in_group + (int)delta < width ? lane + (int)delta : lane;
  return simt::shuffle(mask, value, source, "__shfl_down_sync", file, line);
}
template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, SIMT_HERE) {
  int lane = simt::lane_id(), source = lane ^ lane_mask;
  // A source in a later group is out of reach; one in an earlier group is not (CUDA's rule).
  if (source >= (lane & ~(width - 1)) + width) source = lane;
  return simt::shuffle(mask, value, source & 31, "__shfl_xor_sync", file, line);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, SIMT_HERE) {
  return simt::ballot(mask, predicate, "__ballot_sync", file, line);
}
inline int __any_sync(unsigned mask, int predicate, SIMT_HERE) {
  return simt::ballot(mask, predicate, "__any_sync", file, line) != 0;
}
inline int __all_sync(unsigned mask, int predicate, SIMT_HERE) {
  unsigned present;
  unsigned votes = simt::ballot(mask, predicate, "__all_sync", file, line, &present);
  return votes == present;
}

// The lanes that are here together. Lanes run one after another here, so this waits until no other
// lane of the warp can run on, and returns those that wait in the same line (runtime/active.cpp).
inline unsigned __activemask(SIMT_HERE) { return simt::active_mask(file, line); }
