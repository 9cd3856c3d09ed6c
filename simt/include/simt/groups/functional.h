// Operators for cg::reduce and the scans. less and greater are the smaller and the larger of two.
#pragma once

namespace cooperative_groups {

#define SIMT_GROUP_OPERATOR(name, result)                           \
  template <class T>                                                \
  struct name {                                                     \
    T operator()(T a, T b) const { return static_cast<T>(result); } \
  };
SIMT_GROUP_OPERATOR(plus, a + b)
SIMT_GROUP_OPERATOR(less, b < a ? b : a)
SIMT_GROUP_OPERATOR(greater, a < b ? b : a)
SIMT_GROUP_OPERATOR(bit_and, a& b)
SIMT_GROUP_OPERATOR(bit_or, a | b)
SIMT_GROUP_OPERATOR(bit_xor, a ^ b)
#undef SIMT_GROUP_OPERATOR

}  // namespace cooperative_groups
