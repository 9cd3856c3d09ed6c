// CUB's calls for whole arrays: the first call, without temporary storage, asks for its size; the
// second one does the work, here in one thread on the device.
#pragma once
#include <iterator>

#include "simt/cub/collective.h"

namespace simt {

constexpr size_t kDeviceTempBytes = 256;  // more than nothing, or cudaMalloc would return null

template <class Work>
inline cudaError_t on_device(void* temp, size_t& temp_bytes, const char* name, cudaStream_t stream,
                             const char* file, int line, Work work) {
  if (!temp) {
    temp_bytes = kDeviceTempBytes;
    return cudaSuccess;
  }
  if (temp_bytes < kDeviceTempBytes) return cudaErrorInvalidValue;
  launch([](Work work) { work(); }, name, Config(1, 1, 0, stream), file, line)(work);
  return cudaPeekAtLastError();
}

template <class Iterator>
using ValueOf = typename std::iterator_traits<Iterator>::value_type;

}  // namespace simt
