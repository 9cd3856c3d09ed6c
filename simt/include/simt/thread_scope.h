// Between which threads an atomic or a barrier of cuda:: works, and the memory orders. Here every
// order is as strong as memory_order_seq_cst, and every atomic works for all threads.
#pragma once
#include <atomic>

#include "cuda_std.h"

namespace cuda {

enum thread_scope {
  thread_scope_system = 0,
  thread_scope_device = 1,
  thread_scope_block = 2,
  thread_scope_thread = 10
};

using ::std::memory_order;
using ::std::memory_order_acq_rel;
using ::std::memory_order_acquire;
using ::std::memory_order_consume;
using ::std::memory_order_relaxed;
using ::std::memory_order_release;
using ::std::memory_order_seq_cst;

}  // namespace cuda
