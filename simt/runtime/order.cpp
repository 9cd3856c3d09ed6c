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

void WarpClocks::tick(int lane) {
  touched_ = true;
  if (clock_[lane] < kMaxClock) clock_[lane]++;
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
  warps_.resize((num_threads + 31) / 32);
  fences_.assign((size_t)num_threads, 0);
  reads_.assign((size_t)num_threads, 0);
  any_fence_ = any_reads_ = false;
  told_before_ = 0;
  block_knows_.clear();
  threads_know_.clear();
  forget_generation();
}

void Order::enter(int thread) {
  thread_ = thread;
  now = (Moment)run_ << kRunShift | (Moment)generation_ << kGenerationShift |
        (Moment)thread << kThreadShift | warps_[thread >> 5].clock(thread & 31);
}

// What was within the generation is told to the whole block.
void Order::forget_generation() {
  for (WarpClocks& warp : warps_) warp.reset();
  for (size_t thread = 0; any_reads_ && thread < reads_.size(); thread++)
    finish_reading((int)thread);
  any_reads_ = false;
  for (auto& [thread, knows] : threads_know_) block_knows_.join(knows);
  if (!threads_know_.empty()) threads_know_.clear();
  if (any_fence_) std::fill(fences_.begin(), fences_.end(), 0);
  any_fence_ = false;
}

void Order::barrier() {
  bool fenced = any_fence_;
  if (++generation_ == kMaxGenerations) next_run();
  forget_generation();
  enter(thread_);
  if (fenced) told_before_ = generation_start(now);
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
  forget_generation();
  block_knows_.clear();  // all is
  enter(thread_);
}

void Order::meet(int warp, unsigned lanes, unsigned existing) {
  warps_[warp].meet(lanes, existing);
  for (int lane = 0; any_reads_ && lane < 32; lane++)
    if (lanes >> lane & 1) finish_reading(warp * 32 + lane);
  if (!threads_know_.empty()) {
    Knowledge all;
    for (int lane = 0; lane < 32; lane++) {
      auto found = threads_know_.find(warp * 32 + lane);
      if (lanes >> lane & 1 && found != threads_know_.end()) all.join(found->second);
    }
    for (int lane = 0; lane < 32 && !all.empty(); lane++)
      if (lanes >> lane & 1) threads_know_[warp * 32 + lane] = all;
  }
  enter(thread_);
}

bool Order::concurrent(Moment earlier) {
  if (same_generation(earlier, now)) {
    unsigned a = thread_of(earlier), b = thread_of(now);
    if (a == b) return false;
    if (a >> 5 == b >> 5 && warps_[b >> 5].knows(b & 31, a & 31, clock_of(earlier))) return false;
    return !atomics_order(earlier);
  }
  if (same_run(earlier, now) || earlier < launch_begins || in_this_block(earlier)) return false;
  return !atomics_order(earlier);
}

// --------------------------------------------------------------------------- through atomics

void Seen::join(const Seen& other) {
  if (other.before < before) return;
  if (other.before > before) {
    *this = other;
    return;
  }
  std::vector<Moment> both(until.size() + other.until.size());
  std::merge(until.begin(), until.end(), other.until.begin(), other.until.end(), both.begin());
  until.clear();
  for (Moment m : both) {
    if (!until.empty() && same_thread(until.back(), m)) until.pop_back();
    until.push_back(m);
  }
}

bool Knowledge::has(uint64_t block, Moment m) const {
  auto found = blocks_.find(block);
  if (found == blocks_.end()) return false;
  const Seen& seen = found->second;
  if (m < seen.before) return true;
  auto thread = std::lower_bound(seen.until.begin(), seen.until.end(), m);
  return thread != seen.until.end() && same_thread(*thread, m);
}

namespace {
std::mutex released_mutex;
std::unordered_map<uintptr_t, Knowledge>
    released;  // what whoever reads a place by an atomic learns
std::atomic<bool> any_released{false};
}  // namespace

void forget_atomics() {
  if (!any_released) return;
  released.clear();
  any_released = false;
}

bool Order::told_of(Moment earlier) const {
  uint64_t block = block_of(earlier);
  if (block_knows_.has(block, earlier)) return true;
  auto found = threads_know_.find(thread_);
  return found != threads_know_.end() && found->second.has(block, earlier);
}

bool Order::told_of_all() {
  finish_reading(thread_);
  Knowledge all = block_knows_;
  auto found = threads_know_.find(thread_);
  if (found != threads_know_.end()) all.join(found->second);
  all.join(block_, {});
  return all.num_blocks() == num_blocks_;
}

void Order::fence() {
  any_fence_ = true;
  fences_[thread_] = now;
  warps_[thread_ >> 5].tick(thread_ & 31);
  enter(thread_);
}

// What this thread may tell of its block: what came before its fence, also of lanes that it has
// met; without one, what came before a barrier.
Seen Order::own_deeds() const {
  Moment fence = fences_[thread_];
  if (!fence) return {told_before_, {}};
  Seen seen{generation_start(fence), {}};
  const WarpClocks& warp = warps_[thread_ >> 5];
  for (int lane = 0; lane < 32; lane++) {
    unsigned other = (unsigned)(thread_ & ~31) + lane, known = warp.known(thread_ & 31, lane);
    if ((int)other == thread_)
      seen.until.push_back(fence);
    else if (known)
      seen.until.push_back(seen.before | (Moment)other << kThreadShift | (known - 1));
  }
  return seen;
}

void Order::tell(uintptr_t address) {
  std::lock_guard<std::mutex> lock(released_mutex);
  any_released = true;
  Knowledge& place = released[address];
  place.join(block_knows_);
  auto own = threads_know_.find(thread_);
  if (own != threads_know_.end()) place.join(own->second);
  place.join(block_, own_deeds());
}

void Order::learn(int thread, uintptr_t address) {
  if (!any_released.load(std::memory_order_relaxed)) return;
  std::lock_guard<std::mutex> lock(released_mutex);
  auto found = released.find(address);
  if (found != released.end()) threads_know_[thread].join(found->second);
}

}  // namespace simt
