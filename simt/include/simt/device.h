// The device: one virtual GPU, the same on every machine (CUDA Runtime API, "Device Management").
// It has the limits of compute capability 9.0 (CUDA Programming Guide, "Technical Specifications
// per Compute Capability") and 8 multiprocessors; clocks and buses are nominal. runtime/device.cpp
// has the values.
#pragma once
#include "errors.h"

struct cudaUUID_t {
  char bytes[16];
};
enum cudaComputeMode {
  cudaComputeModeDefault = 0,
  cudaComputeModeExclusive = 1,
  cudaComputeModeProhibited = 2,
  cudaComputeModeExclusiveProcess = 3
};

// The fields of CUDA 12, less those for textures and surfaces. (CUDA 13 dropped some: the clocks,
// computeMode, deviceOverlap, kernelExecTimeoutEnabled, cooperativeMultiDeviceLaunch.)
struct cudaDeviceProp {
  char name[256];
  cudaUUID_t uuid;
  char luid[8];
  unsigned luidDeviceNodeMask;
  size_t totalGlobalMem, sharedMemPerBlock;
  int regsPerBlock, warpSize;
  size_t memPitch;
  int maxThreadsPerBlock, maxThreadsDim[3], maxGridSize[3];
  int clockRate;  // kHz
  size_t totalConstMem;
  int major, minor;
  size_t textureAlignment, texturePitchAlignment;
  int deviceOverlap, multiProcessorCount, kernelExecTimeoutEnabled, integrated, canMapHostMemory;
  int computeMode;
  int maxTexture1D, maxTexture1DMipmap, maxTexture1DLinear, maxTexture2D[2], maxTexture3D[3];
  int maxTexture1DLayered[2], maxTexture2DLayered[3];
  size_t surfaceAlignment;
  int concurrentKernels, ECCEnabled, pciBusID, pciDeviceID, pciDomainID, tccDriver;
  int asyncEngineCount, unifiedAddressing, memoryClockRate;  // kHz
  int memoryBusWidth;                                        // bits
  int l2CacheSize, persistingL2CacheMaxSize, maxThreadsPerMultiProcessor;
  int streamPrioritiesSupported, globalL1CacheSupported, localL1CacheSupported;
  size_t sharedMemPerMultiprocessor;
  int regsPerMultiprocessor, managedMemory, isMultiGpuBoard, multiGpuBoardGroupID;
  int hostNativeAtomicSupported, singleToDoublePrecisionPerfRatio;
  int pageableMemoryAccess, concurrentManagedAccess, computePreemptionSupported;
  int canUseHostPointerForRegisteredMem, cooperativeLaunch, cooperativeMultiDeviceLaunch;
  size_t sharedMemPerBlockOptin;
  int pageableMemoryAccessUsesHostPageTables, directManagedMemAccessFromHost;
  int maxBlocksPerMultiProcessor, accessPolicyMaxWindowSize;
  size_t reservedSharedMemPerBlock;
  int hostRegisterSupported, sparseCudaArraySupported, hostRegisterReadOnlySupported;
  int timelineSemaphoreInteropSupported, memoryPoolsSupported, gpuDirectRDMASupported;
  unsigned gpuDirectRDMAFlushWritesOptions;
  int gpuDirectRDMAWritesOrdering;
  unsigned memoryPoolSupportedHandleTypes;
  int deferredMappingCudaArraySupported, ipcEventSupported, clusterLaunch, unifiedFunctionPointers;
};

// Attributes are fields of the properties by another name: cudaDevAttr<Name>, number, value.
#define SIMT_ATTRIBUTES(X)                                                                 \
  X(MaxThreadsPerBlock, 1, p.maxThreadsPerBlock)                                           \
  X(MaxBlockDimX, 2, p.maxThreadsDim[0])                                                   \
  X(MaxBlockDimY, 3, p.maxThreadsDim[1])                                                   \
  X(MaxBlockDimZ, 4, p.maxThreadsDim[2])                                                   \
  X(MaxGridDimX, 5, p.maxGridSize[0])                                                      \
  X(MaxGridDimY, 6, p.maxGridSize[1])                                                      \
  X(MaxGridDimZ, 7, p.maxGridSize[2])                                                      \
  X(MaxSharedMemoryPerBlock, 8, p.sharedMemPerBlock)                                       \
  X(TotalConstantMemory, 9, p.totalConstMem)                                               \
  X(WarpSize, 10, p.warpSize)                                                              \
  X(MaxPitch, 11, p.memPitch)                                                              \
  X(MaxRegistersPerBlock, 12, p.regsPerBlock)                                              \
  X(ClockRate, 13, p.clockRate)                                                            \
  X(TextureAlignment, 14, p.textureAlignment)                                              \
  X(GpuOverlap, 15, p.deviceOverlap)                                                       \
  X(MultiProcessorCount, 16, p.multiProcessorCount)                                        \
  X(KernelExecTimeout, 17, p.kernelExecTimeoutEnabled)                                     \
  X(Integrated, 18, p.integrated)                                                          \
  X(CanMapHostMemory, 19, p.canMapHostMemory)                                              \
  X(ComputeMode, 20, p.computeMode)                                                        \
  X(MaxTexture1DWidth, 21, p.maxTexture1D)                                                 \
  X(MaxTexture2DWidth, 22, p.maxTexture2D[0])                                              \
  X(MaxTexture2DHeight, 23, p.maxTexture2D[1])                                             \
  X(MaxTexture3DWidth, 24, p.maxTexture3D[0])                                              \
  X(MaxTexture3DHeight, 25, p.maxTexture3D[1])                                             \
  X(MaxTexture3DDepth, 26, p.maxTexture3D[2])                                              \
  X(SurfaceAlignment, 30, p.surfaceAlignment)                                              \
  X(ConcurrentKernels, 31, p.concurrentKernels)                                            \
  X(EccEnabled, 32, p.ECCEnabled)                                                          \
  X(PciBusId, 33, p.pciBusID)                                                              \
  X(PciDeviceId, 34, p.pciDeviceID)                                                        \
  X(TccDriver, 35, p.tccDriver)                                                            \
  X(MemoryClockRate, 36, p.memoryClockRate)                                                \
  X(GlobalMemoryBusWidth, 37, p.memoryBusWidth)                                            \
  X(L2CacheSize, 38, p.l2CacheSize)                                                        \
  X(MaxThreadsPerMultiProcessor, 39, p.maxThreadsPerMultiProcessor)                        \
  X(AsyncEngineCount, 40, p.asyncEngineCount)                                              \
  X(UnifiedAddressing, 41, p.unifiedAddressing)                                            \
  X(PciDomainId, 50, p.pciDomainID)                                                        \
  X(TexturePitchAlignment, 51, p.texturePitchAlignment)                                    \
  X(ComputeCapabilityMajor, 75, p.major)                                                   \
  X(ComputeCapabilityMinor, 76, p.minor)                                                   \
  X(StreamPrioritiesSupported, 78, p.streamPrioritiesSupported)                            \
  X(GlobalL1CacheSupported, 79, p.globalL1CacheSupported)                                  \
  X(LocalL1CacheSupported, 80, p.localL1CacheSupported)                                    \
  X(MaxSharedMemoryPerMultiprocessor, 81, p.sharedMemPerMultiprocessor)                    \
  X(MaxRegistersPerMultiprocessor, 82, p.regsPerMultiprocessor)                            \
  X(ManagedMemory, 83, p.managedMemory)                                                    \
  X(IsMultiGpuBoard, 84, p.isMultiGpuBoard)                                                \
  X(MultiGpuBoardGroupID, 85, p.multiGpuBoardGroupID)                                      \
  X(HostNativeAtomicSupported, 86, p.hostNativeAtomicSupported)                            \
  X(SingleToDoublePrecisionPerfRatio, 87, p.singleToDoublePrecisionPerfRatio)              \
  X(PageableMemoryAccess, 88, p.pageableMemoryAccess)                                      \
  X(ConcurrentManagedAccess, 89, p.concurrentManagedAccess)                                \
  X(ComputePreemptionSupported, 90, p.computePreemptionSupported)                          \
  X(CanUseHostPointerForRegisteredMem, 91, p.canUseHostPointerForRegisteredMem)            \
  X(CooperativeLaunch, 95, p.cooperativeLaunch)                                            \
  X(CooperativeMultiDeviceLaunch, 96, p.cooperativeMultiDeviceLaunch)                      \
  X(MaxSharedMemoryPerBlockOptin, 97, p.sharedMemPerBlockOptin)                            \
  X(CanFlushRemoteWrites, 98, 0)                                                           \
  X(HostRegisterSupported, 99, p.hostRegisterSupported)                                    \
  X(PageableMemoryAccessUsesHostPageTables, 100, p.pageableMemoryAccessUsesHostPageTables) \
  X(DirectManagedMemAccessFromHost, 101, p.directManagedMemAccessFromHost)                 \
  X(MaxBlocksPerMultiprocessor, 106, p.maxBlocksPerMultiProcessor)                         \
  X(MaxPersistingL2CacheSize, 108, p.persistingL2CacheMaxSize)                             \
  X(MaxAccessPolicyWindowSize, 109, p.accessPolicyMaxWindowSize)                           \
  X(ReservedSharedMemoryPerBlock, 111, p.reservedSharedMemPerBlock)                        \
  X(HostRegisterReadOnlySupported, 113, p.hostRegisterReadOnlySupported)                   \
  X(MemoryPoolsSupported, 115, p.memoryPoolsSupported)                                     \
  X(GPUDirectRDMASupported, 116, p.gpuDirectRDMASupported)                                 \
  X(MemoryPoolSupportedHandleTypes, 119, p.memoryPoolSupportedHandleTypes)                 \
  X(ClusterLaunch, 120, p.clusterLaunch)                                                   \
  X(IpcEventSupport, 125, p.ipcEventSupported)                                             \
  X(UnifiedFunctionPointers, 129, p.unifiedFunctionPointers)

enum cudaDeviceAttr {
#define SIMT_ENUM(name, number, value) cudaDevAttr##name = number,
  SIMT_ATTRIBUTES(SIMT_ENUM)
#undef SIMT_ENUM
};

SIMT_EXPORT cudaError_t cudaGetDeviceCount(int* count);
SIMT_EXPORT cudaError_t cudaGetDevice(int* device);
SIMT_EXPORT cudaError_t cudaSetDevice(int device);
SIMT_EXPORT cudaError_t cudaInitDevice(int device, unsigned device_flags, unsigned flags);
SIMT_EXPORT cudaError_t cudaChooseDevice(int* device, const cudaDeviceProp* wanted);
SIMT_EXPORT cudaError_t cudaSetValidDevices(int* devices, int count);
SIMT_EXPORT cudaError_t cudaDeviceReset();
SIMT_EXPORT cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
SIMT_EXPORT cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
SIMT_EXPORT cudaError_t cudaDeviceGetPCIBusId(char* text, int size, int device);
SIMT_EXPORT cudaError_t cudaDeviceGetByPCIBusId(int* device, const char* text);
SIMT_EXPORT cudaError_t cudaDriverGetVersion(int* version);
SIMT_EXPORT cudaError_t cudaRuntimeGetVersion(int* version);
#define CUDART_VERSION 12000

// --- how host threads wait for the device: kept, and without effect
enum {
  cudaDeviceScheduleAuto = 0,
  cudaDeviceScheduleSpin = 1,
  cudaDeviceScheduleYield = 2,
  cudaDeviceScheduleBlockingSync = 4,
  cudaDeviceBlockingSync = 4,
  cudaDeviceScheduleMask = 7,
  cudaDeviceMapHost = 8,
  cudaDeviceLmemResizeToMax = 16
};
SIMT_EXPORT cudaError_t cudaSetDeviceFlags(unsigned flags);
SIMT_EXPORT cudaError_t cudaGetDeviceFlags(unsigned* flags);

// --- limits and preferences: kept, and without effect
enum cudaLimit {
  cudaLimitStackSize = 0,
  cudaLimitPrintfFifoSize = 1,
  cudaLimitMallocHeapSize = 2,
  cudaLimitDevRuntimeSyncDepth = 3,
  cudaLimitDevRuntimePendingLaunchCount = 4,
  cudaLimitMaxL2FetchGranularity = 5,
  cudaLimitPersistingL2CacheSize = 6
};
SIMT_EXPORT cudaError_t cudaDeviceSetLimit(cudaLimit limit, size_t value);
SIMT_EXPORT cudaError_t cudaDeviceGetLimit(size_t* value, cudaLimit limit);
enum cudaFuncCache {
  cudaFuncCachePreferNone,
  cudaFuncCachePreferShared,
  cudaFuncCachePreferL1,
  cudaFuncCachePreferEqual
};
SIMT_EXPORT cudaError_t cudaDeviceSetCacheConfig(cudaFuncCache config);
SIMT_EXPORT cudaError_t cudaDeviceGetCacheConfig(cudaFuncCache* config);
enum cudaSharedMemConfig {
  cudaSharedMemBankSizeDefault,
  cudaSharedMemBankSizeFourByte,
  cudaSharedMemBankSizeEightByte
};
SIMT_EXPORT cudaError_t cudaDeviceSetSharedMemConfig(cudaSharedMemConfig config);
SIMT_EXPORT cudaError_t cudaDeviceGetSharedMemConfig(cudaSharedMemConfig* config);

// --- other devices: there are none
SIMT_EXPORT cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer);
SIMT_EXPORT cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags);
SIMT_EXPORT cudaError_t cudaDeviceDisablePeerAccess(int peer);

// --- older names
SIMT_EXPORT cudaError_t cudaThreadSynchronize();
SIMT_EXPORT cudaError_t cudaThreadExit();
