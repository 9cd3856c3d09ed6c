// Launches whose blocks are all alive together, so that they can wait for one another: grid_group's
// sync() (CUDA C++ Programming Guide, "Grid Synchronization"). runtime/grid.cpp runs them.
#pragma once
#include "launch_api.h"

namespace simt {
inline Config cooperative_config(dim3 grid, dim3 block, size_t dynamic_shared,
                                 cudaStream_t stream) {
  Config config(grid, block, dynamic_shared, stream);
  config.cooperative = true;
  return config;
}
}  // namespace simt

inline cudaError_t cudaLaunchCooperativeKernel(const void* kernel, dim3 grid, dim3 block,
                                               void** arguments, size_t dynamic_shared = 0,
                                               cudaStream_t stream = nullptr, SIMT_HERE) {
  simt::Config config = simt::cooperative_config(grid, block, dynamic_shared, stream);
  return simt::launch_by_address(kernel, config, arguments, file, line);
}
template <class... Params>
inline cudaError_t cudaLaunchCooperativeKernel(void (*kernel)(Params...), dim3 grid, dim3 block,
                                               void** arguments, size_t dynamic_shared = 0,
                                               cudaStream_t stream = nullptr, SIMT_HERE) {
  simt::Config config = simt::cooperative_config(grid, block, dynamic_shared, stream);
  return simt::list_launcher<Params...>((const void*)kernel, config, arguments, file, line);
}
