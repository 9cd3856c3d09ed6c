// recording.h: what simt trace shows: each request of each warp, one by one, with the way of every
// lane; where lanes of a warp met; and barriers. What many steps have in common is kept once.
#pragma once
#include <array>
#include <map>
#include <tuple>

#include "access.h"
#include "runtime.h"

namespace simt {

// What requests go to: a variable in shared memory, an allocation, a variable of the program.
struct RecordedArray {
  std::string name;  // of the parameter or variable; "": it has none
  Area area = Area::Global;
  uintptr_t start = 0;  // its address; in shared memory bytes from where that begins
  size_t size = 0;      // bytes; 0: not known
  ArrayShape shape{};   // rank 0 where only the element's size is known
};

// Where each lane goes, in bytes from the lowest address of the request; -1: nowhere.
using Pattern = std::array<int64_t, 32>;

// Of a step: all but who did it, and where in the array it begins.
struct Form {
  enum Kind { Request, Meeting, Barrier } kind;
  std::string what, line;  // meeting, barrier: "__syncthreads", "gpt.cu:12"
  uint32_t pc = 0;         // the others: request
  unsigned size = 0, how = 0;
  int array = -1, pattern = -1;
  unsigned cost = 0, ideal = 0;  // sectors, or passes over the banks
  unsigned lanes = 0;            // meeting: a mask; barrier: how many threads wait

  auto key() const {
    return std::tie(kind, what, line, pc, size, how, array, pattern, cost, lanes);
  }
  bool operator<(const Form& o) const { return key() < o.key(); }
};

struct RecordedStep {
  int form, warp;   // warp -1: the whole block
  uint64_t offset;  // bytes into the array
};

// The blocks that one worker ran, or all of a launch.
class Recording {
 public:
  explicit Recording(size_t limit = 0) : limit_(limit) {}
  void begin_block(uint64_t block) { block_ = block; }
  bool full();  // then a step is lost
  int array(const RecordedArray& a);
  int pattern(const Pattern& p);
  void add(const Form& form, int warp, uint64_t offset);  // unless full
  // Takes over the blocks of several in their order, up to the limit: the same in each run.
  void gather(const std::vector<Recording*>& parts);

  std::vector<RecordedArray> arrays;
  std::vector<Pattern> patterns;
  std::vector<Form> forms;
  std::map<uint64_t, std::vector<RecordedStep>> blocks;
  uint64_t lost = 0;  // steps beyond the limit

 private:
  size_t limit_, used_ = 0;  // numbers: a step takes three, a pattern 32
  std::map<std::pair<Area, uintptr_t>, int> array_numbers_;
  std::map<Pattern, int> pattern_numbers_;
  std::map<Form, int> form_numbers_;
  uint64_t block_ = 0;
};

size_t recording_limit();  // 0: nothing is recorded
void recorded(const Launch& launch, uint64_t num_blocks, const std::vector<Recording*>& parts);
void save_recordings();  // to the file that $SIMT_TRACE names

}  // namespace simt
