// memory.cpp: device memory is the host's. What is new is poisoned, so that reading it shows.
#include <unistd.h>

#include <mutex>
#include <unordered_map>

#include "arena.h"
#include "names.h"
#include "trace.h"

namespace simt {

static std::mutex mutex;
static std::unordered_map<void*, size_t> allocations;

static cudaError_t allocate(void** p, size_t size, Memory kind = Memory::Device) {
  if (sticky_error()) return sticky_error();
  if (!p) return failed(cudaErrorInvalidValue);
  *p = nullptr;
  if (size == 0) return cudaSuccess;
  if (traced_run()) {
    *p = arena.allocate(size, kind);
    if (!*p) return failed(cudaErrorMemoryAllocation);
    memset(*p, 0xff, size);
    if (kind != Memory::Device) arena.written(*p, size);
    return cudaSuccess;
  }
  if (posix_memalign(p, 256, size) != 0) {  // 256 bytes: CUDA's promise
    *p = nullptr;
    return failed(cudaErrorMemoryAllocation);
  }
  memset(*p, 0xff, size);
  std::lock_guard<std::mutex> lock(mutex);
  allocations[*p] = size;
  return cudaSuccess;
}

// In an instrumented build: what is freed was never allocated, or is freed already.
static cudaError_t bad_free(void* p) {
  note(nullptr, "invalid_free", p, nullptr, [&] {
    const Allocation* a = arena.holding((uintptr_t)p);
    std::string text = "cudaFree is given a pointer that ";
    text += !a         ? "no cudaMalloc returned"
            : a->freed ? "was freed already"
                       : "points into an allocation, not to its start";
    return Report{"invalid_free", cudaSuccess, "", text, {}};
  });
  return failed(cudaErrorInvalidValue);
}

static cudaError_t release(void* p) {
  if (!p) return cudaSuccess;
  Memory kind;
  if (traced_run()) return arena.release(p, &kind) ? sticky_error() : bad_free(p);
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!allocations.erase(p)) return failed(cudaErrorInvalidValue);  // not ours, or freed already
  }
  free(p);
  return sticky_error();
}

// In an instrumented build: whether the host's functions stay inside of what is allocated.
static void check_range(const void* p, size_t size, const char* function) {
  auto address = (uintptr_t)p;
  if (!size || !arena.contains(address)) return;
  const Allocation* a = arena.holding(address);
  const Allocation* near = a ? a : arena.nearest(address);
  if (a && !a->freed && address + size <= (uintptr_t)a->start + a->size) return;
  const char* kind = a && a->freed ? "use_after_free" : "out_of_bounds";
  note(nullptr, kind, function, p, [&] {
    std::string text = std::string(function) + " of " + std::to_string(size) + " bytes ";
    if (a && a->freed)
      text += "uses memory that was freed";
    else
      text += "from byte " + std::to_string((const char*)p - near->start) +
              " on of an allocation of " + std::to_string(near->size) + " bytes";
    return Report{kind, cudaSuccess, "", text, {}};
  });
}

static void check_direction(const void* p, bool on_device, const char* which) {
  if (in_program((uintptr_t)p)) return;  // a __device__ variable, or the host's: both are there
  const Allocation* a = arena.holding((uintptr_t)p);
  if (a ? !on_device && a->kind == Memory::Device : on_device)
    note(nullptr, "wrong_copy_kind", p, which, [&] {
      std::string text = std::string("the ") + which + " of a cudaMemcpy is memory of the " +
                         (on_device ? "host" : "device") +
                         ", but its kind says that it is of the " + (on_device ? "device" : "host");
      return Report{"wrong_copy_kind", cudaSuccess, "", text, {}};
    });
}

static void check_copy(void* to, const void* from, size_t size, cudaMemcpyKind kind) {
  if (!size) return;
  check_range(to, size, "cudaMemcpy");
  check_range(from, size, "cudaMemcpy");
  bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (kind != cudaMemcpyDefault) {
    check_direction(to, to_device, "destination");
    check_direction(from, from_device, "source");
  }
  arena.written(to, size);
}

static cudaError_t copy(void* to, const void* from, size_t size, cudaMemcpyKind kind) {
  if (sticky_error()) return sticky_error();
  if ((unsigned)kind > cudaMemcpyDefault) return failed(cudaErrorInvalidMemcpyDirection);
  if (size && (!to || !from)) return failed(cudaErrorInvalidValue);
  if (traced_run()) check_copy(to, from, size, kind);
  memmove(to, from, size);
  return cudaSuccess;
}

static cudaError_t fill(void* p, int byte, size_t size) {
  if (sticky_error()) return sticky_error();
  if (size && !p) return failed(cudaErrorInvalidValue);
  if (traced_run()) check_range(p, size, "cudaMemset"), arena.written(p, size);
  memset(p, byte, size);
  return cudaSuccess;
}

}  // namespace simt

using namespace simt;

cudaError_t cudaMalloc(void** p, size_t size) { return allocate(p, size); }
cudaError_t cudaMallocHost(void** p, size_t size) { return allocate(p, size, Memory::Host); }
cudaError_t cudaHostAlloc(void** p, size_t size, unsigned) {
  return allocate(p, size, Memory::Host);
}
cudaError_t cudaMallocManaged(void** p, size_t size, unsigned) {
  return allocate(p, size, Memory::Managed);
}
cudaError_t cudaMallocAsync(void** p, size_t size, cudaStream_t) { return allocate(p, size); }
cudaError_t cudaFree(void* p) { return release(p); }
cudaError_t cudaFreeHost(void* p) { return release(p); }
cudaError_t cudaFreeAsync(void* p, cudaStream_t) { return release(p); }
cudaError_t cudaMemcpy(void* to, const void* from, size_t size, cudaMemcpyKind kind) {
  return copy(to, from, size, kind);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size, cudaMemcpyKind kind,
                            cudaStream_t) {
  return copy(to, from, size, kind);
}
cudaError_t cudaMemset(void* p, int byte, size_t size) { return fill(p, byte, size); }
cudaError_t cudaMemsetAsync(void* p, int byte, size_t size, cudaStream_t) {
  return fill(p, byte, size);
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  auto page = (size_t)sysconf(_SC_PAGESIZE);
  if (total) *total = page * (size_t)sysconf(_SC_PHYS_PAGES);
#ifdef _SC_AVPHYS_PAGES
  if (free) *free = page * (size_t)sysconf(_SC_AVPHYS_PAGES);
#else
  if (free) *free = page * (size_t)sysconf(_SC_PHYS_PAGES) / 2;
#endif
  return cudaSuccess;
}
