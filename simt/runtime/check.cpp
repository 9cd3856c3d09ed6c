// check.cpp: what simt check found wrong with an access, and how it says so.
#include "check.h"

#include <sys/mman.h>

#include "names.h"
#include "trace.h"

namespace simt {

__thread Checker* checker;

Checker::Checker(Worker& w)
    : worker_(w),
      stacks_((uintptr_t)w.stacks),
      code_(program_code()),
      stacks_size_((size_t)(w.arena - w.stacks)),
      shared_valid_(kArena / 4) {
  if (!shared_.reserve(kArena)) {
    fprintf(stderr, "simt: no memory for checking\n");
    abort();
  }
}

// ------------------------------------------------------------------------------ a block runs

void Checker::begin_block(uint32_t first_run, uint64_t num_blocks) {
  order.begin_block(first_run, num_blocks, worker_.block, worker_.num_threads);
  grid_phase_ = 0;
  if (first_run == launch_) return;
  launch_ = first_run;
  std::fill(shared_valid_.begin(), shared_valid_.end(), 0);
  shared_placed(kDynamicStart, worker_.job->launch.config.dynamic_shared);
}

void Checker::shared_placed(size_t offset, size_t size) {
  std::fill_n(shared_valid_.begin() + offset / 4, (size + 3) / 4, 1);
}

void Checker::access_range(uintptr_t address, size_t size, unsigned how, void* pc) {
  size_t at = 0;
  while (at < size && (address + at) % 4) access<1>(address + at++, how, pc);
  for (; at + 4 <= size; at += 4) access<4>(address + at, how, pc);
  while (at < size) access<1>(address + at++, how, pc);
}

// --------------------------------------------------------------------------------- bad places

static const char* verb(const Access& a) {
  return changes(a.how) ? "changed" : a.how & kWrite ? "written" : "read";
}
static const char* memory_of(const Access& a) {
  return a.area == Area::Shared ? "shared memory" : "global memory";
}
// Where a function of simt's was called that is not inlined into the user's code, or else launched.
std::string Checker::line_of(void* pc, bool runs_now) const {
  std::string line = source_line(pc);
  if (line.empty() && runs_now) line = calling_line();
  const Launch& launch = worker_.job->launch;
  return line.empty() ? where(launch.file, launch.line) : line;
}
std::string Checker::on_line(const Access& a) const { return " at " + line_of(a.pc); }
static std::string number(size_t n, const char* unit) {
  return std::to_string(n) + " " + unit + (n == 1 ? "" : "s");
}

void Checker::misaligned(const Access& a) {
  note(&worker_, "misaligned_address", a.pc, nullptr, [&] {
    char address[32];
    snprintf(address, sizeof address, "%p", (void*)a.address);
    return Report{"misaligned_address",
                  cudaSuccess,
                  thread_name(worker_, worker_.current),
                  number(a.size, "byte") + " are " + verb(a) + " at once" + on_line(a) +
                      ", at an address that is no multiple of " + std::to_string(a.size) + " (" +
                      address + "): a GPU stops there with \"misaligned address\"",
                  {},
                  line_of(a.pc)};
  });
}

void Checker::shared_out_of_bounds(const Access& a) {
  note(&worker_, "shared_out_of_bounds", a.pc, nullptr, [&] {
    Named n = name_shared(worker_, a.address);
    std::string text = n.text + " is " + verb(a) + on_line(a) + ", outside of " +
                       (n.extent.empty() ? "the block's shared memory" : n.extent);
    return Report{
        "shared_out_of_bounds", cudaSuccess, thread_name(worker_, worker_.current), text, {},
        line_of(a.pc)};
  });
}

void Checker::global_out_of_bounds(const Access& a) {
  const Allocation* held = arena.holding(a.address);
  const char* kind = held && held->freed ? "use_after_free" : "out_of_bounds";
  note(&worker_, kind, a.pc, nullptr, [&] {
    Named n = name_global(worker_, a.address, a.size);
    std::string text = n.text + " is " + verb(a) + on_line(a);
    if (held && held->freed)
      text += " after its memory was freed";
    else if (!n.extent.empty())
      text += ", but " + n.extent;
    return Report{kind, cudaSuccess, thread_name(worker_, worker_.current),
                  text, {},          line_of(a.pc)};
  });
}

static bool is_mapped(uintptr_t address) {
  unsigned char in_core;
  return mincore((void*)(address & ~(uintptr_t)(kPage - 1)), 1, &in_core) == 0;
}

// Neither local, nor shared, nor device memory: a variable of the program, the host's memory, or
// nothing at all, which faults in a moment and is explained then.
void Checker::elsewhere(const Access& a) {
  size_t at;
  if (Shadow* shadow = program_shadow(a.address, &at)) {
    switch (a.size) {
      case 1:
        return look<1>(*shadow, at, a, true);
      case 2:
        return look<2>(*shadow, at, a, true);
      case 4:
        return look<4>(*shadow, at, a, true);
      case 8:
        return look<8>(*shadow, at, a, true);
      default:
        return look<16>(*shadow, at, a, true);
    }
  }
  MemoryRange registered;  // the host's, but given to the device by cudaHostRegister
  if (in_program(a.address) || !is_mapped(a.address)) return;
  if (find_range((void*)a.address, &registered)) return;
  note(&worker_, "host_pointer", a.pc, nullptr, [&] {
    Named n = name_global(worker_, a.address, a.size);
    return Report{
        "host_pointer",
        cudaSuccess,
        thread_name(worker_, worker_.current),
        (n.argument.empty() ? "memory of the host" : "`" + n.argument + "`, memory of the host,") +
            " is " + verb(a) + " by a kernel" + on_line(a) +
            ": a kernel can only use memory from cudaMalloc and the like, so copy the "
            "data there first",
        {},
        line_of(a.pc)};
  });
}

void Checker::unwritten(const Access& a) {
  note(&worker_, a.area == Area::Shared ? "uninitialized_shared" : "uninitialized_global", a.pc,
       nullptr, [&] {
         bool shared = a.area == Area::Shared;
         Named n =
             shared ? name_shared(worker_, a.address) : name_global(worker_, a.address, a.size);
         return Report{shared ? "uninitialized_shared" : "uninitialized_global",
                       cudaSuccess,
                       thread_name(worker_, worker_.current),
                       n.text + " is read" + on_line(a) +
                           (shared ? ", but no thread of this block has written it"
                                   : ", but nobody has written it: no kernel, cudaMemcpy or "
                                     "cudaMemset"),
                       {},
                       line_of(a.pc)};
       });
}

// --------------------------------------------------------------------------------------- races

void Checker::check_read(Cell& cell, const Access& a, bool written) {
  Moment w = published(cell.writer);
  if (a.area == Area::Shared ? !order.in_this_block(w) : !w) {
    if (!written) unwritten(a);
    return;
  }
  bool both_strong = a.strong() && cell.writer_pc & kStrong;
  if (!both_strong && order.concurrent(w)) race(cell, a, false);
}

void Checker::check_write(Cell& cell, const Access& a) {
  bool shared = a.area == Area::Shared, strong = a.strong();
  Moment w = published(cell.writer), r = published(cell.reader), now = order.now;
  bool others = !(strong && cell.writer_pc & kStrong) && (!shared || order.in_this_block(w)) &&
                w >= order.launch_begins && order.concurrent(w);
  bool readers = false;
  if (!(strong && cell.reader_pc & kStrong) && r >= order.launch_begins &&
      (!shared || order.in_this_block(r))) {
    readers = order.concurrent(r);
    if (same_generation(r, now)) readers |= (cell.reader_pc & kOthersInBlock) != 0;
    if (r == now) readers |= (cell.reader_pc & kOthersInWarp) != 0;
    // Which blocks, nobody remembers: so all must have told of what they did.
    readers |= cell.reader_pc & kOthersInGrid && !order.told_of_all();
  }
  if (readers) return race(cell, a, true);
  if (!others) return;
  // Two writes. Were they of the same value?
  if (a.how & kAtomic || cell.writer_pc & kStrong || strict() || num_unsettled_ == 16)
    return race(cell, a, false);
  Unsettled& u = unsettled_[num_unsettled_++];
  u.access = a;
  u.cell = cell;
  memcpy(u.before, (const void*)a.address, a.size);
}

void Checker::settle() {
  int n = num_unsettled_;
  num_unsettled_ = 0;
  for (int i = 0; i < n; i++) {
    const Unsettled& u = unsettled_[i];
    if (memcmp(u.before, (const void*)u.access.address, u.access.size) != 0)
      race(u.cell, u.access, false);
  }
}

// adds: one of the threads changes what it finds there, and maybe so does the other.
static std::string what_is_missing(bool same_block, bool in_warp, bool adds) {
  std::string text;
  if (!same_block)
    text =
        ": blocks run in any order, and __syncthreads() is for one block: atomics, a new launch, "
        "or a grid barrier in a cooperative one can order this";
  else if (in_warp)
    text =
        ", lanes of one warp, with no __syncwarp() or __syncthreads() in between: lanes need "
        "not run in step";
  else
    text = ", with no __syncthreads() in between: which comes first is left to chance";
  return adds ? text + "; if each of them adds to it, use atomicAdd()" : text;
}

void Checker::race(const Cell& cell, const Access& a, bool with_reader) {
  Moment other = with_reader ? cell.reader : cell.writer;
  auto* other_pc = (void*)(code_ + ((with_reader ? cell.reader_pc : cell.writer_pc) & kPcMask));
  const char* kind = a.area == Area::Shared ? "shared_race" : "global_race";
  Moment mine = order.now;
  bool same_block = order.in_this_block(other);
  bool in_warp = same_block && thread_of(other) >> 5 == thread_of(mine) >> 5;
  // A place that several have read keeps only the last of them, and where the others are.
  bool several = same_thread(other, mine);
  bool others = with_reader && (in_warp || !order.concurrent(other));
  if (others && cell.reader_pc & (kOthersInBlock | kOthersInGrid))
    several = true, in_warp = false, same_block = !(cell.reader_pc & kOthersInGrid);
  const char* among = in_warp ? "warp" : same_block ? "block" : "grid";
  // What is missing between lanes is less than what is missing between warps: told apart.
  note(&worker_, (std::string(kind) + among).c_str(), a.pc, other_pc, [&] {
    int thread = (int)thread_of(mine);
    std::string here = line_of(a.pc), there = line_of(other_pc, false);
    Named n = a.area == Area::Shared ? name_shared(worker_, a.address)
                                     : name_global(worker_, a.address, a.size);
    bool writes = a.how & kWrite;
    std::string text = n.text + " in " + memory_of(a) + " is ";
    bool in_one_line = here == there && (with_reader || !writes);  // x += 1, or s[i] = s[i + 1]
    if (here == there)
      text += in_one_line ? "read and written" : "written";
    else
      text += std::string(with_reader ? "read" : "written") + " at " + there + " and " +
              (writes ? "written" : "read") + " at " + here;
    text += same_block ? " by different threads" : " by different blocks";
    if (here == there) text += " at " + here;
    bool adds = in_one_line && !writes && cell.reader >= order.launch_begins &&
                line_of((void*)(code_ + (cell.reader_pc & kPcMask)), false) == here;
    text += what_is_missing(same_block, in_warp, adds);
    auto who = [&](Moment m, int t) {
      std::string block = "";
      if (!same_block) block = "block " + block_name(worker_, order.block_of(m)) + ", ";
      return block + "thread " + thread_name(worker_, t);
    };
    std::string first =
        several ? "other threads" : who(other, (int)thread_of(other) % worker_.num_threads);
    std::string second = who(mine, thread);
    std::vector<std::string> details = {
        there + (with_reader ? " reads it: " : " writes it: ") + first,
        here + (writes ? " writes it: " : " reads it: ") + second};
    return Report{kind, cudaSuccess, thread_name(worker_, thread), text, details, here, among};
  });
}

}  // namespace simt
