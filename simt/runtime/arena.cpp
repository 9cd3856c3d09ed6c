// arena.cpp: see arena.h.
#include "arena.h"

#include <execinfo.h>
#include <sys/resource.h>

#include <algorithm>
#include <mutex>

#include "trace.h"

namespace simt {

Arena arena;
static std::mutex arena_mutex;

// As large as the system lets us: addresses cost nothing.
bool Arena::reserve() {
  size_t size = (size_t)64 << 30;
  rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    size = limit.rlim_cur / 32 / kPageBytes * kPageBytes;  // the shadow is six times as large
  for (; size >= (size_t)16 << 20; size /= 2) {
    char* p = reserve_memory(size);
    auto* pages = (Page*)reserve_memory(size / kPageBytes * sizeof(Page));
    if (p && pages && shadow.reserve(size)) {
      base_ = (uintptr_t)p, size_ = size, pages_ = pages;
      return true;
    }
  }
  return false;
}

// Starts lie 256 bytes apart modulo a page, so that arrays don't all fall into the same sets of the
// CPU's cache.
void* Arena::allocate(size_t size, Memory kind) {
  std::lock_guard<std::mutex> lock(arena_mutex);
  if (!size_ && !reserve()) return nullptr;
  size_t stagger = count_++ % 8 * 256;
  size_t gap = std::clamp<size_t>(size, kPageBytes, (size_t)4 << 20);  // on each side
  size_t whole = (gap + stagger + size + gap + kPageBytes - 1) / kPageBytes * kPageBytes;
  bool again = next_ + whole > size_;
  size_t at = again ? 0 : next_;
  if (whole > size_) return nullptr;
  // Once the region is used up: the first place where all has been freed.
  for (auto next = allocations_.lower_bound(base_ + at); next != allocations_.end();) {
    if (next->first >= base_ + at + whole) break;
    if (next->second.freed) {
      next = allocations_.erase(next);
      continue;
    }
    at = (next->first + next->second.size - base_ + kPageBytes) / kPageBytes * kPageBytes;
    if (at + whole > size_) return nullptr;
    ++next;
  }
  next_ = at + whole;
  size_t start = (at + gap + kPageBytes - 1) / kPageBytes * kPageBytes + stagger,
         end = start + size;
  if (again) shadow.forget(at, whole);
  for (size_t page = start / kPageBytes; page * kPageBytes < end; page++) {
    size_t first = page * kPageBytes;
    pages_[page] = {(uint16_t)(std::max(start, first) - first),
                    (uint16_t)(std::min(end, first + kPageBytes) - first), false};
  }
  Allocation& made = allocations_[base_ + start] = {(char*)base_ + start, size, kind, false, {}};
  if (tracing == Tracing::Check) backtrace(made.frames.data(), (int)made.frames.size());
  return (char*)base_ + start;
}

bool Arena::release(void* p, Memory* kind) {
  std::lock_guard<std::mutex> lock(arena_mutex);
  auto found = allocations_.find((uintptr_t)p);
  if (found == allocations_.end() || found->second.freed) return false;
  Allocation& a = found->second;
  a.freed = true;
  *kind = a.kind;
  size_t start = (uintptr_t)p - base_;
  for (size_t page = start / kPageBytes; page * kPageBytes < start + a.size; page++)
    pages_[page] = {0, 0, false};
  release_pages(p, a.size);
  shadow.forget(start, a.size);
  return true;
}

void Arena::written(void* p, size_t size) {
  if (!contains((uintptr_t)p) || !size) return;
  size_t start = offset((uintptr_t)p), end = start + size;
  for (size_t page = start / kPageBytes; page * kPageBytes < end; page++) {
    Page& entry = pages_[page];
    size_t first = page * kPageBytes, from = std::max(start, first),
           to = std::min(end, first + kPageBytes);
    if (from - first <= entry.first && to - first >= entry.end) {
      entry.written = true;
      continue;
    }
    for (size_t at = from; at < to;) {
      bool whole = at % 4 == 0 && at + 4 <= to;
      Cell& cell = whole && shadow.cell(at).writer != kByteCells ? shadow.cell(at)
                                                                 : shadow.byte_cells(at)[at % 4];
      if (!cell.writer) cell.writer = kByHost;
      at += whole && &cell == &shadow.cell(at) ? 4 : 1;
    }
  }
}

bool Arena::any_written(const void* p, size_t size) {
  size_t start = offset((uintptr_t)p);
  for (size_t at = start & ~(size_t)3; at < start + size; at += 4)
    if (written_by_host(at) || shadow.cell(at).writer) return true;
  return false;
}

const Allocation* Arena::holding(uintptr_t address) const {
  std::lock_guard<std::mutex> lock(arena_mutex);
  auto after = allocations_.upper_bound(address);
  if (after == allocations_.begin()) return nullptr;
  const Allocation& a = std::prev(after)->second;
  return address - (uintptr_t)a.start < a.size ? &a : nullptr;
}

const Allocation* Arena::nearest(uintptr_t address) const {
  std::lock_guard<std::mutex> lock(arena_mutex);
  if (allocations_.empty()) return nullptr;
  auto after = allocations_.upper_bound(address);
  if (after == allocations_.begin()) return &after->second;
  const Allocation& before = std::prev(after)->second;
  if (after == allocations_.end()) return &before;
  uintptr_t end = (uintptr_t)before.start + before.size;
  bool first = address < end || address - end <= after->first - address;
  return first ? &before : &after->second;
}

std::vector<Allocation> Arena::alive() const {
  std::lock_guard<std::mutex> lock(arena_mutex);
  std::vector<Allocation> found;
  for (auto& [start, a] : allocations_)
    if (!a.freed) found.push_back(a);
  return found;
}

}  // namespace simt
