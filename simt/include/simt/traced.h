// What code tells the runtime in an instrumented build (simt check, simt profile), beyond the plain
// reads and writes, of which the compiler itself tells (runtime/hooks.cpp).
#pragma once
#include "qualifiers.h"

namespace simt {

struct KernelParameters {
  const char *kernel, *names;  // "linear", "out,in,weight"
};
SIMT_HIDDEN bool name_parameters(const KernelParameters* kernels, int count);
SIMT_HIDDEN bool trace_as(int mode);
SIMT_HIDDEN void traced_atomic(const void* p, size_t size);  // called at the user's line
SIMT_HIDDEN void traced_fence();
// A thread that acquires at an address comes after those that have released there.
SIMT_HIDDEN void traced_release(const void* p);
SIMT_HIDDEN void traced_acquire(const void* p);
}  // namespace simt

#ifdef SIMT_TRACED  // 1: check, 2: profile
namespace simt {
static const bool traced __attribute__((unused)) = trace_as(SIMT_TRACED);  // before main
}
#define SIMT_ATOMIC(p) ::simt::traced_atomic((const void*)(p), sizeof *(p))
#define SIMT_FENCE() ::simt::traced_fence()
#define SIMT_RELEASE(p) ::simt::traced_release(p)
#define SIMT_ACQUIRE(p) ::simt::traced_acquire(p)
#define SIMT_SEEN(x) asm volatile("" ::"r"(x))  // is read, for all to see
#else
#define SIMT_ATOMIC(p) ((void)0)
#define SIMT_FENCE() ((void)0)
#define SIMT_RELEASE(p) ((void)0)
#define SIMT_ACQUIRE(p) ((void)0)
#define SIMT_SEEN(x) ((void)0)
#endif
