// last_error.h: included ahead of gpt.cu by nvcc (-include).
//
// A CUDA library has a runtime of its own inside, whose errors no other sees. These let the loader
// ask for them. simt's libraries export the same functions.
#pragma once
#include <cuda_runtime.h>

extern "C" __attribute__((visibility("default"))) int mingpt_get_last_error() {
  return cudaGetLastError();
}

extern "C" __attribute__((visibility("default"))) const char* mingpt_error_string(int error) {
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}
