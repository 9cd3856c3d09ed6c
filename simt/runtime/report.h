// report.h: how the runtime tells what went wrong, and which error the program is given.
#pragma once
#include "runtime.h"

namespace simt {

struct Report {
  const char* kind;   // "barrier_divergence", "endless_loop", "illegal_address", ...
  cudaError_t error;  // sticky from now on; cudaSuccess: the program goes on
  std::string threads;
  std::string message;  // one sentence: the cause
  std::vector<std::string> details;
  std::string at = {};     // the line in a kernel, "gpt.cu:12"
  const char* among = "";  // of a race: threads of one "warp", one "block", or the "grid"
};
// Keeps the first report of a launch, and prints it where reports are printed.
void report(Worker& w, const Report& r);
void report_deadlock(Worker& w);
// The same for what does not end the launch; w: null outside kernels. A piece of code may come by
// again and again: the report is made the first time, and counted from then on.
int place_of_report(const char* kind, const void* pc, const void* other_pc);  // < 0: known already
void note_at(int place, const Worker* w, const Report& r);
// While a report is made the watchdog has to wait, and not find this OS thread in a lock.
struct OutsideOfKernel {
  bool was = worker && worker->in_kernel.exchange(false);
  ~OutsideOfKernel() {
    if (was) worker->in_kernel = true;
  }
};
template <class MakeReport>
void note(const Worker* w, const char* kind, const void* pc, const void* other_pc,
          MakeReport make_report) {
  OutsideOfKernel here;
  int place = place_of_report(kind, pc, other_pc);
  if (place < 0) return;
  note_at(place, w, make_report());
  if (here.was) worker->progress++;
}
// The line of the user's that called the function of CUDA's that is being carried out, or "".
std::string calling_line();
std::string first_line(void* const* frames, int count);  // the same of earlier calls
// What was reported under these is no problem, but worth a note: the program knows of it.
void excuse(const char* kind, const void* pc, const void* other_pc);
void count_launch(const char* kernel);  // the reports say what was checked
void save_reports();                    // to the file that $SIMT_REPORT names

// The error that ended a launch, which all calls return from then on; it is told to the program.
cudaError_t sticky_error();
cudaError_t device_error();  // the same, not told
void forget_errors();
struct FailedLaunch {
  std::string kernel, file;
  int line;
  cudaError_t error = cudaSuccess;
  std::atomic<bool> told{false};
};
const FailedLaunch* failed_launch();    // or null
cudaError_t failed(cudaError_t error);  // notes it for cudaGetLastError, and returns it
std::string thread_name(const Worker& w, int thread);                       // "(3,0,0)"
std::string thread_ranges(const Worker& w, const std::vector<int>& those);  // "(0,0,0)..(31,0,0)"
std::string where(const char* file, int line);                              // "gpt.cu:12"
std::string source_line(void* pc);                                          // "gpt.cu:12", or ""

}  // namespace simt
