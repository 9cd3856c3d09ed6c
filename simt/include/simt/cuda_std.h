// cuda::std: CUDA's C++ library for the device. Here it is the host's, by another name.
#pragma once

namespace std {}
namespace cuda {
namespace std {
using namespace ::std;
}
}  // namespace cuda
