// CUDA's runtime API, as far as it goes here (docs/simt.md has the list). C functions, exported, so
// that a program that loads a library can call them; the C++ forms at the end are inline.
#pragma once
#include "qualifiers.h"
#include "vector_types.h"

// --- errors (the numbers are CUDA's)
#define SIMT_ERRORS(X)                                                                \
  X(cudaSuccess, 0, "no error")                                                       \
  X(cudaErrorInvalidValue, 1, "invalid argument")                                     \
  X(cudaErrorMemoryAllocation, 2, "out of memory")                                    \
  X(cudaErrorInitializationError, 3, "initialization error")                          \
  X(cudaErrorInvalidConfiguration, 9, "invalid configuration argument")               \
  X(cudaErrorInvalidPitchValue, 12, "invalid pitch argument")                         \
  X(cudaErrorInvalidSymbol, 13, "invalid device symbol")                              \
  X(cudaErrorInvalidDevicePointer, 17, "invalid device pointer")                      \
  X(cudaErrorInvalidMemcpyDirection, 21, "invalid copy direction for memcpy")         \
  X(cudaErrorInvalidDeviceFunction, 98, "invalid device function")                    \
  X(cudaErrorNoDevice, 100, "no CUDA-capable device is detected")                     \
  X(cudaErrorInvalidDevice, 101, "invalid device ordinal")                            \
  X(cudaErrorInvalidResourceHandle, 400, "invalid resource handle")                   \
  X(cudaErrorNotReady, 600, "device not ready")                                       \
  X(cudaErrorIllegalAddress, 700, "an illegal memory access was encountered")         \
  X(cudaErrorLaunchOutOfResources, 701, "too many resources requested for launch")    \
  X(cudaErrorLaunchTimeout, 702, "the launch timed out and was terminated")           \
  X(cudaErrorAssert, 710, "device-side assert triggered")                             \
  X(cudaErrorLaunchFailure, 719, "unspecified launch failure")                        \
  X(cudaErrorCooperativeLaunchTooLarge, 720, "too many blocks in cooperative launch") \
  X(cudaErrorNotSupported, 801, "operation not supported")                            \
  X(cudaErrorUnknown, 999, "unknown error")

enum cudaError {
#define SIMT_ENUM(name, number, text) name = number,
  SIMT_ERRORS(SIMT_ENUM)
#undef SIMT_ENUM
};
typedef cudaError cudaError_t;

SIMT_EXPORT cudaError_t cudaGetLastError();
SIMT_EXPORT cudaError_t cudaPeekAtLastError();
SIMT_EXPORT const char* cudaGetErrorName(cudaError_t error);
SIMT_EXPORT const char* cudaGetErrorString(cudaError_t error);

// --- memory. Device memory is the host's; what is new is poisoned (every byte 0xff: NaN).
enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};
typedef struct simt_stream* cudaStream_t;
typedef struct simt_event* cudaEvent_t;

SIMT_EXPORT cudaError_t cudaMalloc(void** p, size_t size);
SIMT_EXPORT cudaError_t cudaFree(void* p);
SIMT_EXPORT cudaError_t cudaMallocHost(void** p, size_t size);
SIMT_EXPORT cudaError_t cudaHostAlloc(void** p, size_t size, unsigned flags);
SIMT_EXPORT cudaError_t cudaFreeHost(void* p);
SIMT_EXPORT cudaError_t cudaMallocManaged(void** p, size_t size, unsigned flags);
SIMT_EXPORT cudaError_t cudaMallocAsync(void** p, size_t size, cudaStream_t stream);
SIMT_EXPORT cudaError_t cudaFreeAsync(void* p, cudaStream_t stream);
SIMT_EXPORT cudaError_t cudaMemcpy(void* to, const void* from, size_t size, cudaMemcpyKind kind);
SIMT_EXPORT cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size,
                                        cudaMemcpyKind kind, cudaStream_t stream = nullptr);
SIMT_EXPORT cudaError_t cudaMemset(void* p, int byte, size_t size);
SIMT_EXPORT cudaError_t cudaMemsetAsync(void* p, int byte, size_t size,
                                        cudaStream_t stream = nullptr);
SIMT_EXPORT cudaError_t cudaMemGetInfo(size_t* free, size_t* total);

// --- streams and events. Work is done when it is launched, so streams have nothing to wait for.
enum { cudaStreamDefault = 0, cudaStreamNonBlocking = 1 };
enum { cudaEventDefault = 0, cudaEventBlockingSync = 1, cudaEventDisableTiming = 2 };
enum { cudaHostAllocDefault = 0, cudaHostAllocPortable = 1, cudaHostAllocMapped = 2 };
enum { cudaMemAttachGlobal = 1 };
#define cudaStreamLegacy ((cudaStream_t)1)
#define cudaStreamPerThread ((cudaStream_t)2)

SIMT_EXPORT cudaError_t cudaDeviceSynchronize();
SIMT_EXPORT cudaError_t cudaStreamCreate(cudaStream_t* stream);
SIMT_EXPORT cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
SIMT_EXPORT cudaError_t cudaStreamDestroy(cudaStream_t stream);
SIMT_EXPORT cudaError_t cudaStreamSynchronize(cudaStream_t stream);
SIMT_EXPORT cudaError_t cudaStreamQuery(cudaStream_t stream);
SIMT_EXPORT cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event,
                                            unsigned flags = 0);
SIMT_EXPORT cudaError_t cudaEventCreate(cudaEvent_t* event);
SIMT_EXPORT cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
SIMT_EXPORT cudaError_t cudaEventDestroy(cudaEvent_t event);
SIMT_EXPORT cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = nullptr);
SIMT_EXPORT cudaError_t cudaEventSynchronize(cudaEvent_t event);
SIMT_EXPORT cudaError_t cudaEventQuery(cudaEvent_t event);
SIMT_EXPORT cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end);

// --- the device: one virtual GPU
enum cudaDeviceAttr {
  cudaDevAttrMaxThreadsPerBlock = 1,
  cudaDevAttrMaxBlockDimX = 2,
  cudaDevAttrMaxBlockDimY = 3,
  cudaDevAttrMaxBlockDimZ = 4,
  cudaDevAttrMaxGridDimX = 5,
  cudaDevAttrMaxGridDimY = 6,
  cudaDevAttrMaxGridDimZ = 7,
  cudaDevAttrMaxSharedMemoryPerBlock = 8,
  cudaDevAttrTotalConstantMemory = 9,
  cudaDevAttrWarpSize = 10,
  cudaDevAttrMaxRegistersPerBlock = 12,
  cudaDevAttrClockRate = 13,
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrMemoryClockRate = 36,
  cudaDevAttrGlobalMemoryBusWidth = 37,
  cudaDevAttrL2CacheSize = 38,
  cudaDevAttrMaxThreadsPerMultiProcessor = 39,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
  cudaDevAttrMaxSharedMemoryPerMultiprocessor = 81,
  cudaDevAttrCooperativeLaunch = 95,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97
};
struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem, sharedMemPerBlock, sharedMemPerBlockOptin, sharedMemPerMultiprocessor;
  size_t totalConstMem;
  int regsPerBlock, warpSize, maxThreadsPerBlock, maxThreadsDim[3], maxGridSize[3];
  int maxThreadsPerMultiProcessor, maxBlocksPerMultiProcessor, multiProcessorCount;
  int major, minor, clockRate, memoryClockRate, memoryBusWidth, l2CacheSize;
  int concurrentKernels, cooperativeLaunch, integrated, managedMemory, unifiedAddressing;
};
SIMT_EXPORT cudaError_t cudaGetDeviceCount(int* count);
SIMT_EXPORT cudaError_t cudaGetDevice(int* device);
SIMT_EXPORT cudaError_t cudaSetDevice(int device);
SIMT_EXPORT cudaError_t cudaDeviceReset();
SIMT_EXPORT cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
SIMT_EXPORT cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
SIMT_EXPORT cudaError_t cudaDriverGetVersion(int* version);
SIMT_EXPORT cudaError_t cudaRuntimeGetVersion(int* version);

// --- functions
enum cudaFuncAttribute {
  cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
  cudaFuncAttributePreferredSharedMemoryCarveout = 9
};
enum cudaFuncCache {
  cudaFuncCachePreferNone,
  cudaFuncCachePreferShared,
  cudaFuncCachePreferL1,
  cudaFuncCachePreferEqual
};
struct cudaFuncAttributes {
  size_t sharedSizeBytes, constSizeBytes, localSizeBytes;
  int maxThreadsPerBlock, numRegs, ptxVersion, binaryVersion, maxDynamicSharedSizeBytes;
};
SIMT_EXPORT cudaError_t simt_func_set_attribute(const void* kernel, cudaFuncAttribute attribute,
                                                int value);
SIMT_EXPORT cudaError_t simt_func_get_attributes(cudaFuncAttributes* attributes,
                                                 const void* kernel);

// --- simt's own: what went wrong last, as JSON (simt/report.py), or NULL
SIMT_EXPORT const char* simt_last_report();
SIMT_EXPORT void simt_clear();                 // forget the error and the report
SIMT_EXPORT void simt_set_order(int reverse);  // 1: last thread first, a woken warp runs ahead

// --- C++ forms
template <class T>
inline cudaError_t cudaMalloc(T** p, size_t size) {
  return cudaMalloc(reinterpret_cast<void**>(p), size);
}
template <class T>
inline cudaError_t cudaMallocHost(T** p, size_t size) {
  return cudaMallocHost(reinterpret_cast<void**>(p), size);
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
inline cudaError_t cudaMallocAsync(T** p, size_t size, cudaStream_t stream) {
  return cudaMallocAsync(reinterpret_cast<void**>(p), size, stream);
}
template <class T>
inline cudaError_t cudaMemcpyToSymbol(T& symbol, const void* from, size_t size, size_t offset = 0,
                                      cudaMemcpyKind kind = cudaMemcpyHostToDevice) {
  return cudaMemcpy(reinterpret_cast<char*>(const_cast<std::remove_const_t<T>*>(&symbol)) + offset,
                    from, size, kind);
}
template <class T>
inline cudaError_t cudaMemcpyFromSymbol(void* to, const T& symbol, size_t size, size_t offset = 0,
                                        cudaMemcpyKind kind = cudaMemcpyDeviceToHost) {
  return cudaMemcpy(to, reinterpret_cast<const char*>(&symbol) + offset, size, kind);
}
template <class F>
inline cudaError_t cudaFuncSetAttribute(F* kernel, cudaFuncAttribute attribute, int value) {
  return simt_func_set_attribute(reinterpret_cast<const void*>(kernel), attribute, value);
}
template <class F>
inline cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, F* kernel) {
  return simt_func_get_attributes(attributes, reinterpret_cast<const void*>(kernel));
}
template <class F>
inline cudaError_t cudaFuncSetCacheConfig(F*, cudaFuncCache) {
  return cudaSuccess;
}
