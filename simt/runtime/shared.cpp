// shared.cpp: the arena that holds the shared memory of the block that a worker runs.
//
// Static variables are placed when a thread first comes by their declaration, and keep their place
// for the rest of the launch. Every block starts with poison (all bits 1: NaN as a float, -1 as an
// int), so that reading what nobody wrote shows.
#include <algorithm>
#include <mutex>

#include "trace.h"

namespace simt {

__thread char** shared_addresses;

constexpr size_t kSharedGap = 1024, kSharedGaps = 14;  // bytes; and how many fit in the arena
static_assert(kStaticSharedLimit + kSharedGap * (kSharedGaps + 1) < kDynamicStart, "");

void reset_shared(Worker& w) {
  memset(w.arena, 0xff, w.static_high);
  memset(w.arena + kDynamicStart, 0xff, w.job->launch.config.dynamic_shared);
}

char* place_shared(SharedSite& site, size_t size, size_t align, const ArrayShape& shape) {
  static std::mutex mutex;
  static int sites = 0;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (site.id < 0) site.id = sites < kMaxSharedSites ? sites++ : -2;
  }
  Worker& w = *worker;
  if (site.id >= 0 && shared_addresses[site.id]) return shared_addresses[site.id];
  size_t start = (w.static_used + align - 1) / align * align;
  if (site.id < 0 || start + size > kStaticSharedLimit) {
    char text[256];
    snprintf(text, sizeof text,
             "the shared variables of this kernel need more than 48 KB: `%s` (%zu bytes) no longer "
             "fits after %zu bytes",
             site.name, size, w.static_used);
    report(w, {"too_much_shared_memory",
               cudaErrorLaunchOutOfResources,
               thread_name(w, w.current),
               text,
               {}});
    abandon_block(w);
  }
  w.static_used = start + size;
  if (traced_run()) {  // gaps show an index that goes too far; they change no bank
    start += kSharedGap * std::min<size_t>(w.shared_variables.size(), kSharedGaps);
    trace_shared(w, start, size);
    w.shared_variables.push_back({site.name, start, size, shape});
  }
  if (start + size > w.static_high) w.static_high = start + size;
  memset(w.arena + start, 0xff, size);
  return shared_addresses[site.id] = w.arena + start;
}

char* dynamic_shared_address(const char* name, const ArrayShape& shape) {
  Worker& w = *worker;
  if (traced_run())
    w.dynamic_array = {name, kDynamicStart, w.job->launch.config.dynamic_shared, shape};
  return w.arena + kDynamicStart;
}

}  // namespace simt
