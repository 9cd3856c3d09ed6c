// barrier.cpp: __syncthreads and its forms that count a predicate.
#include "schedule.h"

namespace simt {

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
    b.arrived = 0;
    b.result[turn] = b.passed;
    b.turn ^= 1;
    if (!any_ready(w)) {  // as ever, but for threads that spin
      w.ready.swap(w.at_barrier);
      memset(w.states.data(), (int)State::Ready, w.states.size());
      w.states[w.current] = State::Running;
    }
    for (int thread : w.at_barrier) make_ready(w, thread);
    w.at_barrier.clear();
    w.progress.store(w.progress.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
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

}  // namespace simt
