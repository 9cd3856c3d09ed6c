// block.cpp: runs the threads of one block. runtime.h says how.
#include <sys/mman.h>

#include <cstdlib>

#include "schedule.h"

__thread uint3 threadIdx, blockIdx, blockDim, gridDim;

namespace simt {

__thread Worker* worker;
static std::atomic<int> order_reversed{-1};  // -1: as $SIMT_ORDER says

static bool reverse_order() {
  int reversed = order_reversed.load(std::memory_order_relaxed);
  if (reversed < 0) {
    const char* order = getenv("SIMT_ORDER");
    reversed = order && !strcmp(order, "reverse");
    order_reversed = reversed;
  }
  return reversed;
}

size_t stack_size() {
  static const size_t size = [] {
    const char* kb = getenv("SIMT_STACK_KB");
    long n = kb ? atol(kb) : 0;
    return (n >= 64 ? (size_t)n : 128) * 1024;
  }();
  return size;
}

// The top of a stack. Stacks lie at multiples of a large power of two, so that their tops would
// all fall into the same few sets of the cache: each starts some lines lower than the last.
static char* stack_top(const Worker& w, int stack) {
  return w.stacks + (size_t)(stack + 1) * stack_size() - (size_t)(stack % 61) * 64;
}

// The lowest page of a stack: an overflow faults there.
static void guard(char* page) {
  constexpr int kGuardInstall = 102;  // MADV_GUARD_INSTALL, Linux 6.13: costs nothing
  if (madvise(page, kPage, kGuardInstall) == 0) return;
  // Else each guard splits a mapping, and a process may have 65530: with many workers, the last
  // stacks stay without.
  static std::atomic<int> guards{0};
  if (guards.fetch_add(1, std::memory_order_relaxed) < 16384) mprotect(page, kPage, PROT_NONE);
}

static int take_stack(Worker& w) {
  if (!w.free_stacks.empty()) {
    int stack = w.free_stacks.back();
    w.free_stacks.pop_back();
    return stack;
  }
  int stack = w.stacks_made++;
  guard(w.stacks + (size_t)stack * stack_size());
  return stack;
}

void set_up_worker(Worker& w, Job* job) {
  const Config& config = job->launch.config;
  w.job = job;
  w.reverse = reverse_order();
  blockDim = config.block;
  gridDim = config.grid;
  if (!w.stacks) {
    size_t size = (size_t)(kMaxThreads + 1) * stack_size();
    void* p = mmap(nullptr, size + kArena, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
      fprintf(stderr, "simt: no memory for the stacks of a block (%zu MB)\n", size >> 20);
      abort();
    }
    w.stacks = static_cast<char*>(p);
    w.arena = w.stacks + size;
  }
  w.static_used = w.static_high = 0;
  shared_addresses = w.shared_addresses;
  memset(w.shared_addresses, 0, sizeof w.shared_addresses);
  w.shared_variables.clear();
  w.dynamic_array = {};

  dim3 b = config.block;
  if (b.x == w.thread_ids_of.x && b.y == w.thread_ids_of.y && b.z == w.thread_ids_of.z) return;
  w.thread_ids_of = b;
  w.num_threads = (int)(b.x * b.y * b.z);
  w.threads.resize(w.num_threads);
  w.states.resize(w.num_threads);
  w.thread_ids.clear();
  for (unsigned z = 0; z < b.z; z++)
    for (unsigned y = 0; y < b.y; y++)
      for (unsigned x = 0; x < b.x; x++) w.thread_ids.push_back({x, y, z});
  w.warps.clear();
  w.warps.resize((w.num_threads + 31) / 32);
}

// Runs threads that have not started, until there is none, then resumes one that waits.
static void runner() {
  Worker& w = *worker;
  const int stack = w.new_stack, num_threads = w.num_threads;
  auto call = w.job->launch.call;
  void* arguments = w.job->launch.arguments;
  while (w.started < num_threads) {
    int n = w.started++;
    become(w, w.reverse ? num_threads - 1 - n : n);
    call(arguments);
    w.states[w.current] = State::Returned;
    w.live--;
  }
  w.free_stacks.push_back(stack);
  void* never_resumed;
  if (any_ready(w) || (w.live > 0 && release_without_returned(w))) {
    int thread = pop_ready(w);
    become(w, thread);
    simt_switch(&never_resumed, w.threads[thread].stack_pointer);
  }
  if (w.live > 0) {
    report_deadlock(w);
    w.failed = true;
  }
  simt_switch(&never_resumed, w.main_stack_pointer);
  __builtin_unreachable();
}

// As a function of its own, so that the compiler keeps no address of a thread's variables across
// the switch.
__attribute__((noinline)) static void start_runner(Worker& w, void** save) {
  w.new_stack = take_stack(w);
  simt_start(save, stack_top(w, w.new_stack) - 128, runner);
}

void wait_with_none_ready(Worker& w) {
  if (w.started == w.num_threads) {
    if (release_without_returned(w)) return wait(w);
    report_deadlock(w);
    abandon_block(w);
  }
  start_runner(w, &w.threads[w.current].stack_pointer);
}

void abandon_block(Worker& w) {
  w.failed = true;
  void* never_resumed;
  simt_switch(&never_resumed, w.main_stack_pointer);
  __builtin_unreachable();
}

void run_block(Worker& w, uint64_t block) {
  dim3 grid = w.job->launch.config.grid;
  blockIdx = {(unsigned)(block % grid.x), (unsigned)(block / grid.x % grid.y),
              (unsigned)(block / grid.x / grid.y)};
  w.block = block;
  w.started = 0;
  w.live = w.num_threads;
  w.ready.clear();
  w.ready_head = 0;
  w.at_barrier.clear();
  w.barrier = {};
  w.parked.clear();
  w.tiles.clear();
  w.copies.clear();
  w.barrier_copies.clear();
  w.block_split = w.grid_split = {};
  w.failed = false;
  std::fill(w.states.begin(), w.states.end(), State::NotStarted);
  reset_shared(w);
  for (Warp& warp : w.warps)
    if (warp.has_steps) forget_steps(warp);

  if (traced_run()) trace_block_begins(w);
  w.in_kernel = true;
  start_runner(w, &w.main_stack_pointer);
  w.in_kernel = false;
  if (traced_run()) trace_block_ends(w);

  if (w.failed) {  // fibers that were dropped still held stacks and waited in groups
    w.free_stacks.clear();
    for (int stack = w.stacks_made; stack-- > 0;) w.free_stacks.push_back(stack);
    for (Warp& warp : w.warps) warp = {};
    w.job->stop = true;
  }
  w.blocks_done.store(w.blocks_done.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

int block_size() { return worker->num_threads; }
int lane_id() { return worker->current & 31; }

void spin_hint() {
  Worker* w = worker;
  if (!w || !w->in_kernel) return;
  int thread = w->current;
  w->spins_at = __builtin_return_address(0);
  if (w->job->grid) {  // blocks that run together may wait for one another
    if (w->job->stop) abandon_block(*w);
    sched_yield();
  }
  if (w->started < w->num_threads) {  // those that have not started may be who it waits for
    make_ready(*w, thread);
    w->states[thread] = State::Spinning;
    start_runner(*w, &w->threads[thread].stack_pointer);
  } else if (any_ready(*w)) {
    w->states[thread] = State::Spinning;
    // Its turn comes after all the others.
    w->ready.insert(w->reverse ? w->ready.begin() + w->ready_head : w->ready.end(), thread);
    wait(*w);
  }
}

}  // namespace simt

void simt_set_order(int reverse) { simt::order_reversed = reverse != 0; }
