// Qualifiers. On the CPU there is one kind of code and one address space, so most mean nothing;
// `__shared__` and launches are rewritten before the compiler sees them (simt/rewrite/).
#pragma once

#define __SIMT__ 1    // a program can tell that it runs here
#define __CUDACC__ 1  // ... and code that asks whether it is CUDA is told yes
#define __NVCC__ 1
#define __CUDACC_VER_MAJOR__ 12
#define __CUDACC_VER_MINOR__ 0
// Programs ask by these include guards of CUDA's whether the runtime API is there.
#define __CUDA_RUNTIME_H__
#define __CUDA_RUNTIME_API_H__
#define __DRIVER_TYPES_H__
#define __VECTOR_TYPES_H__

#define __global__
#define __device__
#define __host__
#define __constant__
#define SIMT_CONSTANT __attribute__((section("simt_constant")))
#define __managed__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

#define __nv_pure__ __attribute__((pure))
#ifndef __clang__  // which has it
#define __builtin_assume(condition) ((condition) ? (void)0 : __builtin_unreachable())
#endif

// The runtime is linked into each library; nothing of it is shared between two that are loaded in
// one process, but for the C functions of CUDA's runtime API, which are exported.
#define SIMT_HIDDEN __attribute__((visibility("hidden")))
#define SIMT_EXPORT extern "C" __attribute__((visibility("default")))

// For functions of these headers, with a thought to the instrumented builds (simt check, profile),
// in which the compiler reports each access to memory:
//   SIMT_INLINE  reads or writes the user's memory for them. Always inlined, so that the access is
//                reported at the user's line.
//   SIMT_UNSEEN  touches only simt's own memory: nothing in it is reported.
//   SIMT_OWN_INLINE  the same, for what must be inlined in the other builds.
#define SIMT_INLINE inline __attribute__((always_inline))
#ifdef SIMT_TRACED
#define SIMT_UNSEEN \
  __attribute__((noinline, no_sanitize("thread", "undefined"), no_sanitize_coverage))
#define SIMT_OWN_INLINE SIMT_UNSEEN inline
#else
#define SIMT_UNSEEN
#define SIMT_OWN_INLINE SIMT_INLINE
#endif

// Where a call stands in the user's file, as default arguments.
#define SIMT_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()
