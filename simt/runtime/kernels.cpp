// kernels.cpp: what is known of each kernel by its address: how it is called with a list of
// arguments, its name, its shared memory, and how many of its blocks fit on a multiprocessor.
#include <cxxabi.h>
#include <dlfcn.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "runtime.h"

namespace simt {

struct Kernel {
  ListLauncher launcher = nullptr;
  std::string name;
  size_t dynamic_limit = kDefaultDynamicLimit;  // or more, by cudaFuncSetAttribute
  int carveout = -1;
};

static std::mutex kernels_mutex;
static std::unordered_map<const void*, Kernel> kernels;  // those of which anything was said

size_t dynamic_shared_limit(const void* kernel) {
  std::lock_guard<std::mutex> lock(kernels_mutex);
  if (kernel) {
    auto found = kernels.find(kernel);
    return found == kernels.end() ? kDefaultDynamicLimit : found->second.dynamic_limit;
  }
  size_t limit = kDefaultDynamicLimit;
  for (auto& known : kernels)  // a template that deduces its types has no address at its launch
    limit = std::max(limit, known.second.dynamic_limit);
  return limit;
}

void register_kernel(const void* kernel, ListLauncher launcher) {
  std::lock_guard<std::mutex> lock(kernels_mutex);
  kernels[kernel].launcher = launcher;
}

// The function's name for reports: `scale`, without its parameters.
const char* kernel_name(const void* kernel) {
  std::lock_guard<std::mutex> lock(kernels_mutex);
  std::string& name = kernels[kernel].name;
  if (!name.empty()) return name.c_str();
  Dl_info info;
  name = "a kernel";
  if (!dladdr(kernel, &info) || !info.dli_sname || info.dli_saddr != kernel) return name.c_str();
  int status;
  char* readable = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
  name = readable ? readable : info.dli_sname;
  free(readable);
  if (name.compare(0, 5, "void ") == 0) name.erase(0, 5);
  return name.erase(std::min(name.find('('), name.size())).c_str();
}

cudaError_t launch_by_address(const void* kernel, const Config& config, void** arguments,
                              const char* file, int line) {
  ListLauncher launcher = nullptr;
  {
    std::lock_guard<std::mutex> lock(kernels_mutex);
    auto found = kernels.find(kernel);
    if (found != kernels.end()) launcher = found->second.launcher;
  }
  if (!launcher) return failed(cudaErrorInvalidDeviceFunction);
  return launcher(kernel, config, arguments, file, line);
}

}  // namespace simt

using namespace simt;

cudaError_t simt_func_set_attribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (!kernel) return failed(cudaErrorInvalidDeviceFunction);
  std::lock_guard<std::mutex> lock(simt::kernels_mutex);
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) {
    if (value < -1 || value > 100) return failed(cudaErrorInvalidValue);
    kernels[kernel].carveout = value;
    return sticky_error();
  }
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
      (size_t)value > kOptInDynamicLimit)
    return failed(cudaErrorInvalidValue);
  kernels[kernel].dynamic_limit = std::max((size_t)value, kDefaultDynamicLimit);
  return sticky_error();
}
cudaError_t simt_func_get_attributes(cudaFuncAttributes* attributes, const void* kernel) {
  if (!attributes) return failed(cudaErrorInvalidValue);
  if (!kernel) return failed(cudaErrorInvalidDeviceFunction);
  *attributes = {};
  attributes->maxThreadsPerBlock = kMaxThreads;
  attributes->numRegs = kRegistersPerThread;
  attributes->ptxVersion = attributes->binaryVersion = 90;
  attributes->maxDynamicSharedSizeBytes = (int)dynamic_shared_limit(kernel);
  std::lock_guard<std::mutex> lock(simt::kernels_mutex);
  attributes->preferredShmemCarveout = kernels[kernel].carveout;
  return sticky_error();
}
cudaError_t simt_occupancy(int* blocks, const void* kernel, int block_size, size_t dynamic_shared) {
  if (!blocks || block_size <= 0) return failed(cudaErrorInvalidValue);
  if (!kernel) return failed(cudaErrorInvalidDeviceFunction);
  *blocks = 0;
  if (block_size > kMaxThreads || dynamic_shared > dynamic_shared_limit(kernel))
    return sticky_error();
  int threads = (block_size + 31) / 32 * 32;  // whole warps
  int by_threads = kThreadsPerMultiprocessor / threads;
  auto by_shared = (int)(kSharedPerMultiprocessor / (dynamic_shared + kReservedShared));
  *blocks = std::min({by_threads, by_shared, kBlocksPerMultiprocessor});
  return sticky_error();
}
