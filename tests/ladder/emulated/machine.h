// machine.h: Hopper's clusters on one CPU thread, where everything takes as long as it likes.
//
// Each lane is a fiber. What is not done at once is an event: a warp that goes on, a store into
// another block, a bulk copy, a store to memory that others poll. Events take random times, short
// ones mostly and sometimes very long ones: in each run (a seed is one) they happen in another
// order, most of them unlike any on a GPU. Shared memory that is written at some time from now on
// is NaN until then: who still reads what was there gets that.
#pragma once
#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "../../../simt/runtime/context.h"

namespace emulated {

using Address = uint32_t;  // of shared memory: the block's number, then 20 bits of offset
const int OFFSET_BITS = 20;
const size_t STACK = 32 * 1024;
const int NAN_BYTE = 0xff;  // floats, halves and bfloat16 of such bytes are NaN

struct Fiber {
  void* stack_pointer = nullptr;  // nullptr: it has not begun
  int index;
  uint3 thread, block;
};

struct Warp {
  std::vector<int> ready;  // fibers
  bool scheduled = false;  // an event will run it, or it runs
  int slowness = 1;
  bool parked = false, poked = false;  // until what it polls is written; it was, meanwhile
  // Where its lanes meet. What the last meeting left stays until all have read it.
  int arrived = 0, turn = 0;
  alignas(16) unsigned char left[2][32][32];
};

// A barrier of threads, or an mbarrier.
struct Barrier {
  int count = 0, pending = 0;
  long bytes = 0;  // still to come
  unsigned phase = 0;
  std::vector<int> waiting;
};

struct Block {
  std::unique_ptr<unsigned char[]> storage;
  unsigned char* shared;
  int live;
  Barrier named[16];
};

struct Event {
  int warp;           // that goes on; -1: `size` bytes are stored
  unsigned char* to;  // from `from`, or where that is nullptr, from `bytes`
  const void* from;
  unsigned char bytes[16];
  int size;
  Address barrier;  // where they count, or 0
};

class Machine {
 public:
  Fiber* current = nullptr;
  uint64_t now = 0;
  std::string fault;

  // Runs body() in all threads of a grid. `fault` says what went wrong, if anything did.
  void run(int num_blocks, int num_threads, int cluster, int shared_bytes, uint64_t seed,
           std::function<void()> body);

  // --- for the current fiber
  unsigned char* shared() { return own_block().shared; }
  Address address_of(const void* p) {
    return current->block.x << OFFSET_BITS | (Address)((const unsigned char*)p - shared());
  }
  // All 32 lanes leave a value, and read those of all. If they have polled in vain, they go on when
  // something of it is written.
  template <typename T>
  std::array<T, 32> meet_lanes(const T& value, bool (*in_vain)(const T&) = nullptr) {
    static_assert(sizeof(T) <= 32, "");
    Warp& w = warps_[current->index / 32];
    const int turn = w.turn;
    memcpy(w.left[turn][current->index % 32], &value, sizeof value);
    std::array<T, 32> all;
    auto read = [&] {
      for (int lane = 0; lane < 32; lane++) memcpy(&all[lane], w.left[turn][lane], sizeof(T));
    };
    if (++w.arrived < 32) {
      block();
      read();
      return all;
    }
    read();
    w.arrived = 0, w.turn ^= 1;
    const int first = current->index / 32 * 32, backwards = draw(2) ? 31 : 0;
    for (int lane = 0; lane < 32; lane++)
      if (int fiber = first + (lane ^ backwards); fiber != current->index) w.ready.push_back(fiber);
    if (in_vain && std::any_of(all.begin(), all.end(), in_vain)) {
      w.parked = !w.poked, w.poked = false;
      pause(100);
    } else if (draw(256) == 0) {
      pause(20);
    }
    return all;
  }
  // Its warp polls what is at p.
  void watch(const void* p) {
    auto& who = watching_[(size_t)p / 64];
    const int warp = current->index / 32;
    if (std::find(who.begin(), who.end(), warp) == who.end()) who.push_back(warp);
  }
  // So many threads of the block, or of the cluster, come here; those who stay until all have.
  void meet(Barrier& b, int threads, bool stay = true);
  Barrier& named(int id) { return own_block().named[id]; }
  Barrier& of_cluster() { return cluster_barriers_[current->block.x / cluster_]; }
  int cluster_threads() const { return cluster_ * num_threads_; }
  int block_threads() const { return num_threads_; }
  // The whole warp, some time later.
  void pause(int usual);

  // --- mbarriers
  void init(Address a, int count) { barriers_[a] = {count, count}; }
  void arrive(Address a, int count, int bytes = 0);
  void await(Address a, unsigned parity);  // until the phase of that parity has ended

  // --- memory
  void send(Address to, const void* from, int size, Address barrier, int usual, bool is_long);
  int copying = 0;  // how long bulk copies usually take: who waits for whom depends on it
  void post(void* to, const void* from, int size);

 private:
  std::vector<Fiber> fibers_;
  std::vector<Warp> warps_;
  std::vector<Block> blocks_;
  std::map<int, Barrier> cluster_barriers_;
  std::unordered_map<Address, Barrier> barriers_;
  std::unique_ptr<unsigned char[]> stacks_;
  std::vector<Event> events_;
  std::vector<int> free_events_;
  using Due = std::pair<uint64_t, int>;
  std::priority_queue<Due, std::vector<Due>, std::greater<Due>> due_;
  std::unordered_map<size_t, std::vector<int>> watching_;  // warps, by 64 bytes
  std::unordered_map<void*, uint64_t> last_store_;         // stores to one place stay in order
  uint64_t random_ = 1;
  int num_threads_ = 0, cluster_ = 1, stop_ = 0;
  void* scheduler_ = nullptr;
  std::function<void()> body_;

  unsigned draw(unsigned n) {  // xorshift64*
    random_ ^= random_ >> 12, random_ ^= random_ << 25, random_ ^= random_ >> 27;
    return (random_ * 0x2545f4914f6cdd1dull >> 33) % n;
  }
  uint64_t duration(int usual) {
    unsigned luck = draw(2048);
    return 1 + draw(2 * usual) * (luck == 0 ? 400 : luck < 64 ? 20 : 1);
  }
  void fail(const std::string& why) {
    if (fault.empty()) fault = why;
  }
  Block& own_block() { return blocks_[current->block.x]; }
  unsigned char* place(Address a) {
    return blocks_[a >> OFFSET_BITS].shared + (a & ((1u << OFFSET_BITS) - 1));
  }
  void block() { simt_switch(&current->stack_pointer, scheduler_); }
  void make_ready(int fiber);
  void schedule(int warp, int usual);
  void wait(Barrier& b);
  void end_phase(Barrier& b);
  void may_end(Barrier& b);
  void put(const Event& e, uint64_t when);
  void poke(const void* p);
  void happen(Event e);
  void run_warp(int warp);
  static void begin();
};

inline Machine machine;

// ------------------------------------------------------------------------------- scheduling

inline void Machine::schedule(int warp, int usual) {
  Warp& w = warps_[warp];
  if (w.scheduled) return;
  w.scheduled = true;
  put({warp}, now + duration(usual) * w.slowness);
}

inline void Machine::make_ready(int fiber) {
  warps_[fiber / 32].ready.push_back(fiber);
  schedule(fiber / 32, 2);
}

inline void Machine::pause(int usual) {
  warps_[current->index / 32].ready.push_back(current->index);
  stop_ = usual;
  block();
}

inline void Machine::run_warp(int warp) {
  Warp& w = warps_[warp];
  stop_ = 0;
  while (!w.ready.empty() && !stop_ && fault.empty()) {
    Fiber& f = fibers_[w.ready.back()];
    w.ready.pop_back();
    current = &f;
    if (f.stack_pointer)
      simt_switch(&scheduler_, f.stack_pointer);
    else
      simt_start(&scheduler_, stacks_.get() + (f.index + 1) * STACK - 128, begin);
  }
  w.scheduled = w.parked;  // by who writes what it polls
  if (!w.ready.empty()) schedule(warp, std::max(stop_, 2));
}

// A fiber's life.
inline void Machine::begin() {
  machine.body_();
  machine.own_block().live--;
  machine.block();
}

inline void Machine::run(int num_blocks, int num_threads, int cluster, int shared_bytes,
                         uint64_t seed, std::function<void()> body) {
  std::unique_ptr<unsigned char[]> stacks = std::move(stacks_);
  *this = Machine();
  const int count = num_blocks * num_threads;
  stacks_ = stacks ? std::move(stacks)
                   : std::unique_ptr<unsigned char[]>(new unsigned char[count * STACK]);
  random_ = 0x9e3779b97f4a7c15ull * (seed + 1);
  copying = draw(2) ? 300 : 10000;
  num_threads_ = num_threads, cluster_ = cluster, body_ = body;
  for (int i = 0; i < num_blocks; i++) {
    Block b;
    b.storage.reset(new unsigned char[shared_bytes + 128]);
    b.shared = (unsigned char*)(((size_t)b.storage.get() + 127) / 128 * 128);
    memset(b.shared, NAN_BYTE, shared_bytes);
    b.live = num_threads;
    blocks_.push_back(std::move(b));
  }
  warps_.resize(count / 32);
  for (Warp& w : warps_)
    if (draw(8) == 0) w.slowness = 1 + draw(30);
  for (int i = 0; i < count; i++)
    fibers_.push_back(
        {nullptr, i, {(unsigned)(i % num_threads), 0, 0}, {(unsigned)(i / num_threads), 0, 0}});
  for (int i = 0; i < count; i++) make_ready(i);
  while (!due_.empty() && fault.empty()) {
    auto [when, event] = due_.top();
    due_.pop();
    now = when;
    free_events_.push_back(event);
    happen(events_[event]);
  }
  for (Block& b : blocks_)
    if (b.live > 0) fail("threads wait for ever");
}

// ------------------------------------------------------------------------------- waiting

inline void Machine::wait(Barrier& b) {
  b.waiting.push_back(current->index);
  block();
}

inline void Machine::end_phase(Barrier& b) {
  b.phase++, b.pending = b.count;
  std::vector<int> woken;
  woken.swap(b.waiting);
  for (int fiber : woken) make_ready(fiber);
}

inline void Machine::meet(Barrier& b, int threads, bool stay) {
  if (b.count == 0) b.count = b.pending = threads;
  if (b.count != threads) return fail("threads of one barrier expect another number of them");
  const unsigned phase = b.phase;
  if (--b.pending == 0) return end_phase(b);
  while (stay && b.phase == phase) wait(b);
}

inline void Machine::may_end(Barrier& b) {
  if (b.pending == 0 && b.bytes == 0) end_phase(b);
}

inline void Machine::arrive(Address a, int count, int bytes) {
  Barrier& b = barriers_[a];
  b.bytes += bytes, b.pending -= count;
  if (b.pending < 0) return fail("an mbarrier has more arrivals than it counts");
  may_end(b);
  if (draw(64) == 0) pause(200);  // others get to know of it, before this lane goes on
}

inline void Machine::await(Address a, unsigned parity) {
  Barrier& b = barriers_[a];
  while ((b.phase & 1) == parity) wait(b);
}

// ------------------------------------------------------------------------------- memory

inline void Machine::put(const Event& e, uint64_t when) {
  int i = events_.size();
  if (free_events_.empty())
    events_.push_back(e);
  else
    i = free_events_.back(), free_events_.pop_back(), events_[i] = e;
  due_.push({when, i});
}

// Into shared memory, at some time from now on. is_long: `from` is read then.
inline void Machine::send(Address to, const void* from, int size, Address barrier, int usual,
                          bool is_long) {
  if (blocks_[to >> OFFSET_BITS].live == 0) return fail("a store to a block that has left");
  memset(place(to), NAN_BYTE, size);
  Event e = {-1, place(to), is_long ? from : nullptr, {}, size, barrier};
  if (!is_long) memcpy(e.bytes, from, size);
  put(e, now + duration(usual));
}

// Into memory that others poll, word by word.
inline void Machine::post(void* to, const void* from, int size) {
  for (int i = 0; i < size; i += 4) {
    Event e = {-1, (unsigned char*)to + i, nullptr, {}, 4, 0};
    memcpy(e.bytes, (const unsigned char*)from + i, 4);
    uint64_t& last = last_store_[e.to];
    last = std::max(last + 1, now + duration(30));
    put(e, last);
  }
}

// Who polls it may go on.
inline void Machine::poke(const void* p) {
  auto who = watching_.find((size_t)p / 64);
  if (who == watching_.end()) return;
  for (int warp : who->second) {
    Warp& w = warps_[warp];
    w.poked = !w.parked;
    if (!w.parked) continue;
    w.parked = w.scheduled = false;
    schedule(warp, 100);
  }
}

inline void Machine::happen(Event e) {
  if (e.warp >= 0) return run_warp(e.warp);
  memcpy(e.to, e.from ? e.from : e.bytes, e.size);
  if (!e.barrier) return poke(e.to);
  if (blocks_[e.barrier >> OFFSET_BITS].live == 0)
    return fail("a store came to a block that had left");
  Barrier& b = barriers_[e.barrier];
  b.bytes -= e.size;
  may_end(b);
}

}  // namespace emulated
