// memory.cpp: device memory is the host's. What is new is poisoned, so that reading it shows.
#include <unistd.h>

#include <mutex>
#include <unordered_map>

#include "runtime.h"

namespace simt {

static std::mutex mutex;
static std::unordered_map<void*, size_t> allocations;

static cudaError_t allocate(void** p, size_t size) {
  if (sticky_error()) return sticky_error();
  if (!p) return failed(cudaErrorInvalidValue);
  *p = nullptr;
  if (size == 0) return cudaSuccess;
  if (posix_memalign(p, 256, size) != 0) {  // 256 bytes: CUDA's promise
    *p = nullptr;
    return failed(cudaErrorMemoryAllocation);
  }
  memset(*p, 0xff, size);
  std::lock_guard<std::mutex> lock(mutex);
  allocations[*p] = size;
  return cudaSuccess;
}

static cudaError_t release(void* p) {
  if (!p) return cudaSuccess;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!allocations.erase(p)) return failed(cudaErrorInvalidValue);  // not ours, or freed already
  }
  free(p);
  return sticky_error();
}

static cudaError_t copy(void* to, const void* from, size_t size, cudaMemcpyKind kind) {
  if (sticky_error()) return sticky_error();
  if ((unsigned)kind > cudaMemcpyDefault) return failed(cudaErrorInvalidMemcpyDirection);
  if (size && (!to || !from)) return failed(cudaErrorInvalidValue);
  memmove(to, from, size);
  return cudaSuccess;
}

static cudaError_t fill(void* p, int byte, size_t size) {
  if (sticky_error()) return sticky_error();
  if (size && !p) return failed(cudaErrorInvalidValue);
  memset(p, byte, size);
  return cudaSuccess;
}

}  // namespace simt

using namespace simt;

cudaError_t cudaMalloc(void** p, size_t size) { return allocate(p, size); }
cudaError_t cudaMallocHost(void** p, size_t size) { return allocate(p, size); }
cudaError_t cudaHostAlloc(void** p, size_t size, unsigned) { return allocate(p, size); }
cudaError_t cudaMallocManaged(void** p, size_t size, unsigned) { return allocate(p, size); }
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
