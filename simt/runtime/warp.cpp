// warp.cpp: lanes of a warp meet, and leave a value for one another.
#include "schedule.h"

namespace simt {

// The lanes of the current thread's warp that exist: all but in a last, incomplete warp.
static unsigned existing_lanes(const Worker& w) {
  int first = w.current & ~31, count = w.num_threads - first;
  return count >= 32 ? 0xffffffffu : (1u << count) - 1;
}

static WarpGroup& group_of(Warp& warp, unsigned mask) {
  for (auto& group : warp.groups)
    if (group->mask == mask) return *group;
  warp.groups.emplace_back(new WarpGroup());
  warp.groups.back()->mask = mask;
  return *warp.groups.back();
}

static void refuse(Worker& w, unsigned mask, const char* what, const char* file, int line) {
  char text[256];
  snprintf(text, sizeof text,
           "%s at %s is called by lane %d with mask 0x%08x, which leaves that lane out: a thread "
           "may only take part in a warp operation whose mask names it",
           what, where(file, line).c_str(), w.current & 31, mask);
  report(w, {"warp_mask", cudaErrorLaunchFailure, thread_name(w, w.current), text, {}});
  abandon_block(w);
}

WarpMeeting warp_meet(unsigned mask, const LaneValue& mine, const char* what, const char* file,
                      int line) {
  Worker& w = *worker;
  int lane = w.current & 31, first = w.current & ~31;
  if (!(mask >> lane & 1)) refuse(w, mask, what, file, line);
  WarpGroup& group = group_of(w.warps[w.current >> 5], mask & existing_lanes(w));
  LaneValue* values = group.values[group.turn];
  values[lane] = mine;
  group.arrived |= 1u << lane;
  if (group.arrived == group.mask) {
    unsigned others = group.arrived & ~(1u << lane);
    group.arrived = 0;
    group.turn ^= 1;
    for (int l = 0; l < 32; l++)
      if (others >> l & 1) make_ready(w, first + l);
  } else {
    Thread& t = w.threads[w.current];
    w.states[w.current] = State::InWarp;
    t.waits_in = what;
    t.file = file;
    t.line = line;
    wait(w);
  }
  return {values, group.mask};
}

}  // namespace simt
