// Operators of CUB. Newer versions of CUB take those of cuda::std and cuda:: instead of the first
// three.
#pragma once
#include "cuda/functional"
#include "cuda_runtime.h"

namespace cub {

using Sum = cuda::std::plus<>;
using Max = cuda::maximum<>;
using Min = cuda::minimum<>;

template <class Key, class T>
struct KeyValuePair {
  Key key;
  T value;
};
// The pair with the larger (smaller) value; of equal ones that with the smaller key.
struct ArgMax {
  template <class Pair>
  Pair operator()(const Pair& a, const Pair& b) const {
    return a.value < b.value || (!(b.value < a.value) && b.key < a.key) ? b : a;
  }
};
struct ArgMin {
  template <class Pair>
  Pair operator()(const Pair& a, const Pair& b) const {
    return b.value < a.value || (!(a.value < b.value) && b.key < a.key) ? b : a;
  }
};

}  // namespace cub
