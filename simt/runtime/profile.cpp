// profile.cpp: see profile.h.
#include "profile.h"

#include <algorithm>

#include "names.h"
#include "trace.h"
#include "traffic.h"

namespace simt {

__thread Profiler* profiler;

constexpr size_t kMaxEvents = 1 << 21;  // that a thread logs between two meetings

void AccessCounts::add(const AccessCounts& o) {
  requests += o.requests, lanes += o.lanes, sectors += o.sectors, ideal += o.ideal;
  wavefronts += o.wavefronts, ideal_wavefronts += o.ideal_wavefronts, crowd += o.crowd;
  // Which worker ran which block is chance; the sample is the same in each run.
  if (o.sample_lanes > sample_lanes ||
      (o.sample_lanes == sample_lanes && o.sample_block < sample_block)) {
    sample = o.sample, sample_lanes = o.sample_lanes, sample_block = o.sample_block;
    sample_of = o.sample_of, sample_element = o.sample_element, sample_start = o.sample_start;
  }
}

void SharedUse::add(const SharedUse& o) {
  if (o.words.size() > words.size()) shape = o.shape;
  words.resize(std::max(words.size(), o.words.size()));
  for (size_t i = 0; i < o.words.size(); i++) words[i] += o.words[i];
}

void KernelProfile::add(const KernelProfile& o) {
  traced_blocks += o.traced_blocks, barriers += o.barriers, truncated += o.truncated;
  for (auto& [key, counts] : o.accesses) accesses[key].add(counts);
  for (auto& [pc, counts] : o.blocks_of_code) {
    blocks_of_code[pc].executions += counts.executions;
    blocks_of_code[pc].lanes += counts.lanes;
  }
  read.insert(o.read.begin(), o.read.end());
  written.insert(o.written.begin(), o.written.end());
  for (auto& [name, use] : o.shared_use) shared_use[name].add(use);
  static_shared = std::max(static_shared, o.static_shared);
}

Profiler::Profiler(Worker& w)
    : worker_(w),
      stacks_((uintptr_t)w.stacks),
      code_(program_code()),
      stacks_size_((size_t)(w.arena - w.stacks)) {}

// ------------------------------------------------------------------------------ a block runs

// The blocks that are traced: all of a small grid; of a large one some, evenly spread.
static uint64_t blocks_to_trace(const Job& job) {
  static const long asked = [] {
    const char* s = getenv("SIMT_BLOCKS");
    return s ? atol(s) : -1;
  }();
  if (asked == 0 || (asked < 0 && recording_limit())) return job.num_blocks;
  if (asked > 0) return std::min<uint64_t>(asked, job.num_blocks);
  dim3 b = job.launch.config.block;
  uint64_t enough = std::max<uint64_t>(8, 16384 / ((uint64_t)b.x * b.y * b.z));
  return std::min(enough, job.num_blocks);
}

bool Profiler::begin_block() {
  const Job& job = *worker_.job;
  uint64_t n = blocks_to_trace(job), block = worker_.block;
  if ((block + 1) * n / job.num_blocks == block * n / job.num_blocks) return false;
  profile_.traced_blocks++;
  if (size_t limit = recording_limit()) {
    if (!recording_) recording_.reset(new Recording(limit));
    recording_->begin_block(block);
  }
  logs_.resize(worker_.num_threads);
  for (Log& log : logs_) log.events.clear();
  warp_ = -1;
  return true;
}

void Profiler::end_block() {
  for (int warp = 0; warp * 32 < worker_.num_threads; warp++) flush(warp, ~0u);
  profile_.static_shared = worker_.static_used;
}

void Profiler::enter(int thread) {
  if (warp_ != thread >> 5) {
    // The warp before has perhaps ended: its logs need not wait for the end of the block.
    bool ended = warp_ >= 0;
    for (int t = warp_ * 32; ended && t < std::min(warp_ * 32 + 32, worker_.num_threads); t++)
      ended = worker_.states[t] == State::Returned;
    if (ended) flush(warp_, ~0u);
    warp_ = thread >> 5;
  }
  current_ = &logs_[thread];
}

void Profiler::barrier() {
  profile_.barriers++;
  for (int warp = 0; warp * 32 < worker_.num_threads; warp++) flush(warp, ~0u);
}

void Profiler::meeting(int warp, unsigned lanes) {
  flush(warp, lanes);
  if (recording_) record_meeting(warp, lanes);
}

// ------------------------------------------------------------------------------------- logging

void Profiler::log(uintptr_t address, unsigned size, void* pc, unsigned how, unsigned area) {
  auto& events = current_->events;
  if (events.size() >= kMaxEvents) {
    profile_.truncated++;
    return;
  }
  events.push_back(
      {address, (uint32_t)((uintptr_t)pc - code_), (uint8_t)size, (uint8_t)how, (uint8_t)area});
}

void Profiler::access(uintptr_t address, unsigned size, unsigned how, void* pc) {
  size_t at = address - stacks_;
  if (at < stacks_size_) return;  // local memory: registers, as a rule
  Area area = Area::Program;
  if (at - stacks_size_ < kArena)
    area = Area::Shared;
  else if (!in_program(address))
    area = Area::Global;
  else if (is_constant(address))
    return;
  log(address, size, pc, how & ~(unsigned)kVolatile, (unsigned)area);
}

// A copy of a struct of another size or alignment than a GPU's instructions have.
void Profiler::access_range(uintptr_t address, size_t size, unsigned how, void* pc) {
  unsigned each = address % 4 || size % 4 ? 1 : 4;
  for (size_t at = 0; at < size; at += each) access(address + at, each, how, pc);
}

// ------------------------------------------------------------------------------------ counting

void Profiler::flush(int warp, unsigned lanes) {
  Log* logs[32] = {};
  bool any = false;
  for (int lane = 0; lane < 32 && warp * 32 + lane < worker_.num_threads; lane++)
    if (lanes >> lane & 1) {
      Log& log = logs_[warp * 32 + lane];
      if (log.events.empty()) continue;
      logs[lane] = &log;
      any = true;
    }
  flushed_ = warp;
  if (any) replay_in_step(logs, *this);
}

void Profiler::block(uint32_t pc, unsigned lanes) {
  BlockCounts& counts = profile_.blocks_of_code[pc];
  counts.executions++;
  counts.lanes += lanes;
}

void Profiler::access(const Event& first, const uintptr_t* addresses, const uint8_t* lanes,
                      unsigned count) {
  AccessCounts& c = profile_.accesses[access_key(first)];
  WarpAccess a{addresses, count, first.size};
  c.requests++;
  c.lanes += count;
  take_sample(c, first, addresses, lanes, count);
  if (changes(first.how)) c.crowd += largest_crowd(a);
  if (first.area == (uint8_t)Area::Shared) {
    unsigned passes = wavefronts(a, first.how & kWrite && !changes(first.how));
    c.wavefronts += passes;
    c.ideal_wavefronts += ideal_wavefronts(a);
    use_shared(a);
    if (recording_) record(first, addresses, lanes, count, passes, ideal_wavefronts(a));
    return;
  }
  unsigned moved = changes(first.how) ? atomic_sectors(a) : sectors(a);
  c.sectors += moved;
  c.ideal += ideal_sectors(a);
  if (recording_) record(first, addresses, lanes, count, moved, ideal_sectors(a));
  auto& touched = first.how & kWrite ? profile_.written : profile_.read;
  for (unsigned i = 0; i < count; i++)
    for (unsigned at = 0; at < first.size; at += 4) touched.insert((addresses[i] + at) / 4);
}

// The variable that holds an address of shared memory.
SharedVariable Profiler::shared_variable(uintptr_t address) const {
  size_t at = address - (uintptr_t)worker_.arena;
  for (const SharedVariable& v : worker_.shared_variables)
    if (at - v.offset < v.size) return v;
  size_t size = worker_.job->launch.config.dynamic_shared;
  return {"dynamic shared memory", kDynamicStart, size, {4, 1, {(unsigned)(size / 4)}}};
}

void Profiler::use_shared(const WarpAccess& a) {
  SharedVariable v{};
  SharedUse* use = nullptr;
  for (unsigned i = 0; i < a.lanes; i++) {
    size_t at = a.addresses[i] - (uintptr_t)worker_.arena;
    if (!use || at - v.offset >= v.size) {
      v = shared_variable(a.addresses[i]);
      use = &profile_.shared_use[v.name];
      use->shape = v.shape;
      use->words.resize((v.size + 3) / 4);
    }
    size_t first = (at - v.offset) / 4, end = (at - v.offset + a.size + 3) / 4;
    for (size_t w = first; w < std::min(end, use->words.size()); w++) use->words[w]++;
  }
}

// The request of most lanes; of those, the first one.
void Profiler::take_sample(AccessCounts& c, const Event& first, const uintptr_t* addresses,
                           const uint8_t* lanes, unsigned count) {
  if (count <= c.sample_lanes) return;
  c.sample_lanes = count, c.sample_block = worker_.block;
  c.sample.assign(32, -1);
  uintptr_t start = 0;
  if (first.area == (uint8_t)Area::Shared) {
    SharedVariable v = shared_variable(addresses[0]);
    start = (uintptr_t)worker_.arena + v.offset;
    c.sample_of = v.name;
    c.sample_element = v.shape.element_size;
  } else {
    const Allocation* home = arena.holding(addresses[0]);
    start = home ? (uintptr_t)home->start : addresses[0] / 128 * 128;
    Named n = name_global(worker_, addresses[0], first.size);
    c.sample_of = n.argument;
    c.sample_element = n.element_size;
    if (n.start) start = n.start;
  }
  c.sample_start = start % kLineBytes;
  for (unsigned i = 0; i < count; i++) c.sample[lanes[i]] = (int64_t)(addresses[i] - start);
}

// --------------------------------------------------------------------------------- recording

RecordedArray Profiler::array_of(const Event& first, uintptr_t address) const {
  if (first.area == (uint8_t)Area::Shared) {
    SharedVariable v = shared_variable(address);
    if (v.offset == kDynamicStart && worker_.dynamic_array.name) v = worker_.dynamic_array;
    return {v.name, Area::Shared, v.offset, v.size, v.shape};
  }
  auto area = (Area)first.area;
  if (area == Area::Program) {
    Variable v = variable_at(address);
    if (v.name.empty()) return {"", area, address / kPage * kPage, 0, {first.size, 0, {}}};
    return {v.name, area, v.start, v.size, {first.size, 0, {}}};
  }
  Named n = name_global(worker_, address, first.size);
  ArrayShape shape{(unsigned)(n.argument.empty() ? first.size : n.element_size), 0, {}};
  if (const Allocation* home = arena.holding(address))
    return {n.argument, area, (uintptr_t)home->start, home->size, shape};
  return {n.argument, area, n.start ? n.start : address / kPage * kPage, 0, shape};
}

void Profiler::record(const Event& first, const uintptr_t* addresses, const uint8_t* lanes,
                      unsigned count, unsigned cost, unsigned ideal) {
  if (recording_->full()) return;
  uintptr_t lowest = *std::min_element(addresses, addresses + count);
  RecordedArray array = array_of(first, lowest);
  Pattern pattern;
  pattern.fill(-1);
  for (unsigned i = 0; i < count; i++) pattern[lanes[i]] = (int64_t)(addresses[i] - lowest);
  uintptr_t start = array.start;
  if (array.area == Area::Shared) start += (uintptr_t)worker_.arena;
  Form form{Form::Request};
  form.pc = first.pc, form.size = first.size, form.how = first.how;
  form.array = recording_->array(array), form.pattern = recording_->pattern(pattern);
  form.cost = cost, form.ideal = ideal;
  recording_->add(form, flushed_, lowest - start);
}

void Profiler::record_meeting(int warp, unsigned lanes) {
  for (int lane = 0; lane < 32; lane++) {
    int thread = warp * 32 + lane;  // one that waits knows where
    if (!(lanes >> lane & 1) || worker_.states[thread] != State::InWarp) continue;
    const Thread& t = worker_.threads[thread];
    Form form{Form::Meeting, t.waits_in, where(t.file, t.line)};
    form.lanes = lanes;
    if (!recording_->full()) recording_->add(form, warp, 0);
    return;
  }
}

void Profiler::record_barrier() {
  if (!recording_ || recording_->full()) return;
  const Barrier& b = worker_.barrier;
  Form form{Form::Barrier, "__syncthreads", where(b.file, b.line)};
  form.lanes = (unsigned)b.arrived;
  recording_->add(form, -1, 0);
}

std::unique_ptr<Recording> Profiler::take_recording() { return std::move(recording_); }

KernelProfile Profiler::take() {
  KernelProfile taken;
  std::swap(taken, profile_);
  return taken;
}

}  // namespace simt

extern "C" __attribute__((visibility("hidden"))) void __sanitizer_cov_trace_pc() {
  if (simt::Profiler* p = simt::profiler) p->basic_block(__builtin_return_address(0));
}
