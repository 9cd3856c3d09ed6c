// device.cuh: what the GPU in use is like.
#pragma once
#include <cuda_runtime.h>

inline int device_attribute(cudaDeviceAttr attribute) {
  int device, value = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&value, attribute, device);
  return value;
}
