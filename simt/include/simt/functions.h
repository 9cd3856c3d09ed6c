// What is known of a kernel, and how many of its blocks fit on a multiprocessor (CUDA Runtime API,
// "Execution Control" and "Occupancy").
#pragma once
#include "device.h"

enum cudaFuncAttribute {
  cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
  cudaFuncAttributePreferredSharedMemoryCarveout = 9,
  cudaFuncAttributeClusterDimMustBeSet = 10,
  cudaFuncAttributeRequiredClusterWidth = 11,
  cudaFuncAttributeRequiredClusterHeight = 12,
  cudaFuncAttributeRequiredClusterDepth = 13,
  cudaFuncAttributeNonPortableClusterSizeAllowed = 14
};
enum cudaSharedCarveout {
  cudaSharedmemCarveoutDefault = -1,
  cudaSharedmemCarveoutMaxL1 = 0,
  cudaSharedmemCarveoutMaxShared = 100
};
// numRegs is nominal, and static shared memory is not known before a kernel runs: 0.
struct cudaFuncAttributes {
  size_t sharedSizeBytes, constSizeBytes, localSizeBytes;
  int maxThreadsPerBlock, numRegs, ptxVersion, binaryVersion, cacheModeCA;
  int maxDynamicSharedSizeBytes, preferredShmemCarveout;
};
enum { cudaOccupancyDefault = 0, cudaOccupancyDisableCachingOverride = 1 };

SIMT_EXPORT cudaError_t simt_func_set_attribute(const void* kernel, cudaFuncAttribute attribute,
                                                int value);
SIMT_EXPORT cudaError_t simt_func_get_attributes(cudaFuncAttributes* attributes,
                                                 const void* kernel);
SIMT_EXPORT cudaError_t simt_occupancy(int* blocks, const void* kernel, int block_size,
                                       size_t dynamic_shared);

template <class F>
inline cudaError_t cudaFuncSetAttribute(F* kernel, cudaFuncAttribute attribute, int value) {
  return simt_func_set_attribute((const void*)kernel, attribute, value);
}
template <class F>
inline cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, F* kernel) {
  return simt_func_get_attributes(attributes, (const void*)kernel);
}
template <class F>
inline cudaError_t cudaFuncSetCacheConfig(F*, cudaFuncCache) {
  return cudaSuccess;
}
template <class F>
inline cudaError_t cudaFuncSetSharedMemConfig(F*, cudaSharedMemConfig) {
  return cudaSuccess;
}

// --- occupancy: as threads, blocks and shared memory of a multiprocessor allow
template <class F>
inline cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, F kernel,
                                                                 int block_size,
                                                                 size_t dynamic_shared) {
  return simt_occupancy(blocks, (const void*)kernel, block_size, dynamic_shared);
}
template <class F>
inline cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, F kernel,
                                                                          int block_size,
                                                                          size_t dynamic_shared,
                                                                          unsigned /*flags*/) {
  return simt_occupancy(blocks, (const void*)kernel, block_size, dynamic_shared);
}
// How much dynamic shared memory a block may have for `blocks` of them to fit.
template <class F>
inline cudaError_t cudaOccupancyAvailableDynamicSMemPerBlock(size_t* dynamic_shared, F kernel,
                                                             int blocks, int block_size) {
  if (!dynamic_shared || blocks <= 0) return cudaErrorInvalidValue;
  int fit = 0, optin = 0;
  cudaError_t error = cudaDeviceGetAttribute(&optin, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0);
  size_t low = 0, high = (size_t)optin;
  if (!error) error = simt_occupancy(&fit, (const void*)kernel, block_size, 0);
  if (error) return error;
  if (fit < blocks) return cudaErrorInvalidValue;
  while (low < high) {  // the largest that fits: occupancy falls as shared memory grows
    size_t middle = (low + high + 1) / 2;
    error = simt_occupancy(&fit, (const void*)kernel, block_size, middle);
    if (error) return error;
    if (fit >= blocks)
      low = middle;
    else
      high = middle - 1;
  }
  *dynamic_shared = low;
  return cudaSuccess;
}

// The block size that keeps most threads active on a multiprocessor, the largest such; and the
// blocks that fill the device. shared(block_size): the dynamic shared memory of such a block.
template <class SharedOf, class F>
cudaError_t cudaOccupancyMaxPotentialBlockSizeVariableSMem(int* min_grid, int* block_size, F kernel,
                                                           SharedOf shared, int limit = 0) {
  if (!min_grid || !block_size) return cudaErrorInvalidValue;
  int most = *min_grid = *block_size = 0, multiprocessors = 0;
  cudaError_t error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0);
  if (error) return error;
  if (limit <= 0 || limit > 1024) limit = 1024;
  for (int size = limit; size > 0; size = (size - 1) / 32 * 32) {
    int blocks = 0;
    error = simt_occupancy(&blocks, (const void*)kernel, size, shared(size));
    if (error) return error;
    if (blocks * size <= most) continue;
    most = blocks * size;
    *block_size = size;
    *min_grid = blocks * multiprocessors;
  }
  return most ? cudaSuccess : cudaErrorInvalidConfiguration;
}
template <class F>
inline cudaError_t cudaOccupancyMaxPotentialBlockSize(int* min_grid, int* block_size, F kernel,
                                                      size_t dynamic_shared = 0, int limit = 0) {
  return cudaOccupancyMaxPotentialBlockSizeVariableSMem(
      min_grid, block_size, kernel, [dynamic_shared](int) { return dynamic_shared; }, limit);
}
template <class SharedOf, class F>
inline cudaError_t cudaOccupancyMaxPotentialBlockSizeVariableSMemWithFlags(
    int* min_grid, int* block_size, F kernel, SharedOf shared, int limit = 0, unsigned = 0) {
  return cudaOccupancyMaxPotentialBlockSizeVariableSMem(min_grid, block_size, kernel, shared,
                                                        limit);
}
