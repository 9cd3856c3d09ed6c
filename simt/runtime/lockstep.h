// lockstep.h: which of its lanes' accesses a warp would make as one instruction.
//
// The threads of a block run one after another here, and leave a log of what they did. A GPU runs
// the lanes of a warp in step: where they branch apart, one side after the other, until the paths
// join again. The joining point is taken to be the immediate post-dominator of the branch, among
// the basic blocks that were seen (Fung et al., "Dynamic Warp Formation", MICRO 2007, section 3).
#pragma once
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace simt {

struct Event {
  uintptr_t address;
  uint32_t pc;   // of the access, or of the basic block that begins
  uint8_t size;  // bytes; 0: a basic block begins
  uint8_t how;   // How, of an access
  uint8_t area;  // Area, likewise
};

struct Log {
  std::vector<Event> events;
};

// Who receives the instructions of a warp, in order.
class WarpListener {
 public:
  virtual ~WarpListener() = default;
  virtual void block(uint32_t pc, unsigned lanes) = 0;  // a basic block, with so many lanes
  virtual void access(const Event& first, const uintptr_t* addresses, const uint8_t* lanes,
                      unsigned count) = 0;
};

// Hands on what the lanes of a warp have logged; logs[i] may be null. Empties the logs.
void replay_in_step(Log* const (&logs)[32], WarpListener& listener);

}  // namespace simt
