// warp.cpp: lanes of a warp meet, and leave a value for one another.
#include "schedule.h"

namespace simt {

// The lanes of a warp that exist: all but in a last, incomplete warp.
unsigned existing_lanes(const Worker& w, int warp) {
  int count = w.num_threads - warp * 32;
  return count >= 32 ? 0xffffffffu : (1u << count) - 1;
}

// Masks come and go (coalesced_threads()): beyond so many, the oldest that nobody uses is replaced.
constexpr size_t kGroupsKept = 8;

static WarpGroup& group_of(Warp& warp, unsigned mask) {
  auto& groups = warp.groups;
  size_t unused = groups.size();
  for (size_t i = 0; i < groups.size(); i++) {
    if (groups[i]->mask == mask) {
      if (i) std::swap(groups[i], groups[i - 1]);  // what is used often moves to the front
      return *groups[i ? i - 1 : 0];
    }
    if (!groups[i]->arrived && !groups[i]->leaving) unused = i;
  }
  if (unused == groups.size() || groups.size() < kGroupsKept)
    unused = groups.size(), groups.emplace_back(new WarpGroup());
  WarpGroup& group = *groups[unused];
  group.mask = mask;
  group.turn = 0;
  return group;
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

// All who must come are here: they go on. `running`: the lane that is not waiting, if any.
static void release(Worker& w, WarpGroup& group, int first, unsigned running) {
  unsigned lanes = group.arrived;
  group.present[group.turn] = lanes;
  group.arrived = 0;
  group.leaving = lanes & ~running;
  group.turn ^= 1;
  if (traced_run()) trace_meeting(w, first >> 5, lanes);
  for (int l = 0; l < 32; l++)
    if ((lanes & ~running) >> l & 1) make_ready(w, first + l);
}

bool release_meetings(Worker& w) {
  bool any = false;
  for (int warp = 0; warp < (int)w.warps.size(); warp++)
    for (auto& group : w.warps[warp].groups) {
      if (!group->arrived) continue;
      unsigned missing = group->mask & ~group->arrived;
      bool returned = true;
      for (int l = 0; l < 32; l++)
        if (missing >> l & 1)
          returned &= warp * 32 + l < w.num_threads && w.states[warp * 32 + l] == State::Returned;
      if (!returned) continue;
      release(w, *group, warp * 32, 0);
      any = true;
    }
  return any;
}

WarpMeeting warp_meet(unsigned mask, const LaneValue& mine, const char* what, const char* file,
                      int line) {
  Worker& w = *worker;
  int lane = w.current & 31, first = w.current & ~31;
  if (!(mask >> lane & 1)) refuse(w, mask, what, file, line);
  WarpGroup& group = group_of(w.warps[w.current >> 5], mask & existing_lanes(w, w.current >> 5));
  LaneValue* values = group.values[group.turn];
  values[lane] = mine;
  group.arrived |= 1u << lane;
  int turn = group.turn;
  if (group.arrived == group.mask) {
    release(w, group, first, 1u << lane);
  } else {
    Thread& t = w.threads[w.current];
    w.states[w.current] = State::InWarp;
    t.waits_in = what;
    t.file = file;
    t.line = line;
    wait(w);
    group.leaving &= ~(1u << lane);
  }
  return {values, group.present[turn]};
}

}  // namespace simt
