// What lanes of a warp find out together: which of them hold the same value, and the sum, smallest,
// ... of their values (CUDA C++ Programming Guide, "Warp Match Functions", "Warp Reduce
// Functions").
#pragma once
#include "warp.h"

namespace simt {

// The lanes of the mask that hold the same bits as the caller. present: all lanes of the mask.
template <class T>
SIMT_UNSEEN inline unsigned same_lanes(unsigned mask, const T& value, const char* what,
                                       const char* file, int line, unsigned* present = nullptr) {
  LaneValue mine;
  memcpy(mine.bytes, &value, sizeof(T));
  WarpMeeting meeting = warp_meet(mask, mine, what, file, line);
  unsigned same = 0;
  for (int lane = 0; lane < 32; lane++)
    if (meeting.present >> lane & 1)
      same |= unsigned(memcmp(meeting.values[lane].bytes, &value, sizeof(T)) == 0) << lane;
  if (present) *present = meeting.present;
  return same;
}

// The values of the lanes of the mask, combined by op in the order of the lanes.
template <class T, class Op>
SIMT_UNSEEN inline T combine_lanes(unsigned mask, const T& value, Op op, const char* what,
                                   const char* file, int line) {
  LaneValue mine;
  memcpy(mine.bytes, &value, sizeof(T));
  WarpMeeting meeting = warp_meet(mask, mine, what, file, line);
  T result{}, next;
  bool any = false;
  for (int lane = 0; lane < 32; lane++) {
    if (!(meeting.present >> lane & 1)) continue;
    memcpy(&next, meeting.values[lane].bytes, sizeof(T));
    result = any ? op(result, next) : next;
    any = true;
  }
  return result;
}

}  // namespace simt

// __match_all_sync: the mask if all its lanes hold the same value, else 0.
#define SIMT_WARP_MATCH(T)                                                                   \
  inline unsigned __match_any_sync(unsigned mask, T value, SIMT_HERE) {                      \
    return simt::same_lanes(mask, value, "__match_any_sync", file, line);                    \
  }                                                                                          \
  SIMT_INLINE unsigned __match_all_sync(unsigned mask, T value, int* predicate, SIMT_HERE) { \
    unsigned present;                                                                        \
    unsigned same = simt::same_lanes(mask, value, "__match_all_sync", file, line, &present); \
    *predicate = same == present;                                                            \
    return same == present ? present : 0;                                                    \
  }
SIMT_WARP_MATCH(int)
SIMT_WARP_MATCH(unsigned)
SIMT_WARP_MATCH(long)
SIMT_WARP_MATCH(unsigned long)
SIMT_WARP_MATCH(long long)
SIMT_WARP_MATCH(unsigned long long)
SIMT_WARP_MATCH(float)
SIMT_WARP_MATCH(double)
#undef SIMT_WARP_MATCH

#define SIMT_WARP_REDUCE(T, name, result)                                               \
  inline T __reduce_##name##_sync(unsigned mask, T value, SIMT_HERE) {                  \
    auto op = [](T a, T b) { return (T)(result); };                                     \
    return simt::combine_lanes(mask, value, op, "__reduce_" #name "_sync", file, line); \
  }
SIMT_WARP_REDUCE(unsigned, add, a + b)
SIMT_WARP_REDUCE(int, add, (unsigned)a + (unsigned)b)  // wraps around, as on a GPU
SIMT_WARP_REDUCE(unsigned, min, b < a ? b : a)
SIMT_WARP_REDUCE(int, min, b < a ? b : a)
SIMT_WARP_REDUCE(unsigned, max, a < b ? b : a)
SIMT_WARP_REDUCE(int, max, a < b ? b : a)
SIMT_WARP_REDUCE(unsigned, and, a& b)
SIMT_WARP_REDUCE(unsigned, or, a | b)
SIMT_WARP_REDUCE(unsigned, xor, a ^ b)
#undef SIMT_WARP_REDUCE
