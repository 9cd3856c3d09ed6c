// address_space.cpp: which memory a pointer of a kernel leads to.
#include "runtime.h"

namespace simt {

static bool lies_in(const void* p, const char* start, size_t size) {
  return (uintptr_t)p - (uintptr_t)start < size;
}

Space space_of(const void* p) {
  Worker& w = *worker;
  if (lies_in(p, w.arena, kArena)) return Space::Shared;
  if (lies_in(p, w.stacks, (size_t)w.stacks_made * stack_size())) return Space::Local;
  return Space::Global;
}

char* shared_start() { return worker->arena; }
bool in_kernel() { return worker && worker->in_kernel; }

}  // namespace simt
