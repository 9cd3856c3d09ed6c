// grid.cpp: cooperative launches (CUDA C++ Programming Guide, "Grid Synchronization").
//
// All blocks are alive together: each has an OS thread and a worker of its own, which are kept for
// the next such launch. A grid barrier is a barrier of each block and one between the blocks. It
// never completes once a block has returned: the blocks that wait are told, and give up.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "schedule.h"

namespace simt {

// ----------------------------------------------------------- the barrier between the blocks

class GridBarrier {
 public:
  explicit GridBarrier(uint64_t blocks) : blocks_(blocks) {}

  void arrive() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (++arrived_ == blocks_) {
      arrived_ = 0;
      phase_++;
      changed_.notify_all();
    } else if (returned_ > 0 && arrived_ + returned_ == blocks_) {
      changed_.notify_all();
    }
  }

  // Until the phase that `token` names is over. False: it never will be.
  bool wait(unsigned token, const std::atomic<bool>& stop) {
    if (phase_ != token) return true;
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return phase_ != token || stop || is_stuck(); });
    return phase_ != token;
  }

  // A block has returned, or was abandoned.
  void leave() {
    std::lock_guard<std::mutex> lock(mutex_);
    returned_++;
    changed_.notify_all();
  }

  uint64_t returned() const { return returned_; }

 private:
  bool is_stuck() const { return returned_ > 0 && arrived_ + returned_ == blocks_; }

  const uint64_t blocks_;
  uint64_t arrived_ = 0;
  std::atomic<uint64_t> returned_{0};
  std::atomic<unsigned> phase_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

bool is_cooperative() { return worker->job->grid != nullptr; }

unsigned grid_arrive(const char* file, int line) {
  Worker& w = *worker;
  if (!w.job->grid) {
    report(w, {"grid_sync",
               cudaErrorLaunchFailure,
               thread_name(w, w.current),
               "grid_group::sync() at " + where(file, line) +
                   " needs all blocks of the grid to run together: launch the kernel with "
                   "cudaLaunchCooperativeKernel",
               {}});
    abandon_block(w);
  }
  unsigned token = arrive(w, w.grid_split);
  if (w.grid_split.phase != token) w.job->grid->arrive();
  return token;
}

static void report_divergence(Worker& w, const char* file, int line) {
  report(w, {"grid_divergence",
             cudaErrorLaunchTimeout,
             thread_name(w, w.current),
             "grid_group::sync() at " + where(file, line) +
                 " waits for blocks that have returned without reaching it: every block of the "
                 "grid must",
             {std::to_string(w.job->grid->returned()) + " of " + std::to_string(w.job->num_blocks) +
              " blocks have returned"}});
}

void grid_wait(unsigned token, const char* file, int line) {
  Worker& w = *worker;
  SplitBarrier& b = w.grid_split;
  while (b.phase == token) park(&b, "grid_group::sync", file, line);
  w.in_kernel = false;  // the watchdog's signal must not find this OS thread in a lock
  bool passed = w.job->grid->wait(token, w.job->stop);
  w.in_kernel = true;
  if (!passed) {
    if (!w.job->stop) report_divergence(w, file, line);
    abandon_block(w);
  }
  if (traced_run()) trace_grid_barrier(w);
  w.progress.store(w.progress.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// ------------------------------------------------------------------- the OS threads

class GridPool {
 public:
  void run(Job& job) {
    int blocks = (int)job.num_blocks;
    while ((int)workers_.size() < blocks) {
      workers_.emplace_back(new Worker());
      watch(*workers_.back());
      std::thread(&GridPool::serve, this, workers_.back().get(), (int)workers_.size() - 1).detach();
    }
    GridBarrier barrier(job.num_blocks);
    job.grid = &barrier;
    job.workers = &workers_;
    launch_begins();
    std::unique_lock<std::mutex> lock(mutex_);
    job_ = &job;
    busy_ = blocks;
    launches_++;
    wake_.notify_all();
    idle_.wait(lock, [&] { return busy_ == 0; });
    job_ = nullptr;
    launch_ends();
  }

 private:
  void serve(Worker* w, int block) {
    uint64_t seen = 0;
    for (;;) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock,
                 [&] { return job_ && launches_ != seen && (uint64_t)block < job_->num_blocks; });
      seen = launches_;
      Job& job = *job_;
      lock.unlock();
      enter_worker(*w, job);
      run_block(*w, (uint64_t)block);
      job.grid->leave();
      leave_worker(*w);
      lock.lock();
      if (--busy_ == 0) idle_.notify_one();
    }
  }

  std::vector<std::unique_ptr<Worker>> workers_;  // one for each block
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  Job* job_ = nullptr;
  uint64_t launches_ = 0;
  int busy_ = 0;
};

static GridPool* grid_pool;

void run_cooperative(Job& job) {
  if (!grid_pool) grid_pool = new GridPool();
  grid_pool->run(job);
}

void forget_cooperative_pool() { grid_pool = nullptr; }

// How many blocks of a launch fit on the virtual GPU at once. (What static shared memory a kernel
// takes is not known before it runs.)
uint64_t blocks_at_once(const Config& config) {
  dim3 b = config.block;
  int threads = (int)(b.x * b.y * b.z + 31) / 32 * 32;  // whole warps
  int by_threads = kThreadsPerMultiprocessor / threads;
  auto by_shared = (int)(kSharedPerMultiprocessor / (config.dynamic_shared + kReservedShared));
  int each = std::min({by_threads, by_shared, kBlocksPerMultiprocessor});
  return (uint64_t)kMultiprocessors * each;
}

}  // namespace simt
