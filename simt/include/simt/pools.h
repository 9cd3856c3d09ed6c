// Stream-ordered allocation and its pools (CUDA Runtime API, "Stream Ordered Memory Allocator").
// A pool here counts what was taken from it; freed memory goes back to the system at once.
#pragma once
#include "memory.h"

typedef struct simt_pool* cudaMemPool_t;
enum cudaMemPoolAttr {
  cudaMemPoolReuseFollowEventDependencies = 1,
  cudaMemPoolReuseAllowOpportunistic = 2,
  cudaMemPoolReuseAllowInternalDependencies = 3,
  cudaMemPoolAttrReleaseThreshold = 4,  // from here on uint64_t, before int
  cudaMemPoolAttrReservedMemCurrent = 5,
  cudaMemPoolAttrReservedMemHigh = 6,
  cudaMemPoolAttrUsedMemCurrent = 7,
  cudaMemPoolAttrUsedMemHigh = 8
};
enum cudaMemAllocationType { cudaMemAllocationTypeInvalid = 0, cudaMemAllocationTypePinned = 1 };
enum cudaMemAllocationHandleType {
  cudaMemHandleTypeNone = 0,
  cudaMemHandleTypePosixFileDescriptor = 1
};
struct cudaMemPoolProps {
  cudaMemAllocationType allocType;
  cudaMemAllocationHandleType handleTypes;
  cudaMemLocation location;
  void* win32SecurityAttributes;
  size_t maxSize;
  unsigned short usage;
  unsigned char reserved[54];
};

SIMT_EXPORT cudaError_t cudaMallocAsync(void** p, size_t size, cudaStream_t stream);
SIMT_EXPORT cudaError_t cudaFreeAsync(void* p, cudaStream_t stream);
SIMT_EXPORT cudaError_t cudaMallocFromPoolAsync(void** p, size_t size, cudaMemPool_t pool,
                                                cudaStream_t stream);
SIMT_EXPORT cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device);
SIMT_EXPORT cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* pool, int device);
SIMT_EXPORT cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool);
SIMT_EXPORT cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties);
SIMT_EXPORT cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool);
SIMT_EXPORT cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t bytes_to_keep);
SIMT_EXPORT cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute,
                                                void* value);
SIMT_EXPORT cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute,
                                                void* value);

// --- C++ forms
template <class T>
inline cudaError_t cudaMallocAsync(T** p, size_t size, cudaStream_t stream) {
  return cudaMallocAsync(reinterpret_cast<void**>(p), size, stream);
}
template <class T>
inline cudaError_t cudaMallocAsync(T** p, size_t size, cudaMemPool_t pool, cudaStream_t stream) {
  return cudaMallocFromPoolAsync(reinterpret_cast<void**>(p), size, pool, stream);
}
template <class T>
inline cudaError_t cudaMallocFromPoolAsync(T** p, size_t size, cudaMemPool_t pool,
                                           cudaStream_t stream) {
  return cudaMallocFromPoolAsync(reinterpret_cast<void**>(p), size, pool, stream);
}
