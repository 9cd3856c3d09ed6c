// cub::DeviceScan: running totals of an array, by a call of the host. `in` and `out` may be the
// same.
#pragma once
#include "simt/cub/device.h"

namespace cub {

struct DeviceScan {
  template <class Input, class Output, class Op, class Count>
  static cudaError_t InclusiveScan(void* temp, size_t& temp_bytes, Input in, Output out, Op op,
                                   Count n, cudaStream_t stream = nullptr, SIMT_HERE) {
    return simt::on_device(temp, temp_bytes, "cub::DeviceScan", stream, file, line, [=] {
      if (n <= 0) return;
      auto running = static_cast<typename std::decay<decltype(op(in[0], in[0]))>::type>(in[0]);
      out[0] = running;
      for (Count i = 1; i < n; i++) out[i] = running = op(running, in[i]);
    });
  }
  template <class Input, class Output, class Op, class T, class Count>
  static cudaError_t ExclusiveScan(void* temp, size_t& temp_bytes, Input in, Output out, Op op,
                                   T initial, Count n, cudaStream_t stream = nullptr, SIMT_HERE) {
    return simt::on_device(temp, temp_bytes, "cub::DeviceScan", stream, file, line, [=] {
      typename std::decay<decltype(op(initial, in[0]))>::type running = initial;
      for (Count i = 0; i < n; i++) {
        auto next = op(running, in[i]);
        out[i] = running;
        running = next;
      }
    });
  }
  template <class Input, class Output, class Count>
  static cudaError_t InclusiveSum(void* temp, size_t& temp_bytes, Input in, Output out, Count n,
                                  cudaStream_t stream = nullptr, SIMT_HERE) {
    return InclusiveScan(temp, temp_bytes, in, out, cub::Sum(), n, stream, file, line);
  }
  template <class Input, class Output, class Count>
  static cudaError_t ExclusiveSum(void* temp, size_t& temp_bytes, Input in, Output out, Count n,
                                  cudaStream_t stream = nullptr, SIMT_HERE) {
    return ExclusiveScan(temp, temp_bytes, in, out, cub::Sum(), simt::ValueOf<Input>(), n, stream,
                         file, line);
  }
};

}  // namespace cub
