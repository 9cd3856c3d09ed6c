// profile.h: what simt profile counts. Each thread of a traced block logs its accesses and the
// basic blocks that it comes by; whenever lanes of a warp have met, or ended, their logs are put in
// step (lockstep.h) and counted (traffic.h), by place in the code.
#pragma once
#include <map>
#include <unordered_set>

#include "access.h"
#include "arena.h"
#include "lockstep.h"
#include "recording.h"
#include "traffic.h"

namespace simt {

// All accesses of one instruction, by all warps of the traced blocks.
struct AccessCounts {
  uint64_t requests = 0;  // times that a warp made it
  uint64_t lanes = 0;     // by so many lanes in all
  uint64_t sectors = 0;   // global memory: 32-byte sectors, and as few as could have been
  uint64_t ideal = 0;
  uint64_t wavefronts = 0;  // shared memory: passes over the banks, and as few as could have been
  uint64_t ideal_wavefronts = 0;
  uint64_t crowd = 0;           // atomics: the lanes at one address, at most, added up
  std::vector<int64_t> sample;  // one request: where each lane went (offset; -1: nowhere)
  unsigned sample_lanes = 0;
  uint64_t sample_block = 0;
  std::string sample_of;       // of this variable or parameter
  int64_t sample_element = 0;  // bytes of an element of it
  unsigned sample_start = 0;   // where it starts: bytes past a multiple of kLineBytes
  void add(const AccessCounts& other);
};

// Accesses of each 4-byte word of a variable in shared memory, by lane.
struct SharedUse {
  ArrayShape shape;
  std::vector<uint64_t> words;
  void add(const SharedUse& other);
};

struct BlockCounts {
  uint64_t executions = 0, lanes = 0;  // by a warp, and by how many lanes in all
};

// A launch of a kernel, or several with the same shape from the same line.
struct KernelProfile {
  std::string name, file;
  int line = 0;
  dim3 grid, block;
  size_t dynamic_shared = 0, static_shared = 0;
  uint64_t launches = 0, blocks = 0, traced_blocks = 0, barriers = 0, truncated = 0;
  std::map<uint64_t, AccessCounts> accesses;  // by pc, size, how and area: see access_key
  std::map<uint32_t, BlockCounts> blocks_of_code;
  std::unordered_set<uint64_t> read, written;   // global memory: sets of 4-byte granules, by page
  std::map<std::string, SharedUse> shared_use;  // by variable
  void add(const KernelProfile& other);
};

inline uint64_t access_key(const Event& e) {
  return (uint64_t)e.pc << 24 | (uint64_t)e.size << 16 | (uint64_t)e.how << 8 | e.area;
}

// The blocks that one worker runs.
class Profiler : private WarpListener {
 public:
  explicit Profiler(Worker& w);
  bool begin_block();  // false: this block is not traced
  void end_block();
  void enter(int thread);
  void barrier();
  void meeting(int warp, unsigned lanes);
  void record_barrier();  // after barrier(), if all threads of the block wait at one
  void access(uintptr_t address, unsigned size, unsigned how, void* pc);
  void access_range(uintptr_t address, size_t size, unsigned how, void* pc);
  void basic_block(void* pc) { log(0, 0, pc, 0, 0); }
  KernelProfile take();                         // what was counted in this launch
  std::unique_ptr<Recording> take_recording();  // null: nothing was recorded

 private:
  void log(uintptr_t address, unsigned size, void* pc, unsigned how, unsigned area);
  void flush(int warp, unsigned lanes);
  void block(uint32_t pc, unsigned lanes) override;
  void access(const Event& first, const uintptr_t* addresses, const uint8_t* lanes,
              unsigned count) override;
  SharedVariable shared_variable(uintptr_t address) const;
  void use_shared(const WarpAccess& a);
  RecordedArray array_of(const Event& first, uintptr_t address) const;
  void record(const Event& first, const uintptr_t* addresses, const uint8_t* lanes, unsigned count,
              unsigned cost, unsigned ideal);
  void record_meeting(int warp, unsigned lanes);
  void take_sample(AccessCounts& counts, const Event& first, const uintptr_t* addresses,
                   const uint8_t* lanes, unsigned count);

  Worker& worker_;
  uintptr_t stacks_, code_;
  size_t stacks_size_;
  std::vector<Log> logs_;  // by thread
  Log* current_ = nullptr;
  int warp_ = 0;
  int flushed_ = 0;  // the warp whose logs are being put in step
  KernelProfile profile_;
  std::unique_ptr<Recording> recording_;
};

extern __thread Profiler* profiler;  // of this OS thread, while it runs a block that is traced

const char* area_name(Area area);     // "shared", "global", "program"
const char* operation(unsigned how);  // "load", "store", "atomic"

void profile_launch_begins(Job& job);
void profile_launch_ends(Job& job);
std::string profiles_as_json();
void save_profiles();  // to the file that $SIMT_PROFILE names

}  // namespace simt
