// async_copy.cpp: the copies that each thread has started and not yet waited for.
#include "runtime.h"

namespace simt {

static ThreadCopies& copies() {
  Worker& w = *worker;
  if (w.copies.empty()) w.copies.resize((size_t)w.num_threads);
  return w.copies[(size_t)w.current];
}

void defer_copy(const AsyncCopy& copy) {
  if (copy.size + copy.zeros == 0) return;
  ThreadCopies& mine = copies();
  mine.list.push_back({copy, mine.committed});
}

void commit_copies() { copies().committed++; }

bool take_copy(AsyncCopy& copy, unsigned newest) {
  ThreadCopies& mine = copies();
  if (mine.list.empty() || mine.list.front().second + newest >= mine.committed) return false;
  copy = mine.list.front().first;
  mine.list.pop_front();
  return true;
}

void defer_copy_until(const void* barrier, const AsyncCopy& copy) {
  if (copy.size + copy.zeros > 0) worker->barrier_copies.push_back({barrier, copy});
}

bool take_copy_of(const void* barrier, AsyncCopy& copy) {
  auto& all = worker->barrier_copies;
  for (auto it = all.begin(); it != all.end(); ++it)
    if (it->first == barrier) {
      copy = it->second;
      all.erase(it);
      return true;
    }
  return false;
}

}  // namespace simt
