// order.h: which accesses happen before which, by the rules of CUDA's memory model that learners
// meet: __syncthreads and grid barriers order all that came before; __syncwarp and shuffles, the
// lanes that took part; an atomic orders what came before a __threadfence ahead of it.
#pragma once
#include <unordered_map>
#include <vector>

#include "shadow.h"

namespace simt {

// What each lane of a warp knows of the others: vector clocks (Lamport 1978, Mattern 1988), since
// the last barrier of the block.
class WarpClocks {
 public:
  unsigned clock(int lane) const { return clock_[lane]; }
  bool knows(int lane, int other, unsigned clock) const { return known(lane, other) > clock; }
  // From when on the lane knows nothing of the other one: that clock.
  unsigned known(int lane, int other) const { return (uniform_ ? all_ : known_[lane])[other]; }
  void meet(unsigned lanes, unsigned existing);  // those lanes wait for one another
  void tick(int lane);  // what the lane does from now on has a clock of its own
  void reset();

 private:
  bool touched_ = false, uniform_ = true;  // uniform: every lane knows the same, all_
  uint16_t clock_[32] = {}, all_[32] = {}, known_[32][32] = {};
};

// What is known of a block: its accesses in the generations before one, and in that one those of
// some threads up to a moment.
struct Seen {
  Moment before = 0;          // the start of a generation
  std::vector<Moment> until;  // in order, one a thread
  void join(const Seen& other);
};
// What a thread, or a place in memory, knows of blocks through atomics.
class Knowledge {
 public:
  bool has(uint64_t block, Moment m) const;
  void join(const Knowledge& other) {
    for (auto& [block, seen] : other.blocks_) blocks_[block].join(seen);
  }
  void join(uint64_t block, const Seen& seen) { blocks_[block].join(seen); }
  bool empty() const { return blocks_.empty(); }
  size_t num_blocks() const { return blocks_.size(); }
  void clear() { blocks_.clear(); }

 private:
  std::unordered_map<uint64_t, Seen> blocks_;
};

// One block's order, as it runs.
//
// A fence makes what the thread did before it, and what it knows of, ready to be told; an atomic
// that writes tells it to those that read the place by an atomic later. Of fences before a
// __syncthreads() it is only noted that there was one: then all that the block did before the
// barrier may be told.
class Order {
 public:
  Moment now = 0;            // of the thread that runs
  Moment launch_begins = 0;  // earlier moments lie in earlier launches, or before a grid barrier

  void begin_block(uint32_t first_run, uint64_t num_blocks, uint64_t block, int num_threads);
  void enter(int thread);
  void barrier();
  void grid_barrier();
  void meet(int warp, unsigned lanes, unsigned existing);
  void fence();
  // An atomic, or a volatile flag; told of before it is made.
  void strong_access(uintptr_t address, bool reads, bool writes) {
    finish_reading(thread_);
    if (writes && (told_before_ || (any_fence_ && fences_[thread_]))) tell(address);
    if (reads) reads_[thread_] = address, any_reads_ = true;
  }
  void release(uintptr_t address) {
    finish_reading(thread_);
    fence();
    tell(address);
  }
  void acquire(uintptr_t address) { learn(thread_, address); }

  // The same but for what warps and atomics order; quick.
  bool maybe_concurrent(Moment earlier) const {
    Moment difference = earlier ^ now;
    if (difference >> kRunShift) return earlier >= launch_begins;
    return difference >> kThreadShift && !(difference >> kGenerationShift);
  }
  // Whether atomics have told this thread of that access.
  bool atomics_order(Moment earlier) {
    finish_reading(thread_);
    if (block_knows_.empty() && threads_know_.empty()) return false;
    return told_of(earlier);
  }
  // Whether every block of the launch has told this thread what it did, up to some moment.
  bool told_of_all();
  // Whether an earlier access may, on a GPU, as well come after or together with one made now.
  bool concurrent(Moment earlier);
  bool in_this_block(Moment m) const { return run_of(m) >= first_run_ && block_of(m) == block_; }
  uint64_t block_of(Moment m) const { return (run_of(m) - first_run_) % num_blocks_; }

 private:
  void next_run();
  void forget_generation();
  bool told_of(Moment earlier) const;
  Seen own_deeds() const;
  void tell(uintptr_t address);
  void learn(int thread, uintptr_t address);
  // Another block may tell of something between the call of strong_access and the access itself. So
  // what is read by it is learnt later: when it matters, but before the thread's next one.
  void finish_reading(int thread) {
    if (uintptr_t address = reads_[thread]) {
      reads_[thread] = 0;
      learn(thread, address);
    }
  }

  uint32_t first_run_ = 0, run_ = 0, generation_ = 0;
  uint64_t num_blocks_ = 1, block_ = 0;
  int thread_ = 0;
  std::vector<WarpClocks> warps_;
  Moment told_before_ = 0;        // what the block did before then may be told
  std::vector<Moment> fences_;    // by thread: its last fence in this generation, or 0
  std::vector<uintptr_t> reads_;  // by thread: the place of its last atomic, not learnt yet, or 0
  bool any_fence_ = false, any_reads_ = false;       // in this generation
  Knowledge block_knows_;                            // all threads do, since a barrier
  std::unordered_map<int, Knowledge> threads_know_;  // each one, since then
};

void forget_atomics();  // a launch begins: what earlier ones released no longer matters
uint32_t take_runs(uint64_t num_blocks);  // a number for each block of a launch

}  // namespace simt
