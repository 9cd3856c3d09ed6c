// memory.cpp: allocation. Device memory is the host's; what is new is poisoned, so that reading it
// shows.
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "arena.h"
#include "trace.h"

namespace simt {

static std::mutex allocations_mutex;
static std::unordered_map<void*, size_t> allocations;

static cudaError_t allocate(void** p, size_t size, Memory kind) {
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
  std::lock_guard<std::mutex> lock(allocations_mutex);
  allocations[*p] = size;
  return cudaSuccess;
}

static cudaError_t release(void* p) {
  if (!p) return cudaSuccess;
  Memory kind;
  if (traced_run()) {
    if (arena.release(p, &kind)) return sticky_error();
    trace_bad_free(p);
    return failed(cudaErrorInvalidValue);
  }
  {
    std::lock_guard<std::mutex> lock(allocations_mutex);
    if (!allocations.erase(p)) return failed(cudaErrorInvalidValue);  // not ours, or freed already
  }
  free(p);
  return sticky_error();
}

// Allocates, and notes what kind of memory it is (pointers.cpp).
static cudaError_t allocate(void** p, size_t size, MemoryRange range) {
  if (capturing())
    if (cudaError_t error = forbid_unsafe_call()) return error;
  Memory kind = range.type == cudaMemoryTypeHost      ? Memory::Host
                : range.type == cudaMemoryTypeManaged ? Memory::Managed
                                                      : Memory::Device;
  cudaError_t error = allocate(p, size, kind);
  range.size = size;
  if (!error && *p) note_range(*p, range);
  return error;
}

static cudaError_t release(void* p, bool host) {
  if (capturing())
    if (cudaError_t error = forbid_unsafe_call()) return error;
  MemoryRange range;
  bool known = find_range(p, &range) == p && p;
  if (known && ((range.type == cudaMemoryTypeHost) != host || range.registered))
    return failed(cudaErrorInvalidValue);
  if (known) forget_range(p);
  return release(p);
}

cudaError_t allocate_from(cudaMemPool_t pool, void** p, size_t size) {
  return allocate(p, size, {0, cudaMemoryTypeDevice, 0, false, pool});
}

}  // namespace simt

using namespace simt;

cudaError_t cudaMalloc(void** p, size_t size) {
  return allocate(p, size, {0, cudaMemoryTypeDevice});
}
cudaError_t cudaMallocHost(void** p, size_t size) { return cudaHostAlloc(p, size, 0); }
cudaError_t cudaHostAlloc(void** p, size_t size, unsigned flags) {
  return allocate(p, size, {0, cudaMemoryTypeHost, flags});
}
cudaError_t cudaMallocManaged(void** p, size_t size, unsigned flags) {
  if (flags != cudaMemAttachGlobal && flags != cudaMemAttachHost)
    return failed(cudaErrorInvalidValue);
  if (size == 0) return failed(cudaErrorInvalidValue);
  return allocate(p, size, {0, cudaMemoryTypeManaged, flags});
}
cudaError_t cudaFree(void* p) { return release(p, false); }
cudaError_t cudaFreeHost(void* p) { return release(p, true); }
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  auto pages = (size_t)sysconf(_SC_PHYS_PAGES);
#ifdef _SC_AVPHYS_PAGES
  pages = (size_t)sysconf(_SC_AVPHYS_PAGES);
#endif
  if (total) *total = kGlobalMemory;
  if (free) *free = std::min(kGlobalMemory, pages * (size_t)sysconf(_SC_PAGESIZE));
  return sticky_error();
}
