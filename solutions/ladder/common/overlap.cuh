// overlap.cuh: kernels of one stream that overlap at their edges.
//
// A kernel waits for all of the one before it, and then still has to be launched and to begin: 2 us
// each, 86 times in a prefill. Since Hopper (sm_90) the next kernel's blocks may move in as this
// one's leave, and wait for the last of them; meanwhile they can load what this kernel doesn't
// write, weights. (CUDA C++ Programming Guide, "Programmatic Dependent Launch".) Older GPUs launch
// as ever.
#pragma once
#include "device.cuh"

// In the kernel: what is after this sees all that the kernels before have written.
__device__ __forceinline__ void wait_for_previous_kernel() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
}

// kernel<<<grid, block, shared, stream>>>(arguments...), while the kernel before may still run.
// PRECOND: each of its threads calls wait_for_previous_kernel() before it touches what any kernel
// before has written, or reads what this one writes. Several blocks along z are a cluster.
template <typename... Parameters, typename... Arguments>
void launch_overlapping(void (*kernel)(Parameters...), dim3 grid, int block, size_t shared,
                        cudaStream_t stream, Arguments... arguments) {
  static int major = device_attribute(cudaDevAttrComputeCapabilityMajor);
  cudaLaunchAttribute attributes[2];
  attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[0].val.programmaticStreamSerializationAllowed = 1;
  attributes[1].id = cudaLaunchAttributeClusterDimension;
  attributes[1].val.clusterDim = {1, 1, grid.z};
  cudaLaunchConfig_t config = {};
  config.gridDim = grid, config.blockDim = dim3(block), config.dynamicSmemBytes = shared;
  config.stream = stream, config.attrs = attributes;
  config.numAttrs = major < 9 ? 0 : grid.z > 1 ? 2 : 1;
  cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}
