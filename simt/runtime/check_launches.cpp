// check_launches.cpp: launches that fail, and whether the program asks. One that is refused (its
// grid, block or shared memory is not possible) is a problem, unless the program then asks for the
// error: it may have tried on purpose. What it does with an answer nobody can see, so an error that
// a call has returned counts as asked for.
#include <mutex>

#include "trace.h"

namespace simt {

namespace {
struct Refused {
  const char* kernel;
  const char* file;  // of the launch; with the line, also what its report goes by
  int line;
  cudaError_t error;
  pthread_t thread;  // errors are kept by thread
};
// Never destroyed: looked at when the program ends.
auto& not_asked_for = *new std::vector<Refused>();
std::mutex refused_mutex;

const void* line_key(int line) { return (void*)(intptr_t)line; }

std::string why_refused(const Launch& launch, cudaError_t error) {
  dim3 g = launch.config.grid, b = launch.config.block;
  uint64_t threads = (uint64_t)b.x * b.y * b.z, shared = launch.config.dynamic_shared;
  if (threads == 0 || (uint64_t)g.x * g.y * g.z == 0)
    return "its grid or block is empty (is a division rounded down to 0?)";
  if (threads > kMaxThreads)
    return "a block of " + std::to_string(threads) + " threads, where 1024 are the most";
  if (b.z > 64) return "a block of " + std::to_string(b.z) + " along z, where 64 are the most";
  if (g.y > 65535 || g.z > 65535)
    return "a grid of " + std::to_string(g.y > 65535 ? g.y : g.z) + " blocks along " +
           (g.y > 65535 ? "y" : "z") + ", where 65535 are the most";
  if (launch.config.cooperative && error == cudaErrorCooperativeLaunchTooLarge)
    return "a cooperative launch of " + std::to_string((uint64_t)g.x * g.y * g.z) +
           " blocks, where " + std::to_string(blocks_at_once(launch.config)) + " fit at once";
  if (shared > kDefaultDynamicLimit)
    return std::to_string(shared) +
           " bytes of dynamic shared memory; more than 48 KB need cudaFuncSetAttribute(kernel, "
           "cudaFuncAttributeMaxDynamicSharedMemorySize, bytes), and 227 KB are the most";
  return cudaGetErrorString(error);
}
}  // namespace

void trace_refused_launch(const Launch& launch, cudaError_t error) {
  note(nullptr, "invalid_launch", launch.file, line_key(launch.line), [&] {
    std::string line = where(launch.file, launch.line);
    return Report{"invalid_launch",
                  cudaSuccess,
                  "",
                  std::string("the kernel ") + launch.name +
                      " is not run: " + why_refused(launch, error) +
                      ". cudaGetLastError() says so (" + cudaGetErrorName(error) + "), at " + line,
                  {},
                  line};
  });
  std::lock_guard<std::mutex> lock(refused_mutex);
  not_asked_for.push_back({launch.name, launch.file, launch.line, error, pthread_self()});
}

void trace_error_told() {
  std::vector<Refused> asked_for, others;
  {
    std::lock_guard<std::mutex> lock(refused_mutex);
    for (const Refused& r : not_asked_for)
      (pthread_equal(r.thread, pthread_self()) ? asked_for : others).push_back(r);
    not_asked_for.swap(others);
  }
  for (const Refused& r : asked_for) excuse("invalid_launch", r.file, line_key(r.line));
}

static void note_unchecked(const char* kernel, const char* file, int line, std::string what) {
  note(nullptr, "unchecked_launch_error", file, line_key(line), [&] {
    std::string at = where(file, line);
    return Report{"unchecked_launch_error",
                  cudaSuccess,
                  "",
                  std::string("the launch of ") + kernel + " at " + at + what +
                      ", and the program never asks: call cudaGetLastError() after a launch, and "
                      "look at what cudaDeviceSynchronize() or cudaMemcpy() return",
                  {},
                  at};
  });
}

void check_that_errors_were_told() {
  for (const Refused& r : not_asked_for)
    note_unchecked(r.kernel, r.file, r.line,
                   std::string(" failed (") + cudaGetErrorName(r.error) + ")");
  const FailedLaunch* failed = failed_launch();
  if (failed && !failed->told)
    note_unchecked(failed->kernel.c_str(), failed->file.c_str(), failed->line,
                   std::string(" ended with ") + cudaGetErrorName(failed->error));
}

}  // namespace simt
