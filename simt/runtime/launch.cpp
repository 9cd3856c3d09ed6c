// launch.cpp: a launch is checked, then its blocks are shared out to the workers.
//
// The thread that launches is a worker itself and starts at once; the others are woken only when
// there are blocks for them. A launch returns when all blocks are done: streams are in order.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "trace.h"

namespace simt {

class Pool {
 public:
  explicit Pool(int size) {
    start_watchdog();
    for (int i = 0; i < size; i++) {
      workers_.emplace_back(new Worker());
      watch(*workers_.back());
    }
    for (int i = 1; i < size; i++) std::thread(&Pool::serve, this, i).detach();
  }

  void run(Job& job) {
    bool shared = job.num_blocks > 1 && workers_.size() > 1;
    job.workers = &workers_;
    launch_begins();
    if (shared) {
      std::lock_guard<std::mutex> lock(mutex_);
      job_ = &job;
      generation_++;
    }
    if (shared) wake_.notify_all();
    work(*workers_[0], job);
    if (shared) {
      std::unique_lock<std::mutex> lock(mutex_);
      job_ = nullptr;  // who has not woken by now is too late
      idle_.wait(lock, [&] { return busy_ == 0; });
    }
    launch_ends();
  }

 private:
  void serve(int index) {
    uint64_t seen = 0;
    for (;;) {
      expect_launch(seen);
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return job_ && generation_ != seen; });
      seen = generation_;
      Job& job = *job_;
      busy_++;
      lock.unlock();
      work(*workers_[index], job);
      lock.lock();
      if (--busy_ == 0) idle_.notify_one();
    }
  }

  // Launches often follow one another closely, and waking an OS thread takes as long as a small
  // kernel: look out for the next one for a moment before going to sleep.
  void expect_launch(uint64_t seen) {
    long long end = nanoseconds() + 100000;
    while (generation_.load(std::memory_order_relaxed) == seen && nanoseconds() < end)
      std::this_thread::yield();
  }

  void work(Worker& w, Job& job) {
    enter_worker(w, job);
    // A few blocks at a time when there are many: the counter is shared.
    uint64_t chunk = std::clamp<uint64_t>(job.num_blocks / (16 * workers_.size()), 1, 64);
    while (!job.stop) {
      uint64_t block = job.next_block.fetch_add(chunk);
      if (block >= job.num_blocks) break;
      uint64_t end = std::min(block + chunk, job.num_blocks);
      for (; block < end && !job.stop; block++) run_block(w, block);
    }
    leave_worker(w);
  }

  std::vector<std::unique_ptr<Worker>> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  Job* job_ = nullptr;
  std::atomic<uint64_t> generation_{0};
  int busy_ = 0;  // workers other than the launching thread that are at it
};

void enter_worker(Worker& w, Job& job) {
  worker = &w;
  w.os_thread = pthread_self();
  use_signal_stack();
  set_up_worker(w, &job);
}
void leave_worker(Worker& w) {
  w.job = nullptr;
  worker = nullptr;
}

static std::mutex launching;  // launches from several host threads go one after another
static Pool* pool;

// The OS threads of a pool do not live on in a forked child: it makes its own.
static void in_forked_child() {
  pool = nullptr;
  forget_cooperative_pool();
  new (&launching) std::mutex();
}

static int pool_size() {
  const char* n = getenv("SIMT_WORKERS");
  int size = n ? atoi(n) : (int)std::thread::hardware_concurrency();
  return std::clamp(size, 1, 256);
}

static cudaError_t check(const Launch& launch) {
  dim3 g = launch.config.grid, b = launch.config.block;
  uint64_t threads = (uint64_t)b.x * b.y * b.z;
  if (threads == 0 || threads > kMaxThreads || b.x > 1024 || b.y > 1024 || b.z > 64)
    return cudaErrorInvalidConfiguration;
  if (g.x == 0 || g.y == 0 || g.z == 0 || g.x > 0x7fffffffu || g.y > 65535 || g.z > 65535)
    return cudaErrorInvalidConfiguration;
  if (launch.config.dynamic_shared > dynamic_shared_limit(launch.kernel))
    return cudaErrorInvalidValue;
  if (launch.config.cooperative && (uint64_t)g.x * g.y * g.z > blocks_at_once(launch.config))
    return cudaErrorCooperativeLaunchTooLarge;
  return cudaSuccess;
}

cudaError_t run(const Launch& launch) {
  if (worker) {
    fprintf(stderr, "simt: %s:%d: a kernel can't launch a kernel here\n", launch.file, launch.line);
    abort();
  }
  std::lock_guard<std::mutex> lock(launching);
  if (cudaError_t earlier = device_error()) return earlier;
  if (cudaError_t error = check(launch)) {
    if (traced_run()) trace_refused_launch(launch, error);
    return failed(error);
  }
  cudaError_t captured;
  if (capturing() && capture_launch(launch, &captured)) return captured;
  if (!pool) {
    static bool once = (pthread_atfork(nullptr, nullptr, in_forked_child), true);
    (void)once;
    install_fault_handlers();
    pool = new Pool(pool_size());
  }
  dim3 g = launch.config.grid;
  Job job{launch, (uint64_t)g.x * g.y * g.z};
  if (traced_run()) trace_launch_begins(job);
  launch.config.cooperative ? run_cooperative(job) : pool->run(job);
  if (traced_run()) trace_launch_ends(job);
  return device_error();
}

}  // namespace simt
