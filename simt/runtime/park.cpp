// park.cpp: threads of a block that wait at an address, and the block's barrier in two steps.
#include "schedule.h"

namespace simt {

void park(const void* address, const char* what, const char* file, int line) {
  Worker& w = *worker;
  Thread& t = w.threads[w.current];
  w.states[w.current] = State::Parked;
  t.waits_in = what;
  t.file = file;
  t.line = line;
  w.parked.push_back({address, w.current});
  wait(w);
}

void unpark(const void* address) {
  Worker& w = *worker;
  size_t kept = 0;
  for (auto& [where, thread] : w.parked)
    if (where == address)
      make_ready(w, thread);
    else
      w.parked[kept++] = {where, thread};
  w.parked.resize(kept);
}

unsigned arrive(Worker& w, SplitBarrier& b) {
  unsigned token = b.phase;
  traced_release(&b);
  if (++b.arrived == w.num_threads) {
    b.arrived = 0;
    b.phase++;
    unpark(&b);
  }
  return token;
}

unsigned block_arrive() { return arrive(*worker, worker->block_split); }

void block_wait(unsigned token, const char* what, const char* file, int line) {
  SplitBarrier& b = worker->block_split;
  while (b.phase == token) park(&b, what, file, line);
  traced_acquire(&b);
}

}  // namespace simt
