// barrier.cpp: __syncthreads and its forms that count a predicate.
#include "schedule.h"

namespace simt {

// All who must come are here: they go on.
static void release(Worker& w) {
  Barrier& b = w.barrier;
  if (traced_run()) trace_barrier(w);
  b.arrived = 0;
  b.result[b.turn] = b.passed;
  b.turn ^= 1;
  if (!any_ready(w) && w.live == w.num_threads) {  // as ever, but for threads that spin
    w.ready.swap(w.at_barrier);
    memset(w.states.data(), (int)State::Ready, w.states.size());
    w.states[w.current] = State::Running;
  }
  for (int thread : w.at_barrier) make_ready(w, thread);
  w.at_barrier.clear();
  w.progress.store(w.progress.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

int barrier(int predicate, const char* file, int line) {
  Worker& w = *worker;
  Barrier& b = w.barrier;
  if (b.arrived == 0) {
    b.file = file;
    b.line = line;
    b.passed = 0;
  } else if (b.line != line || (b.file != file && strcmp(b.file, file) != 0)) {
    b.mixed = true;  // never completes: the report shows who waits where
  }
  b.arrived++;
  b.passed += predicate != 0;
  int turn = b.turn;
  if (b.arrived == w.num_threads && !b.mixed) {
    release(w);
  } else {
    Thread& t = w.threads[w.current];
    w.states[w.current] = State::AtBarrier;
    t.waits_in = "__syncthreads";
    t.file = file;
    t.line = line;
    w.at_barrier.push_back(w.current);
    wait(w);
  }
  return b.result[turn];
}

// "... will not succeed until reached by all non-exited threads in the block" (CUDA C++ Programming
// Guide, on independent thread scheduling).
bool release_without_returned(Worker& w) {
  if (strict()) return false;
  if (release_meetings(w)) return true;
  if (w.barrier.arrived != w.live || w.barrier.mixed) return false;
  release(w);
  return true;
}

}  // namespace simt
