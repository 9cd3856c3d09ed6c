// lockstep.cpp: see lockstep.h.
#include "lockstep.h"

#include <algorithm>

namespace simt {

namespace {

// A step of one lane: a basic block, and its accesses.
struct LaneStep {
  int block;            // number in `Graph`
  uint32_t first, end;  // of its events
};

// The basic blocks that the lanes came by, as a graph with one exit.
struct Graph {
  static constexpr int kExit = 0, kStart = 1;  // kStart: what follows a barrier, up to a branch
  std::unordered_map<uint32_t, int> numbers;
  std::vector<uint32_t> pcs = {0, 0};
  std::vector<std::vector<int>> successors = {{}, {}};
  std::vector<int> joins;  // by block: where the paths that leave it meet again

  int number(uint32_t pc) {
    auto [found, is_new] = numbers.try_emplace(pc, (int)pcs.size());
    if (is_new) pcs.push_back(pc), successors.emplace_back();
    return found->second;
  }
  void edge(int from, int to) {
    auto& s = successors[from];
    if (std::find(s.begin(), s.end(), to) == s.end()) s.push_back(to);
  }
  void find_joins();
};

// Immediate post-dominators: dominators of the reversed graph, by iteration over it in the order
// in which a depth-first walk finishes (Cooper, Harvey, Kennedy 2001).
void Graph::find_joins() {
  int n = (int)pcs.size();
  std::vector<std::vector<int>> before(n);
  for (int a = 0; a < n; a++)
    for (int b : successors[a]) before[b].push_back(a);
  std::vector<int> order, rank(n, -1), stack = {kExit};
  std::vector<size_t> next(n, 0);
  std::vector<char> seen(n, 0);
  seen[kExit] = 1;
  while (!stack.empty()) {
    int at = stack.back();
    if (next[at] < before[at].size()) {
      int to = before[at][next[at]++];
      if (!seen[to]) seen[to] = 1, stack.push_back(to);
    } else {
      rank[at] = (int)order.size();
      order.push_back(at);
      stack.pop_back();
    }
  }
  joins.assign(n, -1);
  joins[kExit] = kExit;
  for (bool changed = true; changed;) {
    changed = false;
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      if (*it == kExit) continue;
      int join = -1;
      for (int s : successors[*it]) {
        if (joins[s] < 0) continue;
        int a = join < 0 ? s : join, b = s;
        while (a != b) {
          while (rank[a] < rank[b]) a = joins[a];
          while (rank[b] < rank[a]) b = joins[b];
        }
        join = a;
      }
      if (join != joins[*it]) joins[*it] = join, changed = true;
    }
  }
}

class Replay {
 public:
  Replay(Log* const (&logs)[32], WarpListener& listener) : logs_(logs), listener_(listener) {}
  void run();

 private:
  void read(int lane);
  void go(unsigned mask, int until);
  void step(unsigned mask);
  bool at_end(int lane) const { return at_[lane] == steps_[lane].size(); }
  int next(int lane) const { return at_end(lane) ? Graph::kExit : steps_[lane][at_[lane]].block; }

  Log* const (&logs_)[32];
  WarpListener& listener_;
  Graph graph_;
  std::vector<LaneStep> steps_[32];
  size_t at_[32] = {};
};

void Replay::read(int lane) {
  const auto& events = logs_[lane]->events;
  int last = Graph::kStart;
  uint32_t first = 0;
  for (uint32_t i = 0; i <= events.size(); i++) {
    if (i < events.size() && events[i].size) continue;
    if (last != Graph::kStart || i > first) steps_[lane].push_back({last, first, i});
    if (i == events.size()) break;
    int block = graph_.number(events[i].pc);
    if (last != Graph::kStart || i > first) graph_.edge(last, block);
    last = block;
    first = i + 1;
  }
  graph_.edge(last, Graph::kExit);
}

// All lanes of the mask are at the same block: they make its accesses together.
void Replay::step(unsigned mask) {
  int leader = __builtin_ctz(mask);
  const LaneStep& step = steps_[leader][at_[leader]];
  if (step.block != Graph::kStart)
    listener_.block(graph_.pcs[step.block], (unsigned)__builtin_popcount(mask));
  uint32_t longest = 0;
  for (unsigned m = mask; m; m &= m - 1) {
    const LaneStep& s = steps_[__builtin_ctz(m)][at_[__builtin_ctz(m)]];
    longest = std::max(longest, s.end - s.first);
  }
  for (uint32_t k = 0; k < longest; k++) {
    unsigned left = mask;
    while (left) {  // within a block all are alike, but for what a call in it did
      uintptr_t addresses[32];
      uint8_t lanes[32];
      unsigned count = 0;
      const Event* first = nullptr;
      for (unsigned m = left; m; m &= m - 1) {
        int lane = __builtin_ctz(m);
        const LaneStep& s = steps_[lane][at_[lane]];
        const Event* e = s.first + k < s.end ? &logs_[lane]->events[s.first + k] : nullptr;
        if (e && !first) first = e;
        if (e && (e->pc != first->pc || e->size != first->size || e->area != first->area)) continue;
        left &= ~(1u << lane);
        if (!e) continue;
        lanes[count] = (uint8_t)lane;
        addresses[count++] = e->address;
      }
      if (first) listener_.access(*first, addresses, lanes, count);
    }
  }
  for (unsigned m = mask; m; m &= m - 1) at_[__builtin_ctz(m)]++;
}

// Runs those lanes until each is at the block `until`.
void Replay::go(unsigned mask, int until) {
  while (true) {
    unsigned running = 0;
    for (unsigned m = mask; m; m &= m - 1)
      if (next(__builtin_ctz(m)) != until) running |= m & -m;
    if (!running) return;
    int block = next(__builtin_ctz(running));
    unsigned together = 0;
    for (unsigned m = running; m; m &= m - 1)
      if (next(__builtin_ctz(m)) == block) together |= m & -m;
    if (together != running) {  // apart already: each side on its own, up to `until`
      for (unsigned left = running; left;) {
        int side = next(__builtin_ctz(left));
        unsigned lanes = 0;
        for (unsigned m = left; m; m &= m - 1)
          if (next(__builtin_ctz(m)) == side) lanes |= m & -m;
        left &= ~lanes;
        go(lanes, until);
      }
      return;
    }
    step(running);
    int join = graph_.joins[block];
    if (join < 0 || join == until) continue;
    unsigned same = 0;
    int to = next(__builtin_ctz(running));
    for (unsigned m = running; m; m &= m - 1)
      if (next(__builtin_ctz(m)) == to) same |= m & -m;
    if (same != running) go(running, join);
  }
}

void Replay::run() {
  unsigned mask = 0;
  for (int lane = 0; lane < 32; lane++)
    if (logs_[lane] && !logs_[lane]->events.empty()) read(lane), mask |= 1u << lane;
  graph_.find_joins();
  go(mask, Graph::kExit);
}

}  // namespace

static bool alike(Log* const (&logs)[32]) {
  const std::vector<Event>* first = nullptr;
  for (Log* log : logs) {
    if (!log) continue;
    if (!first) first = &log->events;
    if (log->events.size() != first->size()) return false;
    for (size_t i = 0; i < first->size(); i++) {
      const Event &a = (*first)[i], &b = log->events[i];
      if (a.pc != b.pc || a.size != b.size || a.area != b.area) return false;
    }
  }
  return true;
}

void replay_in_step(Log* const (&logs)[32], WarpListener& listener) {
  if (alike(logs)) {  // as is usual
    unsigned count = 0;
    Log* present[32];
    uint8_t lanes[32];
    for (int lane = 0; lane < 32; lane++)
      if (logs[lane]) present[count] = logs[lane], lanes[count++] = (uint8_t)lane;
    if (!count) return;
    uintptr_t addresses[32];
    for (size_t i = 0; i < present[0]->events.size(); i++) {
      const Event& first = present[0]->events[i];
      if (!first.size) {
        listener.block(first.pc, count);
        continue;
      }
      for (unsigned l = 0; l < count; l++) addresses[l] = present[l]->events[i].address;
      listener.access(first, addresses, lanes, count);
    }
  } else {
    Replay(logs, listener).run();
  }
  for (Log* log : logs)
    if (log) log->events.clear();
}

}  // namespace simt
