// trace.cpp: passes on what happens in a traced launch to the checker or the profiler of the
// worker.
#include "trace.h"

#include "check.h"
#include "profile.h"

namespace simt {

Worker::Worker() = default;
Worker::~Worker() = default;

Tracing tracing = Tracing::Off;

bool trace_as(int mode) {
  tracing = (Tracing)mode;
  static bool once = (atexit(trace_program_ends), true);
  return once;
}

static std::atomic<int> strictness{-1};  // -1: as $SIMT_STRICT says
bool strict() {
  int value = strictness.load(std::memory_order_relaxed);
  if (value < 0) {
    const char* s = getenv("SIMT_STRICT");
    strictness = value = s && *s == '1';
  }
  return value;
}

std::atomic<bool> launches_unseen{false};

void trace_launch_begins(Job& job) {
  forget_atomics();
  job.first_run = take_runs(job.num_blocks);
  if (!job.first_run) launches_unseen = true;
  if (tracing == Tracing::Check) count_launch(job.launch.name);
  if (tracing == Tracing::Profile) profile_launch_begins(job);
}

void trace_launch_ends(Job& job) {
  if (tracing == Tracing::Profile) profile_launch_ends(job);
}

void trace_block_begins(Worker& w) {
  if (tracing == Tracing::Check) {
    if (!w.checker) w.checker.reset(new Checker(w));
    w.checker->begin_block(w.job->first_run, w.job->num_blocks);
    checker = w.job->first_run ? w.checker.get() : nullptr;  // no numbers left: unchecked
  } else {
    if (!w.profiler) w.profiler.reset(new Profiler(w));
    profiler = w.profiler->begin_block() ? w.profiler.get() : nullptr;
  }
}

void trace_block_ends(Worker& w) {
  if (checker) checker->end_block();
  if (profiler) profiler->end_block();
  checker = nullptr;
  profiler = nullptr;
  (void)w;
}

void trace_thread(Worker& w) {
  if (checker) checker->enter(w.current);
  if (profiler) profiler->enter(w.current);
}

void trace_barrier(Worker&) {
  if (checker) checker->barrier();
  if (profiler) profiler->barrier(), profiler->record_barrier();
}

void trace_grid_barrier(Worker& w) {
  if (checker) checker->grid_barrier(w.grid_split.phase);
  if (profiler) profiler->barrier();
}

void trace_meeting(Worker& w, int warp, unsigned lanes) {
  if (checker) checker->order.meet(warp, lanes, existing_lanes(w, warp));
  if (profiler) profiler->meeting(warp, lanes);
}

void trace_shared(Worker&, size_t offset, size_t size) {
  if (checker) checker->shared_placed(offset, size);
}

static void report_leaks() {
  for (const Allocation& a : arena.alive()) {
    std::string line = first_line(a.frames.data(), (int)a.frames.size());
    // By its line: what is allocated there again and again is counted.
    auto place = (const void*)std::hash<std::string>()(line);
    note(nullptr, "leak", place, nullptr, [&] {
      const char* memory =
          a.kind == Memory::Heap ? "memory that a kernel allocated" : "device memory";
      return Report{"leak",
                    cudaSuccess,
                    "",
                    std::to_string(a.size) + " bytes of " + memory + " are never freed" +
                        (line.empty() ? "" : ", allocated at " + line),
                    {},
                    line};
    });
  }
}

void trace_program_ends() {
  const char* leaks = getenv("SIMT_LEAKS");
  if (tracing == Tracing::Check) check_that_errors_were_told();
  if (tracing == Tracing::Check && leaks && *leaks == '1') report_leaks();
  save_reports();
  save_profiles();
  save_recordings();
}

}  // namespace simt

void simt_set_strict(int on) { simt::strictness = on != 0; }
