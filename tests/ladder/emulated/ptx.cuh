// ptx.cuh: what solutions/ladder/9_hopper/ptx.cuh has, on machine.h's machine; and of CUDA C++,
// what lanes and blocks do together. To be included before the kernel.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "machine.h"

namespace emulated {

template <typename T>
T shuffle(T v, int source) {
  return machine.meet_lanes(v)[source & 31];
}
inline int own_lane() { return machine.current->thread.x % 32; }
// In the kernel it says whether some lane has polled in vain.
inline bool any(bool v) {
  auto is_so = [](const bool& one) { return one; };
  const auto all = machine.meet_lanes<bool>(v, is_so);
  return std::any_of(all.begin(), all.end(), is_so);
}
inline bool all(bool v) {
  for (bool one : machine.meet_lanes(v))
    if (!one) return false;
  return true;
}

}  // namespace emulated

// Each is a macro, so that it also holds where simt's headers have a function of that name.
#define threadIdx (::emulated::machine.current->thread)
#define blockIdx (::emulated::machine.current->block)
#define __shfl_sync(mask, v, source) ::emulated::shuffle(v, source)
#define __shfl_xor_sync(mask, v, with) ::emulated::shuffle(v, ::emulated::own_lane() ^ (with))
#define __syncwarp() ::emulated::machine.meet_lanes(0)
#define __any_sync(mask, v) ::emulated::any(v)
#define __all_sync(mask, v) ::emulated::all(v)
#define __activemask() 0xffffffffu
#define __nanosleep(ns) (void)0
#define __syncthreads() \
  ::emulated::machine.meet(::emulated::machine.named(0), ::emulated::machine.block_threads())
#define sync_cluster() \
  ::emulated::machine.meet(::emulated::machine.of_cluster(), ::emulated::machine.cluster_threads())
#define dynamic_shared emulated_shared

namespace simt {
template <typename T>
T* emulated_shared(const char*) {
  return reinterpret_cast<T*>(::emulated::machine.shared());
}
}  // namespace simt

namespace hopper {

using emulated::machine;
using Address = emulated::Address;

inline Address address_of(const void* shared) { return machine.address_of(shared); }
inline Address in_block(int rank, Address own) {
  const Address block = own >> emulated::OFFSET_BITS, first = block / 8 * 8;
  return own + ((first + rank - block) << emulated::OFFSET_BITS);
}

inline void init_barrier(Address barrier, int arrivals) { machine.init(barrier, arrivals); }
inline void fence_barriers() {}
inline void arrive(Address barrier, int count = 1) { machine.arrive(barrier, count); }
inline void arrive_expecting(Address barrier, int bytes) { machine.arrive(barrier, 1, bytes); }
inline bool has_ended(Address barrier, unsigned parity) {
  machine.await(barrier, parity);
  return true;
}
template <int ID, int THREADS>
void meet() {
  machine.meet(machine.named(ID), THREADS);
}
template <int ID, int THREADS>
void arrive_at() {
  machine.meet(machine.named(ID), THREADS, false);
}
template <int COUNT>
void fewer_registers() {}
template <int COUNT>
void more_registers() {}

inline uint64_t evict_first() { return 0; }
inline uint64_t evict_as_usual() { return 0; }
inline void copy_bulk(Address to, const void* from, int bytes, Address barrier, uint64_t) {
  machine.send(to, from, bytes, barrier, machine.copying, true);
}
template <typename Value>
void send(Address to, Value v, Address barrier) {
  machine.send(to, &v, sizeof v, barrier, 20, false);
}

template <typename Value>
Value peeked(const void* p) {
  Value v;
  memcpy(&v, p, sizeof v);
  return v;
}
template <typename Value>
Value polled(const void* p) {
  machine.watch(p);
  return peeked<Value>(p);
}
inline uint4 peek4(const void* p) { return polled<uint4>(p); }
inline uint2 peek2(const void* p) { return polled<uint2>(p); }
inline unsigned peek(const void* p) { return peeked<unsigned>(p); }
template <typename Value>
void post(void* p, Value v) {
  machine.post(p, &v, sizeof v);
}
inline int peek_here(Address p) {
  return peeked<int>(machine.shared() + (p & ((1u << emulated::OFFSET_BITS) - 1)));
}
inline void prefetch(const void*) {}
inline void post_to_host(int* p, int v) { *p = v; }

// PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type": lane 4 g + q has of A rows
// g and g + 8, columns 2 q, 2 q + 1 and the same plus 8; of B rows (k) 2 q, ..., column g; of D
// rows g and g + 8, columns 2 q and 2 q + 1.
template <typename W>
float part(unsigned pair, int which) {
  const unsigned short bits = pair >> (16 * which);
  if (sizeof(W) == 1) return __half2float(peeked<__half>(&bits));
  return __bfloat162float(peeked<__nv_bfloat16>(&bits));
}
template <typename W>
void mma(float (&d)[4], uint4 a, uint2 b) {
  struct Both {
    unsigned a[4], b[2];
  };
  const auto all = machine.meet_lanes(Both{{a.x, a.y, a.z, a.w}, {b.x, b.y}});
  const int g = emulated::own_lane() / 4, q = emulated::own_lane() % 4;
  for (int i = 0; i < 4; i++) {
    const int lower = i / 2, column = 2 * q + i % 2;
    float sum = 0;
    for (int k = 0; k < 16; k++) {
      const Both &of_a = all[4 * g + k % 8 / 2], &of_b = all[4 * column + k % 8 / 2];
      sum += part<W>(of_a.a[lower + k / 8 * 2], k % 2) * part<W>(of_b.b[k / 8], k % 2);
    }
    d[i] += sum;
  }
}

inline unsigned differ(unsigned a, unsigned b, unsigned c) { return (a ^ c) | (b ^ c); }
inline unsigned lowest_bit(unsigned v) { return v & 1; }
inline unsigned largest_of_warp(unsigned v) {
  unsigned most = 0;
  for (unsigned one : machine.meet_lanes(v)) most = std::max(most, one);
  return most;
}
inline float power_of_2(float x) { return exp2f(x); }
inline unsigned cycles() { return machine.now; }

}  // namespace hopper
