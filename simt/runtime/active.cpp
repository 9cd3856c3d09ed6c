// active.cpp: __activemask, the lanes of a warp that are at the same place together.
//
// On a GPU lanes of a warp that take the same branch run together; here they run one after another.
// So a lane that asks lets the others run on until each of them has returned, waits somewhere (in a
// barrier, a shuffle), or asks as well. Then those that ask in the same line are told of one
// another. The answer always has the caller in it, and a lane that is waited for elsewhere is not
// kept for ever: what CUDA promises, and what code that shuffles within the answer relies on.
#include <limits.h>

#include "schedule.h"

namespace simt {

// How often a lane that spins (waits in a loop on an atomic) gets another turn before the others go
// on without it: it may be waiting for one of them.
constexpr int kPatience = 64;

// Whether no other lane of the current thread's warp can arrive any more.
static bool complete(const Worker& w, Warp& warp) {
  int first = w.current & ~31;
  bool spinning = false;
  for (int lane = 0; lane < 32 && first + lane < w.num_threads; lane++) {
    State state = w.states[first + lane];
    if (warp.asking >> lane & 1) continue;
    if (state == State::NotStarted || state == State::Ready) return false;
    spinning |= state == State::Spinning;
  }
  return !spinning || warp.patience-- == 0;
}

static bool same_place(const Thread& a, const Thread& b) {
  return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0);
}

// The lanes in step that are not the furthest behind: the others have to catch up with them. So a
// warp comes together again behind an `if`, and at the end of each round of a loop.
static unsigned ahead(Warp& warp) {
  Progress first = {INT_MAX, 0}, last = {0, 0};
  for (int lane = 0; lane < 32; lane++) {
    if (!(warp.in_step >> lane & 1)) continue;
    first = std::min(first, warp.steps[lane]);
    last = std::max(last, warp.steps[lane]);
  }
  unsigned lanes = 0;
  for (int lane = 0; lane < 32; lane++) {
    if (!(warp.in_step >> lane & 1)) continue;
    if (first < warp.steps[lane]) lanes |= 1u << lane;
    if (!(first < last)) warp.steps[lane].first = 0;  // all together: rounds are counted from here
  }
  return lanes;
}

// Tells each lane that asks which lanes ask in the same line.
static void answer(const Worker& w, Warp& warp) {
  const Thread* lanes = &w.threads[w.current & ~31];
  unsigned waiting = ahead(warp);
  for (int lane = 0; lane < 32; lane++) {
    if (!((warp.asking & ~waiting) >> lane & 1)) continue;
    warp.active[lane] = 0;
    for (int other = 0; other < 32; other++)
      if (warp.asking >> other & 1 && same_place(lanes[lane], lanes[other]))
        warp.active[lane] |= 1u << other;
  }
  warp.asking = warp.in_step = waiting;
}

unsigned active_mask(const char* file, int line) {
  Worker& w = *worker;
  Warp& warp = w.warps[w.current >> 5];
  int lane = w.current & 31;
  Thread& t = w.threads[w.current];
  t.waits_in = "__activemask";
  t.file = file;
  t.line = line;
  warp.asking |= 1u << lane;
  warp.patience = kPatience;
  while (warp.asking >> lane & 1) {
    if (complete(w, warp))
      answer(w, warp);
    else
      spin_hint();
  }
  return warp.active[lane];
}

void forget_steps(Warp& warp) {
  std::fill(std::begin(warp.steps), std::end(warp.steps), Progress());
  warp.has_steps = false;
}

void in_step(int place, const char* file, int line) {
  Worker& w = *worker;
  int lane = w.current & 31;
  Warp& warp = w.warps[w.current >> 5];
  Progress& step = warp.steps[lane];
  step = {step.first + (place <= step.second), place};
  warp.in_step |= 1u << lane;
  warp.has_steps = true;
  active_mask(file, line);
}

}  // namespace simt
