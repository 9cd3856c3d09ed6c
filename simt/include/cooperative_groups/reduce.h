// cg::reduce: the values of a group's threads combined; every thread gets the result.
#pragma once
#include "cooperative_groups.h"
#include "simt/groups/combine.h"

namespace cooperative_groups {

template <class Group, class T, class Op>
inline simt::Plain<T> reduce(const Group& group, T&& value, Op&& op, SIMT_HERE) {
  return simt::reduce_group(group, static_cast<const simt::Plain<T>&>(value), op, "cg::reduce",
                            file, line);
}

}  // namespace cooperative_groups
