// coalesced_group: lanes of a warp that are at the same place together (active.cpp says what that
// means here), or any part of a group.
#pragma once
#include "lane_group.h"

namespace cooperative_groups {

class coalesced_group : public lane_group {
 private:
  friend simt::GroupAccess;
  friend coalesced_group coalesced_threads(const char* file, int line);
  friend struct group_parts;
  explicit coalesced_group(unsigned mask, unsigned meta_rank = 0, unsigned meta_size = 1)
      : lane_group(mask, meta_rank, meta_size) {}
};

inline coalesced_group coalesced_threads(const char* file = __builtin_FILE(),
                                         int line = __builtin_LINE()) {
  return coalesced_group(simt::active_mask(file, line));
}

}  // namespace cooperative_groups
