// Launches without <<<>>>: cudaLaunchKernel, which takes the addresses of the arguments, and
// cudaLaunchKernelEx (CUDA Runtime API, "Execution Control").
//
// A kernel's address as a void* no longer says how to call it. So the rewriter turns the cast
// (void*)kernel into simt::kernel_address->*kernel, which notes that on the way.
#pragma once
#include "launch.h"
#include "launch_attributes.h"

namespace simt {

template <class... Params, size_t... I>
cudaError_t launch_with_list(void (*kernel)(Params...), const Config& config, void** arguments,
                             const char* file, int line, std::index_sequence<I...>) {
  if (sizeof...(Params) && !arguments) return cudaErrorInvalidValue;
  Launcher<Params...> launcher{kernel, kernel_name((const void*)kernel), config, file, line};
  return told(launcher.start(*static_cast<std::remove_reference_t<Params>*>(arguments[I])...));
}

template <class... Params>
cudaError_t list_launcher(const void* kernel, const Config& config, void** arguments,
                          const char* file, int line) {
  return launch_with_list((void (*)(Params...))kernel, config, arguments, file, line,
                          std::index_sequence_for<Params...>());
}

struct KernelAddress {
  template <class... Params>
  void* operator->*(void (*kernel)(Params...)) const {
    register_kernel((const void*)kernel, list_launcher<Params...>);
    return (void*)kernel;
  }
};
constexpr KernelAddress kernel_address;

}  // namespace simt

inline cudaError_t cudaLaunchKernel(const void* kernel, dim3 grid, dim3 block, void** arguments,
                                    size_t dynamic_shared = 0, cudaStream_t stream = nullptr,
                                    SIMT_HERE) {
  simt::Config config(grid, block, dynamic_shared, stream);
  return simt::launch_by_address(kernel, config, arguments, file, line);
}
template <class... Params>
inline cudaError_t cudaLaunchKernel(void (*kernel)(Params...), dim3 grid, dim3 block,
                                    void** arguments, size_t dynamic_shared = 0,
                                    cudaStream_t stream = nullptr, SIMT_HERE) {
  simt::Config config(grid, block, dynamic_shared, stream);
  return simt::list_launcher<Params...>((const void*)kernel, config, arguments, file, line);
}

// --- with attributes (launch_attributes.h)
struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  cudaLaunchAttributeValue val;
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute* attrs;
  unsigned numAttrs;
};

namespace simt {
// There are no clusters.
inline cudaError_t check_attributes(const cudaLaunchConfig_t* config) {
  if (!config) return cudaErrorInvalidValue;
  for (unsigned i = 0; i < config->numAttrs; i++) {
    const cudaLaunchAttribute& a = config->attrs[i];
    auto& cluster = a.val.clusterDim;
    if (a.id == cudaLaunchAttributeClusterDimension && cluster.x * cluster.y * cluster.z > 1)
      return cudaErrorNotSupported;
  }
  return cudaSuccess;
}
inline Config config_of(const cudaLaunchConfig_t& c) {
  Config config(c.gridDim, c.blockDim, c.dynamicSmemBytes, c.stream);
  for (unsigned i = 0; i < c.numAttrs; i++)
    if (c.attrs[i].id == cudaLaunchAttributeCooperative)
      config.cooperative = c.attrs[i].val.cooperative;
  return config;
}
}  // namespace simt

inline cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* kernel,
                                       void** arguments, SIMT_HERE) {
  cudaError_t error = simt::check_attributes(config);
  return error ? error
               : simt::launch_by_address(kernel, simt::config_of(*config), arguments, file, line);
}
template <class... Params, class... Arguments>
inline cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Params...),
                                      Arguments&&... arguments) {
  static_assert(sizeof...(Params) == sizeof...(Arguments),
                "cudaLaunchKernelEx: as many arguments as the kernel has parameters");
  if (cudaError_t error = simt::check_attributes(config)) return error;
  simt::Launcher<Params...> launcher{kernel, simt::kernel_name((const void*)kernel),
                                     simt::config_of(*config), "cudaLaunchKernelEx", 0};
  launcher(std::forward<Arguments>(arguments)...);
  return cudaPeekAtLastError();
}

// Programmatic dependent launch: a kernel may begin while the one before it in its stream still
// runs. Here kernels of a stream run one after the other, and there is nothing to wait for.
__device__ inline void cudaGridDependencySynchronize() {}
__device__ inline void cudaTriggerProgrammaticLaunchCompletion() {}
