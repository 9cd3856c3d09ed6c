// hooks.cpp: what instrumented code calls. simt compiles a program for checking with the compiler's
// thread sanitizer (-fsanitize=thread), which puts a call before each access to memory that may be
// seen by others, but does not link that sanitizer's own runtime: the calls end here. Functions of
// the C library that touch memory are called through hooks too (redefined.txt).
#include "check.h"
#include "names.h"
#include "profile.h"
#include "trace.h"

namespace simt {

// Nobody listens: an access by the host, or by a block that is not traced.
__attribute__((noinline)) static void may_be_host_access(uintptr_t address, size_t size,
                                                         unsigned how, void* pc) {
  if (tracing != Tracing::Check || in_kernel()) return;
  const Allocation* a = arena.holding(address);
  if (!a || a->freed || a->kind == Memory::Managed || a->kind == Memory::Host) return;
  if (how & kWrite) arena.written((void*)address, size);  // so that this is all that is said of it
  note(nullptr, "device_pointer_on_host", pc, nullptr, [&] {
    std::string line = source_line(pc);
    return Report{"device_pointer_on_host",
                  cudaSuccess,
                  "",
                  std::string("device memory is ") + (how & kWrite ? "written" : "read") +
                      " by the host" + (line.empty() ? "" : " at " + line) +
                      ": with a GPU that is a crash; leave it to a kernel, or use cudaMemcpy",
                  {},
                  line};
  });
}

template <unsigned N>
static inline void access(void* p, unsigned how, void* pc) {
  auto address = (uintptr_t)p;
  pc = (char*)pc - 1;  // it is where the call returns to: the next instruction
  if (Checker* c = checker) return c->access<N>(address, how, pc);
  if (Profiler* p = profiler) return p->access(address, N, how, pc);
  if (arena.contains(address)) may_be_host_access(address, N, how, pc);
}

static void access_range(const void* p, size_t size, unsigned how, void* pc) {
  auto address = (uintptr_t)p;
  pc = (char*)pc - 1;
  if (Checker* c = checker) return c->access_range(address, size, how, pc);
  if (Profiler* p = profiler) return p->access_range(address, size, how, pc);
  if (size && arena.contains(address)) may_be_host_access(address, size, how, pc);
}

// What a kernel allocated, it frees; p is returned where it is the host's.
static void free_on_device(void* p, void* pc) {
  Memory kind;
  if (arena.release(p, &kind)) return;
  note(worker, "invalid_free", pc, nullptr, [&] {
    std::string line = source_line((char*)pc - 1);
    return Report{"invalid_free",
                  cudaSuccess,
                  worker ? thread_name(*worker, worker->current) : "",
                  "memory is freed at " + line + " that is not allocated: was it freed already?",
                  {},
                  line};
  });
}
static void free_traced(void* p, void* pc) {
  arena.contains((uintptr_t)p) ? free_on_device(p, pc) : free(p);
}
static void delete_traced(void* p, void* pc) {
  arena.contains((uintptr_t)p) ? free_on_device(p, pc) : operator delete(p);
}

void traced_fence() {
  if (checker) checker->order.fence();
}

void traced_release(const void* p) {
  if (checker) checker->order.release((uintptr_t)p);
}
void traced_acquire(const void* p) {
  if (checker) checker->order.acquire((uintptr_t)p);
}

void traced_atomic(const void* p, size_t size) {
  constexpr unsigned kChange = kRead | kWrite | kAtomic;
  void* pc = __builtin_return_address(0);
  auto* address = const_cast<void*>(p);
  if (checker) checker->order.strong_access((uintptr_t)p, true, true);
  switch (size) {
    case 1:
      return access<1>(address, kChange, pc);
    case 2:
      return access<2>(address, kChange, pc);
    case 4:
      return access<4>(address, kChange, pc);
    case 8:
      return access<8>(address, kChange, pc);
    default:
      return access<16>(address, kChange, pc);
  }
}

}  // namespace simt

using namespace simt;
#define PC __builtin_return_address(0)
#define HOOKS(n)                                                          \
  void __tsan_read##n(void* p) { access<n>(p, kRead, PC); }               \
  void __tsan_write##n(void* p) { access<n>(p, kWrite, PC); }             \
  void __tsan_unaligned_read##n(void* p) { access<n>(p, kRead, PC); }     \
  void __tsan_unaligned_write##n(void* p) { access<n>(p, kWrite, PC); }   \
  void __tsan_volatile_read##n(void* p) {                                 \
    if (checker) checker->order.strong_access((uintptr_t)p, true, false); \
    access<n>(p, kRead | kVolatile, PC);                                  \
  }                                                                       \
  void __tsan_volatile_write##n(void* p) {                                \
    if (checker) checker->order.strong_access((uintptr_t)p, false, true); \
    access<n>(p, kWrite | kVolatile, PC);                                 \
  }

// std::atomic and the compiler's own __atomic_ functions.
#define ATOMICS(bits, T)                                                                           \
  T __tsan_atomic##bits##_load(const volatile T* p, int) {                                         \
    atomic_access(p, sizeof(T), true, false, PC);                                                  \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                   \
  }                                                                                                \
  void __tsan_atomic##bits##_store(volatile T* p, T v, int) {                                      \
    atomic_access(p, sizeof(T), false, true, PC);                                                  \
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                      \
  }                                                                                                \
  ATOMIC(bits, T, exchange, __atomic_exchange_n)                                                   \
  ATOMIC(bits, T, fetch_add, __atomic_fetch_add)                                                   \
  ATOMIC(bits, T, fetch_sub, __atomic_fetch_sub)                                                   \
  ATOMIC(bits, T, fetch_and, __atomic_fetch_and)                                                   \
  ATOMIC(bits, T, fetch_or, __atomic_fetch_or)                                                     \
  ATOMIC(bits, T, fetch_xor, __atomic_fetch_xor)                                                   \
  ATOMIC(bits, T, fetch_nand, __atomic_fetch_nand)                                                 \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile T* p, T* expected, T v, int, int) {   \
    atomic_access(p, sizeof(T), true, true, PC);                                                   \
    return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
  }                                                                                                \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile T* p, T* expected, T v, int, int) {     \
    atomic_access(p, sizeof(T), true, true, PC);                                                   \
    return __atomic_compare_exchange_n(p, expected, v, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);  \
  }
#define ATOMIC(bits, T, name, builtin)                      \
  T __tsan_atomic##bits##_##name(volatile T* p, T v, int) { \
    atomic_access(p, sizeof(T), true, true, PC);            \
    return builtin(p, v, __ATOMIC_SEQ_CST);                 \
  }

static inline void atomic_access(const volatile void* p, size_t size, bool reads, bool writes,
                                 void* pc) {
  if (checker) checker->order.strong_access((uintptr_t)p, reads, writes);
  unsigned how = kAtomic | (reads ? kRead : 0u) | (writes ? kWrite : 0u);
  void* address = const_cast<void*>(p);
  size == 1   ? access<1>(address, how, pc)
  : size == 2 ? access<2>(address, how, pc)
  : size == 4 ? access<4>(address, how, pc)
              : access<8>(address, how, pc);
}

#pragma GCC visibility push(hidden)
extern "C" {
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)
void __tsan_read_range(void* p, size_t size) { access_range(p, size, kRead, PC); }
void __tsan_write_range(void* p, size_t size) { access_range(p, size, kWrite, PC); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void** p, void*) { access<8>(p, kWrite, PC); }
void __tsan_vptr_read(void** p) { access<8>(p, kRead, PC); }
ATOMICS(8, unsigned char)
ATOMICS(16, unsigned short)
ATOMICS(32, unsigned)
ATOMICS(64, unsigned long)
void __tsan_atomic_thread_fence(int) { traced_fence(); }
void __tsan_atomic_signal_fence(int) {}

void* simt_memcpy(void* to, const void* from, size_t size) {
  access_range(from, size, kRead, PC);
  access_range(to, size, kWrite, PC);
  return memcpy(to, from, size);
}
void* simt_memmove(void* to, const void* from, size_t size) {
  access_range(from, size, kRead, PC);
  access_range(to, size, kWrite, PC);
  return memmove(to, from, size);
}
void* simt_memset(void* to, int byte, size_t size) {
  access_range(to, size, kWrite, PC);
  return memset(to, byte, size);
}
// In a kernel, these take from the device's heap.
void* simt_malloc(size_t size) {
  return in_kernel() ? arena.allocate(size, Memory::Heap) : malloc(size);
}
void simt_free(void* p) { free_traced(p, PC); }
void* simt_new(size_t size) { return in_kernel() ? simt_malloc(size) : operator new(size); }
void* simt_new_array(size_t size) { return simt_new(size); }
void simt_delete(void* p) { delete_traced(p, PC); }
void simt_delete_sized(void* p, size_t) { delete_traced(p, PC); }
void simt_delete_array(void* p) { delete_traced(p, PC); }
void simt_delete_array_sized(void* p, size_t) { delete_traced(p, PC); }
}
#pragma GCC visibility pop
