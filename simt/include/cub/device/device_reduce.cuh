// cub::DeviceReduce: the values of an array combined, by a call of the host.
#pragma once
#include <limits>

#include "simt/cub/device.h"

namespace simt {
// By halves, as many threads would: a long sum of floats stays exact to a few units.
template <class T, class Input, class Op>
inline T reduce_by_halves(Input in, long long n, Op op) {
  if (n > 64) {
    T left = reduce_by_halves<T>(in, n / 2, op);
    return op(left, reduce_by_halves<T>(in + n / 2, n - n / 2, op));
  }
  T result = in[0];
  for (long long i = 1; i < n; i++) result = op(result, in[i]);
  return result;
}
}  // namespace simt

namespace cub {

struct DeviceReduce {
  template <class Input, class Output, class Op, class T, class Count>
  static cudaError_t Reduce(void* temp, size_t& temp_bytes, Input in, Output out, Count n, Op op,
                            T initial, cudaStream_t stream = nullptr, SIMT_HERE) {
    using Sum = typename std::decay<decltype(op(initial, in[0]))>::type;
    return simt::on_device(temp, temp_bytes, "cub::DeviceReduce", stream, file, line, [=] {
      *out = n > 0 ? op(initial, simt::reduce_by_halves<Sum>(in, (long long)n, op)) : initial;
    });
  }
  template <class Input, class Output, class Count>
  static cudaError_t Sum(void* temp, size_t& temp_bytes, Input in, Output out, Count n,
                         cudaStream_t stream = nullptr, SIMT_HERE) {
    return Reduce(temp, temp_bytes, in, out, n, cub::Sum(), simt::ValueOf<Output>(), stream, file,
                  line);
  }
  template <class Input, class Output, class Count>
  static cudaError_t Max(void* temp, size_t& temp_bytes, Input in, Output out, Count n,
                         cudaStream_t stream = nullptr, SIMT_HERE) {
    auto least = std::numeric_limits<simt::ValueOf<Input>>::lowest();
    return Reduce(temp, temp_bytes, in, out, n, cub::Max(), least, stream, file, line);
  }
  template <class Input, class Output, class Count>
  static cudaError_t Min(void* temp, size_t& temp_bytes, Input in, Output out, Count n,
                         cudaStream_t stream = nullptr, SIMT_HERE) {
    auto most = std::numeric_limits<simt::ValueOf<Input>>::max();
    return Reduce(temp, temp_bytes, in, out, n, cub::Min(), most, stream, file, line);
  }
};

}  // namespace cub
