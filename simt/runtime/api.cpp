// api.cpp: streams, events, the virtual GPU, attributes of functions, names of errors.
#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "runtime.h"

struct simt_stream {};
struct simt_event {
  long long recorded = -1;  // nanoseconds, or not yet
};

namespace simt {

long long nanoseconds() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

// The largest dynamic shared memory that each kernel asked for by cudaFuncSetAttribute.
static std::mutex mutex;
static std::unordered_map<const void*, size_t> opted_in;

size_t dynamic_shared_limit(const void* kernel) {
  std::lock_guard<std::mutex> lock(mutex);
  size_t limit = kDefaultDynamicLimit;
  for (auto& [asked, size] : opted_in)  // a template that deduces its types has no address here
    if (asked == kernel || !kernel) limit = std::max(limit, size);
  return limit;
}

}  // namespace simt

using namespace simt;

// --- errors
const char* cudaGetErrorName(cudaError_t error) {
  switch ((int)error) {
#define SIMT_NAME(name, number, text) \
  case number:                        \
    return #name;
    SIMT_ERRORS(SIMT_NAME)
#undef SIMT_NAME
  }
  return "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) {
  switch ((int)error) {
#define SIMT_TEXT(name, number, text) \
  case number:                        \
    return text;
    SIMT_ERRORS(SIMT_TEXT)
#undef SIMT_TEXT
  }
  return "unrecognized error code";
}

// --- streams
cudaError_t cudaDeviceSynchronize() { return sticky_error(); }
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  if (!stream) return failed(cudaErrorInvalidValue);
  *stream = new simt_stream();
  return sticky_error();
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return cudaStreamCreate(stream);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (!stream || stream == cudaStreamLegacy || stream == cudaStreamPerThread)
    return failed(cudaErrorInvalidResourceHandle);
  delete stream;
  return sticky_error();
}
cudaError_t cudaStreamSynchronize(cudaStream_t) { return sticky_error(); }
cudaError_t cudaStreamQuery(cudaStream_t) { return sticky_error(); }
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return sticky_error(); }

// --- events
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  if (!event) return failed(cudaErrorInvalidValue);
  *event = new simt_event();
  return sticky_error();
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return cudaEventCreate(event);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  if (!event) return failed(cudaErrorInvalidResourceHandle);
  delete event;
  return sticky_error();
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  if (!event) return failed(cudaErrorInvalidResourceHandle);
  event->recorded = nanoseconds();
  return sticky_error();
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return event ? sticky_error() : failed(cudaErrorInvalidResourceHandle);
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return cudaEventSynchronize(event); }
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  if (!ms) return failed(cudaErrorInvalidValue);
  if (!start || !end || start->recorded < 0 || end->recorded < 0)
    return failed(cudaErrorInvalidResourceHandle);
  *ms = (float)(end->recorded - start->recorded) * 1e-6f;
  return sticky_error();
}

// --- the virtual GPU: the limits of compute capability 9.0
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (!properties) return failed(cudaErrorInvalidValue);
  if (device != 0) return failed(cudaErrorInvalidDevice);
  cudaDeviceProp p = {};
  size_t free;
  snprintf(p.name, sizeof p.name, "simt (CUDA C++ on a CPU)");
  cudaMemGetInfo(&free, &p.totalGlobalMem);
  p.sharedMemPerBlock = kStaticSharedLimit;
  p.sharedMemPerBlockOptin = kOptInDynamicLimit;
  p.sharedMemPerMultiprocessor = kSharedPerMultiprocessor;
  p.totalConstMem = 64 * 1024;
  p.regsPerBlock = 65536;
  p.warpSize = 32;
  p.maxThreadsPerBlock = kMaxThreads;
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024, p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 0x7fffffff, p.maxGridSize[1] = p.maxGridSize[2] = 65535;
  p.maxThreadsPerMultiProcessor = kThreadsPerMultiprocessor;
  p.maxBlocksPerMultiProcessor = kMaxBlocksPerMultiprocessor;
  p.multiProcessorCount = kMultiprocessors;
  p.major = 9, p.minor = 0;
  p.clockRate = p.memoryClockRate = 1000000;  // kHz: nominal
  p.memoryBusWidth = 64;
  p.l2CacheSize = 1 << 20;
  p.concurrentKernels = p.integrated = p.managedMemory = p.unifiedAddressing = 1;
  *properties = p;
  return sticky_error();
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp p;
  if (!value) return failed(cudaErrorInvalidValue);
  if (cudaError_t error = cudaGetDeviceProperties(&p, device)) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = p.maxThreadsPerBlock;
      break;
    case cudaDevAttrMaxBlockDimX:
      *value = p.maxThreadsDim[0];
      break;
    case cudaDevAttrMaxBlockDimY:
      *value = p.maxThreadsDim[1];
      break;
    case cudaDevAttrMaxBlockDimZ:
      *value = p.maxThreadsDim[2];
      break;
    case cudaDevAttrMaxGridDimX:
      *value = p.maxGridSize[0];
      break;
    case cudaDevAttrMaxGridDimY:
      *value = p.maxGridSize[1];
      break;
    case cudaDevAttrMaxGridDimZ:
      *value = p.maxGridSize[2];
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = (int)p.sharedMemPerBlock;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = (int)p.sharedMemPerBlockOptin;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = (int)p.sharedMemPerMultiprocessor;
      break;
    case cudaDevAttrTotalConstantMemory:
      *value = (int)p.totalConstMem;
      break;
    case cudaDevAttrWarpSize:
      *value = p.warpSize;
      break;
    case cudaDevAttrMaxRegistersPerBlock:
      *value = p.regsPerBlock;
      break;
    case cudaDevAttrClockRate:
      *value = p.clockRate;
      break;
    case cudaDevAttrMemoryClockRate:
      *value = p.memoryClockRate;
      break;
    case cudaDevAttrGlobalMemoryBusWidth:
      *value = p.memoryBusWidth;
      break;
    case cudaDevAttrL2CacheSize:
      *value = p.l2CacheSize;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = p.multiProcessorCount;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = p.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = p.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = p.minor;
      break;
    case cudaDevAttrCooperativeLaunch:
      *value = p.cooperativeLaunch;
      break;
    default:
      return failed(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}
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
cudaError_t cudaDeviceReset() {
  simt_clear();
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 12000;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) { return cudaDriverGetVersion(version); }

// --- functions
cudaError_t simt_func_set_attribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) return sticky_error();
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
      (size_t)value > kOptInDynamicLimit)
    return failed(cudaErrorInvalidValue);
  std::lock_guard<std::mutex> lock(simt::mutex);
  opted_in[kernel] = std::max((size_t)value, kDefaultDynamicLimit);
  return sticky_error();
}
cudaError_t simt_func_get_attributes(cudaFuncAttributes* attributes, const void* kernel) {
  if (!attributes) return failed(cudaErrorInvalidValue);
  *attributes = {};
  attributes->maxThreadsPerBlock = kMaxThreads;
  attributes->ptxVersion = attributes->binaryVersion = 90;
  attributes->maxDynamicSharedSizeBytes = (int)dynamic_shared_limit(kernel);
  return sticky_error();
}
