// ptx.cuh: what Hopper can do and CUDA C++ has no plain words for, an instruction a function.
//
// PTX ISA: "mbarrier", "cp.async.bulk", "st.async", "mapa", "mma.m16n8k16", "ld" and "st" with
// .relaxed. All of it is plain sm_90, but setmaxnreg.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace hopper {

#if defined(__CUDA_ARCH__) || !defined(__SIMT__)

// Of shared memory: this block's own, or another one's of the cluster.
using Address = uint32_t;

__device__ __forceinline__ Address address_of(const void* shared) {
  return (Address)__cvta_generic_to_shared(shared);
}

// The address at which block `rank` of the cluster has what this one has at `own`.
__device__ __forceinline__ Address in_block(int rank, Address own) {
  Address theirs;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(theirs) : "r"(own), "r"(rank));
  return theirs;
}

// ------------------------------------------------------------------------------- barriers
// An mbarrier counts arrivals of threads, and bytes, that are still to come. A phase ends when both
// are 0, and the next begins. Who waits says which phase by its number's parity, so nobody may fall
// two behind. (These phases are not the three of a layer in shape.cuh.)

__device__ __forceinline__ void init_barrier(Address barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

// Barriers that were made are there, also for other blocks and for bulk copies.
__device__ __forceinline__ void fence_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

__device__ __forceinline__ void arrive(Address barrier, int count = 1) {
  asm volatile(
      "{ .reg .b64 state; mbarrier.arrive.shared::cta.b64 state, [%0], %1; }" ::"r"(barrier),
      "r"(count)
      : "memory");
}

// Arrives once, and says how many bytes will come in this phase.
__device__ __forceinline__ void arrive_expecting(Address barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}

// Whether the phase of this parity has ended. (It may wait a little before it says no.)
__device__ __forceinline__ bool has_ended(Address barrier, unsigned parity) {
  unsigned ended;
  asm volatile(
      "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;"
      " selp.u32 %0, 1, 0, p; }"
      : "=r"(ended)
      : "r"(barrier), "r"(parity)
      : "memory");
  return ended;
}

// A barrier of some warps of the block (1 to 15; 0 is __syncthreads').
template <int ID, int THREADS>
__device__ __forceinline__ void meet() {
  asm volatile("bar.sync %0, %1;" ::"n"(ID), "n"(THREADS) : "memory");
}
template <int ID, int THREADS>
__device__ __forceinline__ void arrive_at() {
  asm volatile("bar.arrive %0, %1;" ::"n"(ID), "n"(THREADS) : "memory");
}

// From here on a thread of these four warps has so many registers. All four of them must come: and
// whoever asks for more waits until others have asked for fewer. (Only sm_90a has this.)
template <int COUNT>
__device__ __forceinline__ void fewer_registers() {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(COUNT));
#endif
}
template <int COUNT>
__device__ __forceinline__ void more_registers() {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(COUNT));
#endif
}

// ------------------------------------------------------------------------------- data

// How L2 treats what is copied: weights are read once a step, and needn't push others out.
__device__ __forceinline__ uint64_t evict_first() {
  uint64_t policy;
  asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}
__device__ __forceinline__ uint64_t evict_as_usual() {
  uint64_t policy;
  asm volatile("createpolicy.fractional.L2::evict_normal.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}

// Starts a copy of `bytes` bytes (a multiple of 16) to shared memory; they count at `barrier`.
__device__ __forceinline__ void copy_bulk(Address to, const void* from, int bytes, Address barrier,
                                          uint64_t policy) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint"
      " [%0], [%1], %2, [%3], %4;" ::"r"(to),
      "l"(from), "r"(bytes), "r"(barrier), "l"(policy)
      : "memory");
}

// Stores into a block of the cluster; the bytes count at `barrier`, of the same block.
__device__ __forceinline__ void send(Address to, unsigned v, Address barrier) {
  asm volatile(
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b32 [%0], %1, [%2];" ::"r"(to),
      "r"(v), "r"(barrier)
      : "memory");
}
__device__ __forceinline__ void send(Address to, uint2 v, Address barrier) {
  asm volatile(
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v2.b32 [%0], {%1, %2}, [%3];" ::
          "r"(to),
      "r"(v.x), "r"(v.y), "r"(barrier)
      : "memory");
}
__device__ __forceinline__ void send(Address to, uint4 v, Address barrier) {
  asm volatile(
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.b32"
      " [%0], {%1, %2, %3, %4}, [%5];" ::"r"(to),
      "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w), "r"(barrier)
      : "memory");
}

// Words that other blocks write and read meanwhile: each is whole, and nothing is said of their
// order.
__device__ __forceinline__ uint4 peek4(const void* p) {
  uint4 v;
  asm volatile("ld.relaxed.gpu.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(p)
               : "memory");
  return v;
}
__device__ __forceinline__ uint2 peek2(const void* p) {
  uint2 v;
  asm volatile("ld.relaxed.gpu.global.v2.u32 {%0, %1}, [%2];"
               : "=r"(v.x), "=r"(v.y)
               : "l"(p)
               : "memory");
  return v;
}
__device__ __forceinline__ unsigned peek(const void* p) {
  unsigned v;
  asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
  return v;
}
__device__ __forceinline__ void post(void* p, unsigned v) {
  asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
__device__ __forceinline__ void post(void* p, uint2 v) {
  asm volatile("st.relaxed.gpu.global.v2.u32 [%0], {%1, %2};" ::"l"(p), "r"(v.x), "r"(v.y)
               : "memory");
}
__device__ __forceinline__ void post(void* p, uint4 v) {
  asm volatile("st.relaxed.gpu.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(p), "r"(v.x), "r"(v.y),
               "r"(v.z), "r"(v.w)
               : "memory");
}
// A word of this block's shared memory that another warp writes meanwhile.
__device__ __forceinline__ int peek_here(Address p) {
  int v;
  asm volatile("ld.relaxed.cta.shared.s32 %0, [%1];" : "=r"(v) : "r"(p) : "memory");
  return v;
}
// The line at p is on its way into L2.
__device__ __forceinline__ void prefetch(const void* p) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(p) : "memory");
}
// For the host to see.
__device__ __forceinline__ void post_to_host(int* p, int v) {
  asm volatile("st.relaxed.sys.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}

// ------------------------------------------------------------------------------- arithmetic

// D (16, 8) += A (16, 16) . B (16, 8), of bfloat16, or of half for int8_t: the lanes' parts of each
// are as ../common/mma.cuh has them.
template <typename W>
__device__ __forceinline__ void mma(float (&d)[4], uint4 a, uint2 b) {
  if constexpr (sizeof(W) == 1)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"
        " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
        " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
}

// (a ^ c) | (b ^ c), in one instruction.
__device__ __forceinline__ unsigned differ(unsigned a, unsigned b, unsigned c) {
  unsigned d;
  asm("lop3.b32 %0, %1, %2, %3, 0x7e;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}
// Whether bit 0 is set. (A plain v & 1 lets the compiler take v apart, into a predicate for each
// word that went into it; it then waits for the first of several loads before it begins the next.)
__device__ __forceinline__ unsigned lowest_bit(unsigned v) {
  unsigned bit;
  asm("and.b32 %0, %1, 1;" : "=r"(bit) : "r"(v));
  return bit;
}

// The largest of the warp's 32.
__device__ __forceinline__ unsigned largest_of_warp(unsigned v) {
  unsigned most;
  asm volatile("redux.sync.max.u32 %0, %1, 0xffffffff;" : "=r"(most) : "r"(v));
  return most;
}

__device__ __forceinline__ float power_of_2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Cycles of this multiprocessor, 32 bits of them.
__device__ __forceinline__ unsigned cycles() { return (unsigned)clock(); }

#else
const bool NO_PTX = true;  // on a CPU: gpt.cu runs rung 8's kernel
#endif

}  // namespace hopper
