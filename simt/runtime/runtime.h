// runtime.h: what the parts of the runtime know of one another.
//
//   launch.cpp   a launch is checked, and its blocks are shared out to the workers
//   block.cpp    a worker runs the threads of one block, as fibers
//   schedule.h   which thread of the block runs next
//   barrier.cpp  where threads of a block meet: __syncthreads
//   warp.cpp     where lanes of a warp meet: shuffles, votes, __syncwarp
//   park.cpp     other ways in which threads of a block wait for one another
//   tile.cpp     where tiles of several warps meet
//   async_copy.cpp  copies that wait until they are waited for
//   grid.cpp     cooperative launches, and where blocks of a grid meet
//   active.cpp   which lanes of a warp are at the same place: __activemask
//   shared.cpp   the arena of shared memory
//   faults.cpp   signals and the watchdog: a wild pointer or an endless loop becomes a report
//   report.cpp   reports, and the sticky error that goes with them
//   kernels.cpp  kernels by their address: how to call them, what is known of them
//   capture.cpp  streams that are captured; graphs.cpp and graph_exec.cpp have the graphs
//   memory.cpp, copies.cpp, pointers.cpp, pools.cpp, streams.cpp, device.cpp, errors.cpp
//                the rest of CUDA's runtime API
//
// How a block runs. Its threads run one after another on one stack, as calls in a loop ("runner").
// A thread that must wait keeps that stack, with the runner below it, and becomes a fiber; a new
// runner goes on, on a new stack, with the threads that have not started. Once the last thread
// arrives, those that wait are resumed. So a kernel without barriers never switches, and a switch
// is a handful of instructions (context.h).
#pragma once
#define SIMT_RUNTIME
#include <pthread.h>

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "context.h"
#include "cuda_runtime.h"
#include "simt/async_copy.h"
#include "simt/park.h"

namespace simt {

// ------------------------------------------------------------------ what a worker is made of

enum class State : uint8_t {
  NotStarted,
  Running,
  Ready,
  Spinning,  // ready, but it only looks whether what it waits for has come
  AtBarrier,
  InWarp,
  Parked,
  Returned
};

// What a thread of the block leaves behind when it waits. (Its State is kept apart: all of those
// are reset for each block.)
struct Thread {
  void* stack_pointer;   // where it goes on
  const char* waits_in;  // "__syncthreads", "__shfl_down_sync", ...
  const char* file;      // of that call
  int line;
};

// Lanes that named the same mask, and meet.
struct WarpGroup {
  unsigned mask;     // as named, less the lanes that don't exist
  unsigned arrived;  // lanes that wait
  unsigned leaving;  // lanes that met, and have not gone on yet: they still have to read `values`
  int turn;          // which half of `values` this meeting uses: a fast lane may already be in the
                     // next one while a slow one still has to read this one's values
  unsigned present[2];  // the lanes that came
  LaneValue values[2][32];
};

// Where a lane that keeps step is: the round of its loop, and the place in the source.
using Progress = std::pair<int, int>;

struct Warp {
  std::vector<std::unique_ptr<WarpGroup>> groups;
  // __activemask (active.cpp): lanes that wait for an answer, and the last answer to each.
  unsigned asking = 0, active[32];
  int patience;
  // Lanes that keep step: those that ask, and where each lane is.
  unsigned in_step = 0;
  bool has_steps = false;
  Progress steps[32] = {};
};

// Where the threads of a tile of several warps meet (tile.cpp).
struct Tile {
  int first, size;    // threads of the block
  int arrived, turn;  // as in a WarpGroup
  std::vector<LaneValue> values[2];
};

// Copies that a thread has started, each with its stage (async_copy.cpp).
struct ThreadCopies {
  std::deque<std::pair<AsyncCopy, unsigned>> list;
  unsigned committed = 0;  // stages
};

// A barrier of the block. Results are kept for two generations, for the same reason as `turn`.
struct Barrier {
  int arrived, passed;  // threads that wait here; how many of them had a predicate != 0
  int turn, result[2];
  const char* file;
  int line;
  bool mixed;  // threads wait at different lines
};

// A barrier in two steps (park.h). A token is the phase in which a thread arrived.
struct SplitBarrier {
  int arrived;
  unsigned phase;
};

struct Job;
class Checker;
class Profiler;

// A variable in the shared memory of the block, as far as reports need to know it.
struct SharedVariable {
  const char* name;
  size_t offset, size;  // in the arena, bytes
  ArrayShape shape;
};
class GridBarrier;

// An OS thread that runs blocks, one at a time.
struct Worker {
  Job* job = nullptr;
  pthread_t os_thread;
  void* main_stack_pointer = nullptr;  // where the worker itself goes on after a block
  std::atomic<bool> in_kernel{false};  // signals that arrive now are the kernel's
  std::atomic<uint64_t> progress{0}, blocks_done{0};  // barriers passed, blocks: for the watchdog
  bool failed = false;                                // this block was abandoned
  bool reverse = false;                               // threads run last to first

  // The block
  uint64_t block = 0;
  int num_threads = 0, current = 0, started = 0, live = 0;
  std::vector<Thread> threads;
  std::vector<State> states;
  std::vector<uint3> thread_ids;
  dim3 thread_ids_of{0, 0, 0};  // the block size that they were made for
  std::vector<int> ready;       // a queue: from ready_head on; from the back in reverse order
  size_t ready_head = 0;
  std::vector<int> at_barrier;
  Barrier barrier{};
  std::vector<Warp> warps;
  std::vector<std::pair<const void*, int>> parked;  // where, and which thread
  std::vector<std::unique_ptr<Tile>> tiles;
  std::vector<ThreadCopies> copies;  // by thread, once one has copied
  std::vector<std::pair<const void*, AsyncCopy>> barrier_copies;
  SplitBarrier block_split{}, grid_split{};

  // Stacks
  char* stacks = nullptr;
  int stacks_made = 0;  // those that have a guard page
  std::vector<int> free_stacks;
  int new_stack = 0;  // of the runner that is being started

  // Shared memory
  char* arena = nullptr;
  size_t static_used = 0, static_high = 0;
  char* shared_addresses[kMaxSharedSites] = {};
  std::vector<SharedVariable> shared_variables;
  SharedVariable dynamic_array{};  // as the kernel declares it

  // What a signal handler leaves for the code that makes the report
  int signal = 0;
  void* spins_at = nullptr;  // where a thread last waited in a loop
  void *fault_address = nullptr, *fault_pc = nullptr;
  char* emergency_stack = nullptr;

  // In an instrumented build
  std::unique_ptr<Checker> checker;
  std::unique_ptr<Profiler> profiler;

  Worker();
  ~Worker();
};

// One launch, while it runs.
struct Job {
  const Launch& launch;
  uint64_t num_blocks;
  std::atomic<uint64_t> next_block{0};
  std::atomic<bool> stop{false};  // some block failed: start no other
  GridBarrier* grid = nullptr;    // of a cooperative launch
  const std::vector<std::unique_ptr<Worker>>* workers = nullptr;  // all that may take part
  uint32_t first_run = 0;  // of the numbers that a checked launch gives its blocks
};

extern __thread Worker* worker;  // of this OS thread, or null

// ------------------------------------------------------------------------------- block.cpp

void set_up_worker(Worker& w, Job* job);
void run_block(Worker& w, uint64_t block);

// The current thread waits, and no other is ready: start one, or report a deadlock.
void wait_with_none_ready(Worker& w);
// The current thread can't go on, nor can the block: back to the worker. The report is made.
[[noreturn]] void abandon_block(Worker& w);
void forget_steps(Warp& warp);  // active.cpp: a block begins

constexpr int kMaxThreads = 1024;      // a block
constexpr size_t kPage = 4096;         // a guard page; 16 KB pages (Apple) round it up
constexpr size_t kArena = 320 * 1024;  // bytes: static shared memory, then dynamic
constexpr size_t kDynamicStart = 64 * 1024;
constexpr size_t kDefaultDynamicLimit = 48 * 1024;
constexpr size_t kOptInDynamicLimit = 227 * 1024;

// The virtual GPU (device.cpp)
constexpr int kMultiprocessors = 8;
constexpr int kThreadsPerMultiprocessor = 2048, kBlocksPerMultiprocessor = 32;
constexpr int kRegistersPerThread = 32;  // nominal
constexpr size_t kSharedPerMultiprocessor = 228 * 1024;
constexpr size_t kReservedShared = 1024;  // of each block, by the system
constexpr size_t kGlobalMemory = (size_t)16 << 30;
constexpr size_t kPitchAlignment = 512;

size_t stack_size();

// ------------------------------------------------------------------------------- grid.cpp

void run_cooperative(Job& job);
uint64_t blocks_at_once(const Config& config);
void forget_cooperative_pool();                     // in a forked child: its OS threads are gone
unsigned arrive(Worker& w, SplitBarrier& barrier);  // park.cpp

// ------------------------------------------------------------------------------- others

// All threads wait, but some have returned, and a barrier or a meeting of lanes waits for those
// alone: it need not (unless strict). False if there is none such.
bool release_without_returned(Worker& w);  // barrier.cpp
unsigned existing_lanes(const Worker& w, int warp);
bool release_meetings(Worker& w);  // warp.cpp: the same for meetings of lanes

void enter_worker(Worker& w, Job& job);  // launch.cpp: this OS thread runs blocks of the job
void leave_worker(Worker& w);

void reset_shared(Worker& w);                     // shared.cpp
size_t dynamic_shared_limit(const void* kernel);  // kernels.cpp
void install_fault_handlers();                    // faults.cpp
void use_signal_stack();                          // faults.cpp, once an OS thread
void start_watchdog();
void watch(Worker& w);
void launch_begins();  // from here on the watchdog looks at the workers' progress
void launch_ends();

// ------------------------------------------------------------------------------- memory

struct MemoryRange {
  size_t size;
  cudaMemoryType type;
  unsigned flags;
  bool registered;  // by cudaHostRegister
  cudaMemPool_t pool;
};
void note_range(void* start, const MemoryRange& range);  // pointers.cpp
void forget_range(void* start);
void* find_range(const void* p, MemoryRange* range);  // the start of the range that p lies in

cudaError_t allocate_from(cudaMemPool_t pool, void** p, size_t size);            // memory.cpp
void give_back(cudaMemPool_t pool, size_t size);                                 // pools.cpp
cudaError_t copy(void* to, const void* from, size_t size, cudaMemcpyKind kind);  // copies.cpp
cudaError_t copy_box(const cudaMemcpy3DParms& parameters);

// ------------------------------------------------------------------------------- capture.cpp

extern std::atomic<int> captures_active;
inline bool capturing() { return captures_active.load(std::memory_order_relaxed) != 0; }

// While capturing(): whether a launch was captured, or refused, instead of being run now.
bool capture_launch(const Launch& launch, cudaError_t* error);
bool stream_is_captured(cudaStream_t stream);
// While capturing(): an error if this thread may not wait for the device, as cudaMalloc may have to
// and cudaMemcpy does.
cudaError_t forbid_unsafe_call();
cudaError_t forbid_synchronous_copy();

}  // namespace simt

#include "report.h"
