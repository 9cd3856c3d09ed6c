// order.cpp: happens-before. See order.h.
#include "order.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

namespace simt {

// ----------------------------------------------------------------------------- within a warp

void WarpClocks::meet(unsigned lanes, unsigned existing) {
  touched_ = true;
  bool whole = lanes == existing;
  if (!whole && uniform_) {
    for (auto& row : known_) memcpy(row, all_, sizeof all_);
    uniform_ = false;
  }
  uint16_t joined[32] = {};
  if (uniform_) {
    memcpy(joined, all_, sizeof joined);
  } else {
    for (int lane = 0; lane < 32; lane++)
      if (lanes >> lane & 1)
        for (int other = 0; other < 32; other++)
          joined[other] = std::max(joined[other], known_[lane][other]);
  }
  for (int lane = 0; lane < 32; lane++)
    if (lanes >> lane & 1) {
      joined[lane] = (uint16_t)(clock_[lane] + 1);
      if (clock_[lane] < kMaxClock) clock_[lane]++;
    }
  if (whole) {
    memcpy(all_, joined, sizeof all_);
    uniform_ = true;
    return;
  }
  for (int lane = 0; lane < 32; lane++)
    if (lanes >> lane & 1) memcpy(known_[lane], joined, sizeof joined);
}

void WarpClocks::reset() {
  if (!touched_) return;
  touched_ = false;
  uniform_ = true;
  memset(clock_, 0, sizeof clock_);
  memset(all_, 0, sizeof all_);
}

// ---------------------------------------------------------------------------- within a block

static std::atomic<uint64_t> next_free_run{2};  // 0: never, 1: the host

uint32_t take_runs(uint64_t num_blocks) {
  if (next_free_run + num_blocks >= kMaxRuns) return 0;
  return (uint32_t)next_free_run.fetch_add(num_blocks);
}

void Order::begin_block(uint32_t first_run, uint64_t num_blocks, uint64_t block, int num_threads) {
  first_run_ = first_run;
  num_blocks_ = num_blocks;
  block_ = block;
  run_ = (uint32_t)(first_run + block);
  launch_begins = (Moment)first_run << kRunShift;
  generation_ = 0;
  fenced_.reset();
  warps_.resize((num_threads + 31) / 32);
  for (WarpClocks& warp : warps_) warp.reset();
  known_blocks_.clear();
  known_threads_.clear();
}

void Order::enter(int thread) {
  thread_ = thread;
  now = (Moment)run_ << kRunShift | (Moment)generation_ << kGenerationShift |
        (Moment)thread << kThreadShift | warps_[thread >> 5].clock(thread & 31);
}

void Order::barrier() {
  if (++generation_ == kMaxGenerations) next_run();
  for (WarpClocks& warp : warps_) warp.reset();
  if (!known_threads_.empty()) known_threads_.clear();
  enter(thread_);
}

// The block goes on under a number that is a multiple of num_blocks further on, so that block_of
// still tells which block it was.
void Order::next_run() {
  generation_ = 0;
  run_ += (uint32_t)num_blocks_;
  uint64_t free_now = next_free_run,
           end = (run_ - first_run_) / num_blocks_ * num_blocks_ + first_run_ + num_blocks_;
  while (free_now < end && !next_free_run.compare_exchange_weak(free_now, end)) {
  }
}

void Order::grid_barrier() {
  next_run();
  launch_begins = (Moment)(run_ - block_) << kRunShift;
  for (WarpClocks& warp : warps_) warp.reset();
  known_threads_.clear();
  known_blocks_.clear();
  enter(thread_);
}

void Order::meet(int warp, unsigned lanes, unsigned existing) {
  warps_[warp].meet(lanes, existing);
  enter(thread_);
}

bool Order::concurrent(Moment earlier) const {
  if (same_generation(earlier, now)) {
    unsigned a = thread_of(earlier), b = thread_of(now);
    if (a == b) return false;
    if (a >> 5 == b >> 5 && warps_[b >> 5].knows(b & 31, a & 31, clock_of(earlier))) return false;
    return !atomics_order(earlier);
  }
  if (same_run(earlier, now) || earlier < launch_begins || in_this_block(earlier)) return false;
  auto known = known_blocks_.find(block_of(earlier));
  return known == known_blocks_.end() || known->second < earlier >> kGenerationShift;
}

// --------------------------------------------------------------------------- through atomics

namespace {
// What is known to whoever reads an address by an atomic.
struct Released {
  struct Block {
    Moment until = 0;           // run and generation
    Moment when = 0;            // the run and generation in which ...
    std::bitset<1024> threads;  // ... these threads of it released, or were known to who did
  };
  std::unordered_map<uint64_t, Block> blocks;
};
std::mutex mutex;
std::unordered_map<uintptr_t, Released> released;
std::atomic<bool> any_released{false};
}  // namespace

void forget_atomics() {
  if (!any_released) return;
  released.clear();
  any_released = false;
}

void Order::strong_access(uintptr_t address, bool reads, bool writes) {
  if (!fenced_[thread_] && !any_released.load(std::memory_order_relaxed)) return;
  std::lock_guard<std::mutex> lock(mutex);
  if (reads) {
    auto found = released.find(address);
    if (found != released.end()) {
      const Released& r = found->second;
      for (auto& [block, released_by] : r.blocks) {
        Moment& known = known_blocks_[block];
        known = std::max(known, released_by.until);
      }
      auto mine = r.blocks.find(block_);
      if (mine != r.blocks.end() && mine->second.when == now >> kGenerationShift)
        known_threads_[thread_] |= mine->second.threads;
    }
  }
  if (writes && fenced_[thread_]) {
    any_released = true;
    Released& r = released[address];
    for (auto& [block, until] : known_blocks_)
      r.blocks[block].until = std::max(r.blocks[block].until, until);
    Released::Block& mine = r.blocks[block_];
    mine.until = now >> kGenerationShift;
    if (mine.when != mine.until) mine.threads.reset();
    mine.when = mine.until;
    mine.threads |= known_threads_[thread_];
    mine.threads[thread_] = true;
  }
}

}  // namespace simt
