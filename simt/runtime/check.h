// check.h: what simt check does at each access of a kernel to memory. Is it allowed there? Has
// anybody written what it reads? May another thread's access to the same place come before or after
// it, as it happens (a race)? Here is what every access goes through; check.cpp has what is done
// and said when something is found.
#pragma once
#include "access.h"
#include "arena.h"
#include "order.h"

namespace simt {

struct Access {
  uintptr_t address;
  unsigned size, how;
  void* pc;
  Area area;
  bool strong() const { return how & kAtomic || (how & kVolatile && area != Area::Shared); }
};

// The check of one worker: of the block that it runs.
class Checker {
 public:
  Order order;

  explicit Checker(Worker& w);
  void begin_block(uint32_t first_run, uint64_t num_blocks);
  void end_block() { settle(); }
  void enter(int thread) {  // that thread goes on
    if (num_unsettled_) settle();
    order.enter(thread);
  }
  void barrier() {
    if (num_unsettled_) settle();
    order.barrier();
  }
  void grid_barrier(unsigned phase) {  // the first thread of the block to go on tells the others
    if (num_unsettled_) settle();
    if (phase == grid_phase_) return order.enter(worker_.current);
    grid_phase_ = phase;
    order.grid_barrier();
  }
  void shared_placed(size_t offset, size_t size);  // of the arena: from now on it may be used

  template <unsigned N>
  void access(uintptr_t address, unsigned how, void* pc) {
    if (N > 1 && address & (N - 1)) return misaligned({address, N, how, pc, Area::Global});
    size_t at = address - stacks_;
    if (at < stacks_size_) return;  // local memory
    at -= stacks_size_;
    if (at < kArena) {
      for (unsigned i = 0; i < N; i += 4)
        if (!shared_valid_[(at + i) >> 2])
          return shared_out_of_bounds({address, N, how, pc, Area::Shared});
      if (!settled<N>(shared_, at, how))
        look<N>(shared_, at, {address, N, how, pc, Area::Shared}, false);
    } else if (at = arena.offset(address), at < arena.size()) {
      if (!arena.allocated(at, N)) return global_out_of_bounds({address, N, how, pc, Area::Global});
      if (!settled<N>(arena.shadow, at, how))
        look<N>(arena.shadow, at, {address, N, how, pc, Area::Global}, arena.written_by_host(at));
    } else {
      elsewhere({address, N, how, pc, Area::Program});
    }
  }
  void access_range(uintptr_t address, size_t size, unsigned how, void* pc);

 private:
  // Whether this access tells nothing new: the thread has made it before, or it is one more of
  // several readers. Most accesses end here.
  template <unsigned N>
  bool settled(Shadow& shadow, size_t at, unsigned how) const {
    if (N < 4 || how & (kAtomic | kVolatile)) return false;
    for (unsigned i = 0; i < N; i += 4) {
      const Cell& cell = shadow.cell(at + i);
      if (how & kWrite) {
        if (cell.writer != order.now || cell.writer_pc & kStrong) return false;
        continue;
      }
      Moment difference = cell.reader ^ order.now;
      if (!difference) continue;
      if (difference >> kGenerationShift || cell.reader_pc & kStrong) return false;
      if (cell.reader_pc & kOthersInBlock) continue;
      bool same_meeting = !(difference >> (kThreadShift + 5)) && !(difference & kMaxClock);
      if (!same_meeting || !(cell.reader_pc & kOthersInWarp)) return false;
    }
    return true;
  }

  template <unsigned N>
  __attribute__((noinline)) void look(Shadow& shadow, size_t at, const Access& a, bool written) {
    if (N < 4) {
      Cell* cells = shadow.byte_cells(at) + at % 4;
      for (unsigned i = 0; i < N; i++) touch(cells[i], a, written);
      return;
    }
    for (unsigned i = 0; i < N; i += 4) {
      Cell& cell = shadow.cell(at + i);
      if (__builtin_expect(cell.writer == kByteCells, 0)) {
        Cell* cells = shadow.byte_cells(at + i);
        for (unsigned b = 0; b < 4; b++) touch(cells[b], a, written);
      } else {
        touch(cell, a, written);
      }
    }
  }

  void touch(Cell& cell, const Access& a, bool written) {
    if (a.how & kWrite) {
      if (changes(a.how) && !cell.writer && !written) unwritten(a);
      write(cell, a);
    } else {
      read(cell, a, written);
    }
  }

  void read(Cell& cell, const Access& a, bool written) {
    Moment now = order.now, w = cell.writer, r = cell.reader;
    bool nobody = a.area == Area::Shared ? !same_run(w, now) : !w && !written;
    if (nobody || order.maybe_concurrent(w)) check_read(cell, a, written);
    uint32_t others = cell.reader_pc & ~kPcMask & ~kStrong;
    if (same_generation(r, now)) {
      if (thread_of(r) >> 5 != thread_of(now) >> 5)
        others |= order.atomics_order(r) ? 0 : kOthersInBlock;
      else
        others = (others & ~kOthersInWarp) | (order.concurrent(r) ? kOthersInWarp : 0);
    } else {
      others &= kOthersInGrid;
      if (r < order.launch_begins)
        others = 0;
      else if (a.area != Area::Shared && !same_run(r, now) && order.concurrent(r))
        others = kOthersInGrid;
    }
    uint32_t strong = a.strong() && (!others || cell.reader_pc & kStrong) ? kStrong : 0;
    cell.reader_pc = code_offset(a.pc) | others | strong;
    publish(cell.reader, now);
  }

  void write(Cell& cell, const Access& a) {
    Moment now = order.now;
    uint32_t strong = a.strong() ? kStrong : 0;
    if (cell.writer == now && (cell.writer_pc & kStrong) == strong) return;
    bool several = cell.reader_pc & (kOthersInWarp | kOthersInBlock | kOthersInGrid);
    if (several || order.maybe_concurrent(cell.writer) || order.maybe_concurrent(cell.reader))
      check_write(cell, a);
    cell.writer_pc = code_offset(a.pc) | strong;
    publish(cell.writer, now);
  }

  uint32_t code_offset(void* pc) const { return (uint32_t)((uintptr_t)pc - code_) & kPcMask; }

  void check_read(Cell& cell, const Access& a, bool written);
  void check_write(Cell& cell, const Access& a);
  void unwritten(const Access& a);
  void misaligned(const Access& a);
  void shared_out_of_bounds(const Access& a);
  void global_out_of_bounds(const Access& a);
  void elsewhere(const Access& a);
  void race(const Cell& cell, const Access& a, bool with_reader);
  void settle();
  std::string line_of(void* pc, bool runs_now = true) const;  // the user's
  std::string on_line(const Access& a) const;                 // " at gpt.cu:12"

  Worker& worker_;
  unsigned grid_phase_ = 0;  // grid barriers that the block has passed
  uint32_t launch_ = 0;      // its first run
  uintptr_t stacks_, code_;
  size_t stacks_size_;
  Shadow shared_;
  std::vector<uint8_t> shared_valid_;  // by granule of the arena
  // Writes that collide with another thread's. Both may write the same value, which does no harm;
  // that shows only after the write.
  struct Unsettled {
    Access access;
    Cell cell;
    unsigned char before[16];
  };
  Unsettled unsettled_[16];
  int num_unsettled_ = 0;
};

extern __thread Checker* checker;  // of this OS thread, while it runs a kernel that is checked

}  // namespace simt
