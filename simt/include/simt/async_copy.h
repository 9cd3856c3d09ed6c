// Copies that a thread starts now and waits for later (CUDA C++ Programming Guide, "Asynchronous
// Data Copies"). Here the copy is made at the wait: whoever reads its target too early finds what
// was there before, as may happen on a GPU. A thread's copies are committed in stages; runtime/
// async_copy.cpp keeps them.
#pragma once
#include "qualifiers.h"

namespace simt {

struct AsyncCopy {
  void* to;
  const void* from;
  size_t size, zeros;  // bytes to copy, and zero bytes after them
};
SIMT_HIDDEN void defer_copy(const AsyncCopy& copy);  // in the calling thread's current stage
SIMT_HIDDEN void commit_copies();                    // ends the stage
// Takes out the oldest copy of the stages before the last `newest` ones, if there is one.
SIMT_HIDDEN bool take_copy(AsyncCopy& copy, unsigned newest);

// The same for copies that a barrier's phase waits for (cuda/barrier).
SIMT_HIDDEN void defer_copy_until(const void* barrier, const AsyncCopy& copy);
SIMT_HIDDEN bool take_copy_of(const void* barrier, AsyncCopy& copy);

SIMT_INLINE void make_copy(const AsyncCopy& copy) {
  auto* to = static_cast<char*>(copy.to);
  auto* from = static_cast<const char*>(copy.from);
  size_t i = 0;
  for (; i + 16 <= copy.size; i += 16) __builtin_memcpy(to + i, from + i, 16);
  for (; i < copy.size; i++) to[i] = from[i];
  for (; i < copy.size + copy.zeros; i++) to[i] = 0;
}
// Waits for all stages of this thread but the newest.
SIMT_INLINE void finish_copies(unsigned newest) {
  AsyncCopy copy;
  while (take_copy(copy, newest)) make_copy(copy);
}

// The calling thread's part of what a group copies: equal parts by rank, in whole 16 bytes.
template <class Group>
inline AsyncCopy part_of_copy(const Group& group, void* to, const void* from, size_t size) {
  size_t part = ((size + group.size() - 1) / group.size() + 15) / 16 * 16;
  size_t start = part * group.thread_rank(), end = start + part < size ? start + part : size;
  if (start >= size) return {};
  return {static_cast<char*>(to) + start, static_cast<const char*>(from) + start, end - start, 0};
}

}  // namespace simt

namespace cuda {

// A size in bytes, with the promise that both addresses are multiples of Alignment.
template <size_t Alignment>
struct aligned_size_t {
  static constexpr size_t align = Alignment;
  size_t value;
  explicit constexpr aligned_size_t(size_t size) : value(size) {}
  constexpr operator size_t() const { return value; }
};

}  // namespace cuda
