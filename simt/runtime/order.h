// order.h: which accesses happen before which, by the rules of CUDA's memory model that learners
// meet: __syncthreads and grid barriers order all that came before; __syncwarp and shuffles, the
// lanes that took part; an atomic orders what came before a __threadfence ahead of it.
#pragma once
#include <bitset>
#include <unordered_map>
#include <vector>

#include "shadow.h"

namespace simt {

// What each lane of a warp knows of the others: vector clocks (Lamport 1978, Mattern 1988), since
// the last barrier of the block.
class WarpClocks {
 public:
  unsigned clock(int lane) const { return clock_[lane]; }
  bool knows(int lane, int other, unsigned clock) const {
    return (uniform_ ? all_ : known_[lane])[other] > clock;
  }
  void meet(unsigned lanes, unsigned existing);  // those lanes wait for one another
  void reset();

 private:
  bool touched_ = false, uniform_ = true;  // uniform: every lane knows the same, all_
  uint16_t clock_[32] = {}, all_[32] = {}, known_[32][32] = {};
};

// One block's order, as it runs.
class Order {
 public:
  Moment now = 0;            // of the thread that runs
  Moment launch_begins = 0;  // earlier moments lie in earlier launches, or before a grid barrier

  void begin_block(uint32_t first_run, uint64_t num_blocks, uint64_t block, int num_threads);
  void enter(int thread);
  void barrier();
  void grid_barrier();
  void meet(int warp, unsigned lanes, unsigned existing);
  void fence() { fenced_[thread_] = true; }
  // An atomic, or a volatile flag.
  void strong_access(uintptr_t address, bool reads, bool writes) {
    exchange(address, reads, writes && fenced_[thread_]);
  }
  void release(uintptr_t address) { exchange(address, false, true); }
  void acquire(uintptr_t address) { exchange(address, true, false); }

  // The same but for what warps and atomics order; quick.
  bool maybe_concurrent(Moment earlier) const {
    Moment difference = earlier ^ now;
    if (difference >> kRunShift) return earlier >= launch_begins;
    return difference >> kThreadShift && !(difference >> kGenerationShift);
  }
  // Whether atomics have told this thread of another one of its block, since the last barrier.
  bool atomics_order(Moment earlier) const {
    if (known_threads_.empty()) return false;
    auto known = known_threads_.find((int)thread_of(now));
    return known != known_threads_.end() && known->second[thread_of(earlier)];
  }
  // Whether an earlier access may, on a GPU, as well come after or together with one made now.
  bool concurrent(Moment earlier) const;
  bool in_this_block(Moment m) const { return run_of(m) >= first_run_ && block_of(m) == block_; }
  uint64_t block_of(Moment m) const { return (run_of(m) - first_run_) % num_blocks_; }

 private:
  void next_run();
  void exchange(uintptr_t address, bool acquires, bool releases);

  uint32_t first_run_ = 0, run_ = 0, generation_ = 0;
  uint64_t num_blocks_ = 1, block_ = 0;
  int thread_ = 0;
  std::bitset<1024> fenced_;  // threads that have passed a __threadfence
  std::vector<WarpClocks> warps_;
  // What atomics have told: blocks whose accesses are known up to a generation; threads of this
  // block that are known to others since the last barrier.
  std::unordered_map<uint64_t, Moment> known_blocks_;
  std::unordered_map<int, std::bitset<1024>> known_threads_;
};

void forget_atomics();  // a launch begins: what earlier ones released no longer matters
uint32_t take_runs(uint64_t num_blocks);  // a number for each block of a launch

}  // namespace simt
