// device.cpp: the virtual GPU. Its limits are those of compute capability 9.0 (CUDA Programming
// Guide, "Technical Specifications per Compute Capability"); the rest is nominal, and the same on
// every machine.
#include <mutex>

#include "runtime.h"

namespace simt {

static cudaDeviceProp properties_of_the_gpu() {
  cudaDeviceProp p = {};
  snprintf(p.name, sizeof p.name, "simt virtual GPU (CPU)");
  memcpy(p.uuid.bytes, "simt-virtual-gpu", sizeof p.uuid.bytes);
  p.major = 9, p.minor = 0;

  p.warpSize = 32;
  p.maxThreadsPerBlock = kMaxThreads;
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024, p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 0x7fffffff, p.maxGridSize[1] = p.maxGridSize[2] = 65535;
  p.multiProcessorCount = kMultiprocessors;
  p.maxThreadsPerMultiProcessor = kThreadsPerMultiprocessor;
  p.maxBlocksPerMultiProcessor = kBlocksPerMultiprocessor;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;

  p.totalGlobalMem = kGlobalMemory;
  p.totalConstMem = 64 * 1024;
  p.sharedMemPerBlock = kStaticSharedLimit;
  p.sharedMemPerBlockOptin = kOptInDynamicLimit;
  p.sharedMemPerMultiprocessor = kSharedPerMultiprocessor;
  p.reservedSharedMemPerBlock = kReservedShared;
  p.l2CacheSize = 32 << 20;
  p.memPitch = 0x7fffffff;
  p.textureAlignment = p.surfaceAlignment = 512;
  p.texturePitchAlignment = 32;

  p.clockRate = p.memoryClockRate = 1000000;  // kHz
  p.memoryBusWidth = 256;
  p.singleToDoublePrecisionPerfRatio = 2;
  p.pciBusID = 1;
  p.asyncEngineCount = 2;
  p.computeMode = cudaComputeModeDefault;

  p.canMapHostMemory = p.managedMemory = p.unifiedAddressing = 1;
  p.concurrentManagedAccess = 1;  // but not pageableMemoryAccess: kernels need memory of CUDA's
  p.canUseHostPointerForRegisteredMem = p.hostRegisterSupported = p.hostNativeAtomicSupported = 1;
  p.deviceOverlap = p.concurrentKernels = p.streamPrioritiesSupported = 1;
  p.globalL1CacheSupported = p.localL1CacheSupported = 1;
  p.cooperativeLaunch = p.memoryPoolsSupported = 1;
  return p;
}

static std::mutex settings_mutex;
static unsigned device_flags;
static size_t limits[] = {1024, 1 << 20, 8 << 20, 2, 2048, 64, 0};  // by cudaLimit
static cudaFuncCache cache_config;
static cudaSharedMemConfig shared_config = cudaSharedMemBankSizeFourByte;

static const char kPciBusId[] = "0000:01:00.0";

}  // namespace simt

using namespace simt;

// --- the one device
cudaError_t cudaGetDeviceCount(int* count) {
  if (!count) return failed(cudaErrorInvalidValue);
  *count = 1;
  return sticky_error();
}
cudaError_t cudaGetDevice(int* device) {
  if (!device) return failed(cudaErrorInvalidValue);
  *device = 0;
  return sticky_error();
}
cudaError_t cudaSetDevice(int device) {
  return device == 0 ? sticky_error() : failed(cudaErrorInvalidDevice);
}
cudaError_t cudaInitDevice(int device, unsigned, unsigned) { return cudaSetDevice(device); }
cudaError_t cudaChooseDevice(int* device, const cudaDeviceProp* wanted) {
  return wanted ? cudaGetDevice(device) : failed(cudaErrorInvalidValue);
}
cudaError_t cudaSetValidDevices(int* devices, int count) {
  if (!devices || count < 1) return failed(cudaErrorInvalidValue);
  return cudaSetDevice(devices[0]);
}
cudaError_t cudaDeviceReset() {
  forget_errors();  // what was reported stays so
  return cudaSuccess;
}
cudaError_t cudaThreadExit() { return cudaDeviceReset(); }

// --- what it is like
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (!properties) return failed(cudaErrorInvalidValue);
  if (device != 0) return failed(cudaErrorInvalidDevice);
  *properties = properties_of_the_gpu();
  return sticky_error();
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (!value) return failed(cudaErrorInvalidValue);
  if (device != 0) return failed(cudaErrorInvalidDevice);
  const cudaDeviceProp p = properties_of_the_gpu();
  switch (attribute) {
#define SIMT_VALUE(name, number, expression) \
  case cudaDevAttr##name:                    \
    *value = (int)(expression);              \
    return sticky_error();
    SIMT_ATTRIBUTES(SIMT_VALUE)
#undef SIMT_VALUE
  }
  return failed(cudaErrorInvalidValue);
}
cudaError_t cudaDeviceGetPCIBusId(char* text, int size, int device) {
  if (!text || size < (int)sizeof kPciBusId) return failed(cudaErrorInvalidValue);
  if (device != 0) return failed(cudaErrorInvalidDevice);
  memcpy(text, kPciBusId, sizeof kPciBusId);
  return sticky_error();
}
cudaError_t cudaDeviceGetByPCIBusId(int* device, const char* text) {
  if (!device || !text) return failed(cudaErrorInvalidValue);
  if (strcmp(text, kPciBusId) != 0) return failed(cudaErrorInvalidDevice);
  return cudaGetDevice(device);
}
cudaError_t cudaDriverGetVersion(int* version) {
  if (!version) return failed(cudaErrorInvalidValue);
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) { return cudaDriverGetVersion(version); }

// --- flags, limits, preferences
cudaError_t cudaSetDeviceFlags(unsigned flags) {
  if (flags > 31) return failed(cudaErrorInvalidValue);
  std::lock_guard<std::mutex> lock(simt::settings_mutex);
  device_flags = flags;
  return sticky_error();
}
cudaError_t cudaGetDeviceFlags(unsigned* flags) {
  if (!flags) return failed(cudaErrorInvalidValue);
  std::lock_guard<std::mutex> lock(simt::settings_mutex);
  *flags = device_flags | cudaDeviceMapHost;  // always so under unified addressing
  return sticky_error();
}
cudaError_t cudaDeviceSetLimit(cudaLimit limit, size_t value) {
  if ((unsigned)limit > cudaLimitPersistingL2CacheSize) return failed(cudaErrorUnsupportedLimit);
  std::lock_guard<std::mutex> lock(simt::settings_mutex);
  limits[limit] = value;
  return sticky_error();
}
cudaError_t cudaDeviceGetLimit(size_t* value, cudaLimit limit) {
  if (!value) return failed(cudaErrorInvalidValue);
  if ((unsigned)limit > cudaLimitPersistingL2CacheSize) return failed(cudaErrorUnsupportedLimit);
  std::lock_guard<std::mutex> lock(simt::settings_mutex);
  *value = limits[limit];
  return sticky_error();
}
cudaError_t cudaDeviceSetCacheConfig(cudaFuncCache config) {
  if ((unsigned)config > cudaFuncCachePreferEqual) return failed(cudaErrorInvalidValue);
  cache_config = config;
  return sticky_error();
}
cudaError_t cudaDeviceGetCacheConfig(cudaFuncCache* config) {
  if (!config) return failed(cudaErrorInvalidValue);
  *config = cache_config;
  return sticky_error();
}
cudaError_t cudaDeviceSetSharedMemConfig(cudaSharedMemConfig config) {
  if ((unsigned)config > cudaSharedMemBankSizeEightByte) return failed(cudaErrorInvalidValue);
  shared_config = config;
  return sticky_error();
}
cudaError_t cudaDeviceGetSharedMemConfig(cudaSharedMemConfig* config) {
  if (!config) return failed(cudaErrorInvalidValue);
  *config = shared_config;
  return sticky_error();
}

// --- other devices
cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  if (!can) return failed(cudaErrorInvalidValue);
  if (device != 0 || peer != 0) return failed(cudaErrorInvalidDevice);
  *can = 0;  // a device is no peer of its own
  return sticky_error();
}
cudaError_t cudaDeviceEnablePeerAccess(int, unsigned) { return failed(cudaErrorInvalidDevice); }
cudaError_t cudaDeviceDisablePeerAccess(int peer) {
  return failed(peer == 0 ? cudaErrorPeerAccessNotEnabled : cudaErrorInvalidDevice);
}
