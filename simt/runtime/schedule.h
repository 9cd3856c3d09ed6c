// schedule.h: which thread of a block runs next. Inline, since every wait comes by here.
#pragma once
#include "trace.h"

namespace simt {

inline void become(Worker& w, int thread) {
  w.current = thread;
  w.states[thread] = State::Running;
  threadIdx = w.thread_ids[thread];
  if (traced_run()) trace_thread(w);
}

inline bool any_ready(const Worker& w) { return w.ready_head < w.ready.size(); }

inline void make_ready(Worker& w, int thread) {
  w.states[thread] = State::Ready;
  w.ready.push_back(thread);
}

inline int pop_ready(Worker& w) {
  int thread;
  if (w.reverse) {
    thread = w.ready.back();  // the one that woke last: its warp runs ahead of the others
    w.ready.pop_back();
  } else {
    thread = w.ready[w.ready_head++];
  }
  if (!any_ready(w)) {
    w.ready.clear();
    w.ready_head = 0;
  } else if (w.ready_head > 2 * kMaxThreads) {  // threads that spin would let it grow for ever
    w.ready.erase(w.ready.begin(), w.ready.begin() + w.ready_head);
    w.ready_head = 0;
  }
  return thread;
}

// The current thread has been noted as waiting: run others until somebody has woken it and its turn
// comes. Whoever resumes it makes it the current one.
inline void wait(Worker& w) {
  if (!any_ready(w)) return wait_with_none_ready(w);
  int thread = w.current, next = pop_ready(w);
  become(w, next);
  if (next != thread) simt_switch(&w.threads[thread].stack_pointer, w.threads[next].stack_pointer);
}

}  // namespace simt
