// Values of any size that lanes of a warp hand one another, and sets of lanes as bits of a mask.
// What cooperative groups and cub are made of. (A meeting in warp.h moves 16 bytes.)
#pragma once
#include "warp.h"

namespace simt {

// --- sets of lanes
inline unsigned lanes_below(int lane) { return (1u << lane) - 1; }
inline int rank_in(unsigned mask, int lane) { return __builtin_popcount(mask & lanes_below(lane)); }
// The lane of that rank in the mask, or -1.
inline int nth_lane(unsigned mask, int rank) {
  if (rank < 0 || rank >= __builtin_popcount(mask)) return -1;
  for (; rank > 0; rank--) mask &= mask - 1;
  return __builtin_ctz(mask);
}
// The bits that belong to lanes of the mask, moved together: bit r is that of rank r.
inline unsigned pack(unsigned bits, unsigned mask) {
  unsigned packed = 0;
  for (int rank = 0; mask; rank++, mask &= mask - 1)
    packed |= (bits >> __builtin_ctz(mask) & 1) << rank;
  return packed;
}

// --- values
template <class T>
SIMT_UNSEEN inline LaneValue part_of(const T& value, size_t start) {
  LaneValue part;
  size_t size = sizeof(T) - start < 16 ? sizeof(T) - start : 16;
  memcpy(part.bytes, reinterpret_cast<const unsigned char*>(&value) + start, size);
  return part;
}

// The value of the lane `source`; poison if it is not there.
template <class T>
SIMT_UNSEEN inline T pick(unsigned mask, const T& value, int source, const char* what,
                          const char* file, int line) {
  static_assert(std::is_trivially_copyable<T>::value,
                "threads hand one another plain values, which can be copied byte by byte");
  T result = value;
  auto* bytes = reinterpret_cast<unsigned char*>(&result);
  for (size_t start = 0; start < sizeof(T); start += 16) {
    size_t size = sizeof(T) - start < 16 ? sizeof(T) - start : 16;
    WarpMeeting meeting = warp_meet(mask, part_of(value, start), what, file, line);
    if (source >= 0 && meeting.present >> source & 1)
      memcpy(bytes + start, meeting.values[source].bytes, size);
    else
      memset(bytes + start, 0xff, size);
  }
  return result;
}

// What every lane of the mask holds.
template <class T>
struct Gathered {
  alignas(T) unsigned char bytes[32 * sizeof(T)];
  unsigned present;  // the lanes of the mask that exist
  const T& operator[](int lane) const { return reinterpret_cast<const T*>(bytes)[lane]; }
};
template <class T>
SIMT_UNSEEN inline Gathered<T> gather(unsigned mask, const T& value, const char* what,
                                      const char* file, int line) {
  static_assert(std::is_trivially_copyable<T>::value,
                "threads hand one another plain values, which can be copied byte by byte");
  Gathered<T> all;
  for (size_t start = 0; start < sizeof(T); start += 16) {
    size_t size = sizeof(T) - start < 16 ? sizeof(T) - start : 16;
    WarpMeeting meeting = warp_meet(mask, part_of(value, start), what, file, line);
    all.present = meeting.present;
    for (unsigned lanes = meeting.present; lanes; lanes &= lanes - 1) {
      int lane = __builtin_ctz(lanes);
      memcpy(all.bytes + lane * sizeof(T) + start, meeting.values[lane].bytes, size);
    }
  }
  return all;
}

// The values of these lanes (at least one), combined in the order of the lanes.
template <class T, class Op>
SIMT_UNSEEN inline T fold(const Gathered<T>& all, unsigned lanes, Op&& op) {
  T result = all[__builtin_ctz(lanes)];
  while (lanes &= lanes - 1) result = op(result, all[__builtin_ctz(lanes)]);
  return result;
}

}  // namespace simt
