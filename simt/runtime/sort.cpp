// sort.cpp: a stable sort for the headers (simt/include/cub/block/block_radix_sort.cuh). Here,
// since what the runtime does is not reported in an instrumented build.
#include <algorithm>
#include <vector>

#include "cub/block/block_radix_sort.cuh"

namespace simt {

void sort_stably(int* order, int n, const void* items,
                 unsigned long long (*key)(const void* items, int item)) {
  std::vector<std::pair<unsigned long long, int>> keys((size_t)n);  // equal keys: by their number
  for (int i = 0; i < n; i++) keys[(size_t)i] = {key(items, i), i};
  std::sort(keys.begin(), keys.end());
  for (int i = 0; i < n; i++) order[i] = keys[(size_t)i].second;
}

}  // namespace simt
