// faults.cpp: a wild pointer, a stack overflow, a failed assert or an endless loop in a kernel
// becomes a report, and the process lives.
//
// A signal handler may do next to nothing. So it notes what happened and changes where its thread
// goes on: in explain(), ordinary code on a stack kept for it, which makes the report and goes
// back to the worker as if the block had ended. Signals that are not a kernel's go to whoever
// handled them before.
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <thread>

#include "runtime.h"

namespace simt {

constexpr int kWatchdogSignal = SIGUSR2;
constexpr size_t kSignalStack = 64 * 1024, kEmergencyStack = 256 * 1024;
static struct sigaction previous[65];
#ifdef SI_KERNEL
constexpr int kKernelSent = SI_KERNEL;
#else
constexpr int kKernelSent = -1;
#endif
static void* const kUnknownAddress = (void*)~(uintptr_t)0;

// ----------------------------------------------------------------------------- the report

static bool in_guard_page(const Worker& w, void* address) {
  auto offset = (uintptr_t)address - (uintptr_t)w.stacks;
  return offset < (size_t)w.stacks_made * stack_size() && offset % stack_size() < kPage;
}

static Report explain_signal(Worker& w) {
  std::string line = source_line(w.fault_pc);
  if (line.empty() && w.signal == kWatchdogSignal) line = source_line(w.spins_at);
  if (line.empty() && w.barrier.file) line = where(w.barrier.file, w.barrier.line);
  std::string at = line.empty() ? "" : " at " + line;
  std::string thread = thread_name(w, w.current);
  char address[48];
  snprintf(address, sizeof address, " (address %p)", w.fault_address);
  if (w.fault_address == kUnknownAddress) address[0] = 0;
  if (w.signal == kWatchdogSignal)
    return {"endless_loop",
            cudaErrorLaunchTimeout,
            thread,
            "a loop" + at +
                " does not end: does its condition ever become false, or does it wait "
                "for another thread without an atomic or a barrier?",
            {}};
  if (w.signal == SIGFPE)
    return {"division_by_zero",
            cudaErrorLaunchFailure,
            thread,
            "an integer is divided by zero" + at + " (a GPU would go on with a wrong value)",
            {}};
  if (w.signal == SIGILL)
    return {"illegal_instruction",
            cudaErrorLaunchFailure,
            thread,
            "the compiler found that this code cannot be reached by a correct program" + at,
            {}};
  if (in_guard_page(w, w.fault_address))
    return {"stack_overflow",
            cudaErrorIllegalAddress,
            thread,
            "the local variables of a thread do not fit on its stack" + at + " (" +
                std::to_string(stack_size() / 1024) +
                " KB; $SIMT_STACK_KB): is there a large local array, or endless recursion?",
            {}};
  if ((uintptr_t)w.fault_address < kPage)
    return {"null_pointer",
            cudaErrorIllegalAddress,
            thread,
            "a null pointer is read or written" + at + address,
            {}};
  return {"illegal_address",
          cudaErrorIllegalAddress,
          thread,
          "memory that is not the program's is read or written" + at + address +
              ": is an index too large, or a size missing in cudaMalloc?",
          {}};
}

static void explain() {
  Worker& w = *worker;
  Report r = explain_signal(w);
  r.at = source_line(w.fault_pc);
  report(w, r);
  abandon_block(w);
}

// ----------------------------------------------------------------------------- the handler

static void resume_in_explain(ucontext_t* context, Worker& w) {
  auto top = (uintptr_t)(w.emergency_stack + kEmergencyStack - 256) & ~(uintptr_t)63;
#if defined(__linux__) && defined(__x86_64__)
  w.fault_pc = (void*)context->uc_mcontext.gregs[REG_RIP];
  context->uc_mcontext.gregs[REG_RIP] = (greg_t)explain;
  context->uc_mcontext.gregs[REG_RSP] = (greg_t)(top - 8);  // as if called
#elif defined(__linux__) && defined(__aarch64__)
  w.fault_pc = (void*)context->uc_mcontext.pc;
  context->uc_mcontext.pc = (unsigned long long)explain;
  context->uc_mcontext.sp = top;
#elif defined(__APPLE__) && defined(__x86_64__)
  w.fault_pc = (void*)context->uc_mcontext->__ss.__rip;
  context->uc_mcontext->__ss.__rip = (uint64_t)explain;
  context->uc_mcontext->__ss.__rsp = top - 8;
#elif defined(__APPLE__) && defined(__aarch64__)
  w.fault_pc = (void*)context->uc_mcontext->__ss.__pc;
  context->uc_mcontext->__ss.__pc = (uint64_t)explain;
  context->uc_mcontext->__ss.__sp = top;
#else
  (void)context, (void)top;
  static const char text[] = "simt: a kernel crashed or hangs; no details on this processor\n";
  (void)!write(2, text, sizeof text - 1);
  _exit(86);
#endif
}

static void on_signal(int signal, siginfo_t* info, void* context) {
  Worker* w = worker;
  if (w && w->in_kernel) {
    w->in_kernel = false;  // what follows is ours: a second fault in it is a crash
    w->signal = signal;
    // For an address that no pointer can have, the processor does not say which.
    w->fault_address = info->si_code == kKernelSent ? kUnknownAddress : info->si_addr;
    resume_in_explain(static_cast<ucontext_t*>(context), *w);
    return;
  }
  if (signal == kWatchdogSignal && info->si_code == SI_TKILL) return;  // the block just ended
  const struct sigaction& before = previous[signal];
  if (before.sa_flags & SA_SIGINFO) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler == SIG_DFL) {
    sigaction(signal, &before, nullptr);
    raise(signal);
  } else if (before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  }
}

void install_fault_handlers() {
  static bool installed = false;
  if (installed) return;
  installed = true;
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, kWatchdogSignal})
    sigaction(signal, &action, &previous[signal]);
}

void use_signal_stack() {
  static __thread bool done;
  Worker& w = *worker;
  if (!w.emergency_stack) w.emergency_stack = new char[kEmergencyStack];
  if (done) return;
  done = true;
  stack_t current;
  sigaltstack(nullptr, &current);
  if (!(current.ss_flags & SS_DISABLE)) return;  // Python's faulthandler has one: it will do
  stack_t stack = {};
  stack.ss_sp = new char[kSignalStack];
  stack.ss_size = kSignalStack;
  sigaltstack(&stack, nullptr);
}

// ---------------------------------------------------------------------------- the watchdog

// Seconds without any barrier or finished block. Without a finished block, barriers or not, it may
// take six times as long: a loop can well be endless with barriers in it.
static double time_limit() {
  const char* s = getenv("SIMT_TIMEOUT");
  double limit = s ? atof(s) : 0;
  return limit > 0 ? limit : 10;
}

static std::mutex watched_mutex;
static std::vector<Worker*> watched;
static std::atomic<uint64_t> launches;  // odd while one runs

static void watchdog() {
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;
  uint64_t launch = 0, progress = 0, blocks = 0;
  Clock::time_point last_progress, last_block;
  for (;;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    uint64_t launch_now = launches, progress_now = 0, blocks_now = 0;
    if (launch_now % 2 == 0) continue;
    std::lock_guard<std::mutex> lock(watched_mutex);
    for (Worker* w : watched) progress_now += w->progress, blocks_now += w->blocks_done;
    Clock::time_point now = Clock::now();
    bool fresh = launch_now != launch;
    if (fresh || blocks_now != blocks) last_block = now;
    if (fresh || blocks_now != blocks || progress_now != progress) last_progress = now;
    launch = launch_now, progress = progress_now, blocks = blocks_now;
    if (Seconds(now - last_progress).count() > time_limit() ||
        Seconds(now - last_block).count() > 6 * time_limit())
      for (Worker* w : watched)
        if (w->in_kernel) pthread_kill(w->os_thread, kWatchdogSignal);
  }
}

void watch(Worker& w) {
  std::lock_guard<std::mutex> lock(watched_mutex);
  watched.push_back(&w);
}
void start_watchdog() {
  new (&watched_mutex) std::mutex();  // in a forked child the old one may be locked
  watched.clear();
  launches = 0;
  std::thread(watchdog).detach();
}
void launch_begins() { launches++; }
void launch_ends() { launches++; }

void trap(const char* file, int line) {
  Worker& w = *worker;
  report(w, {"trap",
             cudaErrorLaunchFailure,
             thread_name(w, w.current),
             "__trap() at " + where(file, line) + " was reached",
             {}});
  abandon_block(w);
}

}  // namespace simt

// assert() in a kernel ends the launch; on the host it ends the program, as ever.
extern "C" __attribute__((visibility("hidden"), noreturn)) void __assert_fail(
    const char* condition, const char* file, unsigned line, const char* function) noexcept(true) {
  using namespace simt;
  Worker* w = worker;
  if (w && w->in_kernel) {
    report(*w, {"assert",
                cudaErrorAssert,
                thread_name(*w, w->current),
                "the assertion `" + std::string(condition) + "` at " + where(file, (int)line) +
                    " does not hold",
                {}});
    abandon_block(*w);
  }
  fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line, function, condition);
  abort();
}
