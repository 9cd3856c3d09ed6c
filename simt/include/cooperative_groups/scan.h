// cg::inclusive_scan, cg::exclusive_scan: the values of the threads up to (before) each, combined.
#pragma once
#include "cooperative_groups.h"
#include "simt/groups/combine.h"

namespace cooperative_groups {

template <class Group, class T, class Op>
inline simt::Plain<T> inclusive_scan(const Group& group, T&& value, Op&& op, SIMT_HERE) {
  return simt::scan_group(group, static_cast<const simt::Plain<T>&>(value), op, false,
                          "cg::inclusive_scan", file, line);
}
template <class Group, class T>
inline simt::Plain<T> inclusive_scan(const Group& group, T&& value) {
  return inclusive_scan(group, value, plus<simt::Plain<T>>());
}

// The first thread has none before it and gets T().
template <class Group, class T, class Op>
inline simt::Plain<T> exclusive_scan(const Group& group, T&& value, Op&& op, SIMT_HERE) {
  return simt::scan_group(group, static_cast<const simt::Plain<T>&>(value), op, true,
                          "cg::exclusive_scan", file, line);
}
template <class Group, class T>
inline simt::Plain<T> exclusive_scan(const Group& group, T&& value) {
  return exclusive_scan(group, value, plus<simt::Plain<T>>());
}

}  // namespace cooperative_groups
