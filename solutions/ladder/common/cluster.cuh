// cluster.cuh: blocks that run at the same time and can read each other's shared memory.
//
// Since Hopper (CUDA C++ Programming Guide, "Thread Block Clusters"). Elsewhere a block is alone.
#pragma once
#include "device.cuh"

inline bool has_clusters() {
  static bool has = device_attribute(cudaDevAttrClusterLaunch);
  return has;
}

// All threads of the cluster's blocks meet, and see what was written before.
__device__ __forceinline__ void sync_cluster() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#else
  __syncthreads();
#endif
}

// Where block number `block` of the cluster has what this one has at `mine`, in shared memory.
__device__ __forceinline__ const float* in_block(int block, const float* mine) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  const float* theirs;
  asm("mapa.u64 %0, %1, %2;" : "=l"(theirs) : "l"(mine), "r"(block));
  return theirs;
#else
  return mine;
#endif
}
