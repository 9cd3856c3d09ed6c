// Memory: allocation, copies, filling (CUDA Runtime API, "Memory Management").
// Device memory is the host's; what is new is poisoned (every byte 0xff: NaN).
#pragma once
#include "streams.h"

enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};
enum {
  cudaHostAllocDefault = 0,
  cudaHostAllocPortable = 1,
  cudaHostAllocMapped = 2,
  cudaHostAllocWriteCombined = 4
};
enum {
  cudaHostRegisterDefault = 0,
  cudaHostRegisterPortable = 1,
  cudaHostRegisterMapped = 2,
  cudaHostRegisterIoMemory = 4,
  cudaHostRegisterReadOnly = 8
};
enum { cudaMemAttachGlobal = 1, cudaMemAttachHost = 2, cudaMemAttachSingle = 4 };

SIMT_EXPORT cudaError_t cudaMalloc(void** p, size_t size);
SIMT_EXPORT cudaError_t cudaFree(void* p);
SIMT_EXPORT cudaError_t cudaMallocHost(void** p, size_t size);
SIMT_EXPORT cudaError_t cudaHostAlloc(void** p, size_t size, unsigned flags);
SIMT_EXPORT cudaError_t cudaFreeHost(void* p);
SIMT_EXPORT cudaError_t cudaMallocManaged(void** p, size_t size, unsigned flags);
SIMT_EXPORT cudaError_t cudaMemcpy(void* to, const void* from, size_t size, cudaMemcpyKind kind);
SIMT_EXPORT cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size,
                                        cudaMemcpyKind kind, cudaStream_t stream = nullptr);
SIMT_EXPORT cudaError_t cudaMemset(void* p, int byte, size_t size);
SIMT_EXPORT cudaError_t cudaMemsetAsync(void* p, int byte, size_t size,
                                        cudaStream_t stream = nullptr);
SIMT_EXPORT cudaError_t cudaMemGetInfo(size_t* free, size_t* total);

// --- memory of the host that the device may use directly
SIMT_EXPORT cudaError_t cudaHostRegister(void* p, size_t size, unsigned flags);
SIMT_EXPORT cudaError_t cudaHostUnregister(void* p);
SIMT_EXPORT cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned flags);
SIMT_EXPORT cudaError_t cudaHostGetFlags(unsigned* flags, void* host);

// --- whose memory is it?
enum cudaMemoryType {
  cudaMemoryTypeUnregistered,
  cudaMemoryTypeHost,
  cudaMemoryTypeDevice,
  cudaMemoryTypeManaged
};
struct cudaPointerAttributes {
  cudaMemoryType type;
  int device;
  void *devicePointer, *hostPointer;
};
SIMT_EXPORT cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* p);

// --- hints for managed memory, which lies in one place here: checked, then ignored
#define cudaCpuDeviceId (-1)
#define cudaInvalidDeviceId (-2)
enum cudaMemoryAdvise {
  cudaMemAdviseSetReadMostly = 1,
  cudaMemAdviseUnsetReadMostly = 2,
  cudaMemAdviseSetPreferredLocation = 3,
  cudaMemAdviseUnsetPreferredLocation = 4,
  cudaMemAdviseSetAccessedBy = 5,
  cudaMemAdviseUnsetAccessedBy = 6
};
enum cudaMemLocationType {
  cudaMemLocationTypeInvalid = 0,
  cudaMemLocationTypeDevice = 1,
  cudaMemLocationTypeHost = 2,
  cudaMemLocationTypeHostNuma = 3,
  cudaMemLocationTypeHostNumaCurrent = 4
};
struct cudaMemLocation {
  cudaMemLocationType type;
  int id;
};
SIMT_EXPORT cudaError_t cudaMemPrefetchAsync(const void* p, size_t size, int device,
                                             cudaStream_t stream = nullptr);
SIMT_EXPORT cudaError_t cudaMemAdvise(const void* p, size_t size, cudaMemoryAdvise advice,
                                      int device);
SIMT_EXPORT cudaError_t cudaStreamAttachMemAsync(cudaStream_t stream, void* p, size_t size = 0,
                                                 unsigned flags = cudaMemAttachSingle);

// CUDA 13 says where by a location.
inline cudaError_t cudaMemPrefetchAsync(const void* p, size_t size, cudaMemLocation location,
                                        unsigned /*flags: none yet*/,
                                        cudaStream_t stream = nullptr) {
  bool device = location.type == cudaMemLocationTypeDevice;
  return cudaMemPrefetchAsync(p, size, device ? location.id : cudaCpuDeviceId, stream);
}
inline cudaError_t cudaMemAdvise(const void* p, size_t size, cudaMemoryAdvise advice,
                                 cudaMemLocation location) {
  bool device = location.type == cudaMemLocationTypeDevice;
  return cudaMemAdvise(p, size, advice, device ? location.id : cudaCpuDeviceId);
}

// --- C++ forms
template <class T>
inline cudaError_t cudaMalloc(T** p, size_t size) {
  return cudaMalloc(reinterpret_cast<void**>(p), size);
}
template <class T>
inline cudaError_t cudaMallocHost(T** p, size_t size, unsigned flags = cudaHostAllocDefault) {
  return cudaHostAlloc(reinterpret_cast<void**>(p), size, flags);
}
template <class T>
inline cudaError_t cudaHostAlloc(T** p, size_t size, unsigned flags) {
  return cudaHostAlloc(reinterpret_cast<void**>(p), size, flags);
}
template <class T>
inline cudaError_t cudaMallocManaged(T** p, size_t size, unsigned flags = cudaMemAttachGlobal) {
  return cudaMallocManaged(reinterpret_cast<void**>(p), size, flags);
}
template <class T>
inline cudaError_t cudaHostGetDevicePointer(T** device, void* host, unsigned flags) {
  return cudaHostGetDevicePointer(reinterpret_cast<void**>(device), host, flags);
}
