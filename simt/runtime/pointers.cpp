// pointers.cpp: what kind of memory a pointer leads to: the device's, pinned, managed, or none that
// CUDA knows.
#include <map>
#include <mutex>

#include "runtime.h"

namespace simt {

static std::mutex ranges_mutex;
static std::map<char*, MemoryRange> ranges;  // by their start

void note_range(void* start, const MemoryRange& range) {
  std::lock_guard<std::mutex> lock(ranges_mutex);
  ranges[static_cast<char*>(start)] = range;
}

void* find_range(const void* p, MemoryRange* range) {
  std::lock_guard<std::mutex> lock(ranges_mutex);
  auto found = ranges.upper_bound(static_cast<char*>(const_cast<void*>(p)));
  if (found == ranges.begin()) return nullptr;
  --found;
  if (static_cast<const char*>(p) >= found->first + found->second.size) return nullptr;
  *range = found->second;
  return found->first;
}

void forget_range(void* start) {
  MemoryRange range;
  if (find_range(start, &range) != start) return;
  if (range.pool) give_back(range.pool, range.size);
  std::lock_guard<std::mutex> lock(ranges_mutex);
  ranges.erase(static_cast<char*>(start));
}

}  // namespace simt

using namespace simt;

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* p) {
  if (!attributes || !p) return failed(cudaErrorInvalidValue);
  MemoryRange range;
  auto* address = const_cast<void*>(p);
  if (!find_range(p, &range))
    *attributes = {cudaMemoryTypeUnregistered, cudaInvalidDeviceId, nullptr, address};
  else
    *attributes = {range.type, 0, address, range.type == cudaMemoryTypeDevice ? nullptr : address};
  return sticky_error();
}

// --- memory of the host
cudaError_t cudaHostRegister(void* p, size_t size, unsigned flags) {
  if (!p || !size) return failed(cudaErrorInvalidValue);
  MemoryRange range;
  char* end = static_cast<char*>(p) + size - 1;
  if (find_range(p, &range) || find_range(end, &range))
    return failed(cudaErrorHostMemoryAlreadyRegistered);
  note_range(p, {size, cudaMemoryTypeHost, flags, true});
  return sticky_error();
}
cudaError_t cudaHostUnregister(void* p) {
  MemoryRange range;
  if (!p) return failed(cudaErrorInvalidValue);
  if (find_range(p, &range) != p || !range.registered)
    return failed(cudaErrorHostMemoryNotRegistered);
  forget_range(p);
  return sticky_error();
}
cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned flags) {
  MemoryRange range;
  if (!device || flags) return failed(cudaErrorInvalidValue);
  if (!find_range(host, &range) || range.type == cudaMemoryTypeDevice)
    return failed(cudaErrorInvalidValue);
  *device = host;
  return sticky_error();
}
cudaError_t cudaHostGetFlags(unsigned* flags, void* host) {
  MemoryRange range;
  if (!flags || !find_range(host, &range) || range.type != cudaMemoryTypeHost)
    return failed(cudaErrorInvalidValue);
  *flags = range.flags;
  return sticky_error();
}

// --- hints
static cudaError_t check_managed(const void* p, size_t size, int device) {
  MemoryRange range;
  if (device != 0 && device != cudaCpuDeviceId) return failed(cudaErrorInvalidDevice);
  if (!p || !size || !find_range(p, &range) || range.type != cudaMemoryTypeManaged)
    return failed(cudaErrorInvalidValue);
  return sticky_error();
}
cudaError_t cudaMemPrefetchAsync(const void* p, size_t size, int device, cudaStream_t) {
  return check_managed(p, size, device);
}
cudaError_t cudaMemAdvise(const void* p, size_t size, cudaMemoryAdvise advice, int device) {
  if (advice < cudaMemAdviseSetReadMostly || advice > cudaMemAdviseUnsetAccessedBy)
    return failed(cudaErrorInvalidValue);
  bool has_device = advice != cudaMemAdviseSetReadMostly && advice != cudaMemAdviseUnsetReadMostly;
  return check_managed(p, size, has_device ? device : 0);
}
cudaError_t cudaStreamAttachMemAsync(cudaStream_t, void* p, size_t, unsigned) {
  return check_managed(p, 1, 0);
}
