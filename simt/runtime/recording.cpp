// recording.cpp: see recording.h.
#include "recording.h"

#include <algorithm>
#include <mutex>

#include "json.h"
#include "profile.h"

namespace simt {

constexpr size_t kDefaultLimit = 1 << 20;
static std::atomic<long> numbers_asked{-1};  // -1: as $SIMT_TRACE says

size_t recording_limit() {
  long value = numbers_asked.load(std::memory_order_relaxed);
  if (value < 0) numbers_asked = value = getenv("SIMT_TRACE") ? (long)kDefaultLimit : 0;
  return (size_t)value;
}

bool Recording::full() {
  if (used_ + 3 + 32 <= limit_) return false;
  lost++;
  return true;
}

int Recording::array(const RecordedArray& a) {
  auto [found, is_new] = array_numbers_.try_emplace({a.area, a.start}, (int)arrays.size());
  if (is_new) arrays.push_back(a);
  return found->second;
}

int Recording::pattern(const Pattern& p) {
  auto [found, is_new] = pattern_numbers_.try_emplace(p, (int)patterns.size());
  if (is_new) patterns.push_back(p), used_ += p.size();
  return found->second;
}

void Recording::add(const Form& form, int warp, uint64_t offset) {
  used_ += 3;
  auto [found, is_new] = form_numbers_.try_emplace(form, (int)forms.size());
  if (is_new) forms.push_back(form);
  blocks[block_].push_back({found->second, warp, offset});
}

// A worker's own limit is never reached before this one: what it has recorded up to there, others
// can only have made more.
void Recording::gather(const std::vector<Recording*>& parts) {
  std::map<uint64_t, Recording*> all;
  for (Recording* part : parts) {
    lost += part->lost;
    for (auto& [block, steps] : part->blocks) all[block] = part;
  }
  for (auto& [block, part] : all) {
    begin_block(block);
    for (const RecordedStep& step : part->blocks[block]) {
      if (full()) continue;
      Form form = part->forms[step.form];
      if (form.kind == Form::Request) {
        form.array = array(part->arrays[form.array]);
        form.pattern = pattern(part->patterns[form.pattern]);
      }
      add(form, step.warp, step.offset);
    }
  }
}

// ------------------------------------------------------------------------------ all launches

namespace {
struct RecordedLaunch {
  std::string name, file;
  int line;
  dim3 grid, block;
  uint64_t num_blocks;
  Recording recording;
};
}  // namespace

static std::mutex recorded_mutex;
static auto& recorded_launches =
    *new std::vector<RecordedLaunch>();  // written when the program ends
static size_t numbers_left = 0;          // of the limit, for launches to come

void recorded(const Launch& l, uint64_t num_blocks, const std::vector<Recording*>& parts) {
  std::lock_guard<std::mutex> lock(recorded_mutex);
  if (recorded_launches.empty()) numbers_left = recording_limit();
  recorded_launches.push_back(
      {l.name, l.file, l.line, l.config.grid, l.config.block, num_blocks, Recording(numbers_left)});
  Recording& all = recorded_launches.back().recording;
  all.gather(parts);
  size_t used = 32 * all.patterns.size();
  for (auto& [block, steps] : all.blocks) used += 3 * steps.size();
  numbers_left -= std::min(numbers_left, used);
}

static void add_array(Json& json, const RecordedArray& a) {
  json.open('{').field("name", a.name).field("space", area_name(a.area)).field("size", a.size);
  json.field("element_size", a.shape.element_size).field("start", a.start);
  json.key("extents").open('[');
  for (unsigned d = 0; d < std::min(a.shape.rank, 4u); d++) json.value(a.shape.extents[d]);
  json.close(']').close('}');
}

static void add_form(Json& json, const Form& f) {
  constexpr const char* kKinds[] = {"request", "meeting", "barrier"};
  json.open('{').field("kind", kKinds[f.kind]);
  if (f.kind == Form::Request) {
    json.field("pc", f.pc).field("op", operation(f.how)).field("size", f.size);
    json.field("array", (uint64_t)f.array).field("pattern", (uint64_t)f.pattern);
    json.field("cost", f.cost).field("ideal", f.ideal);
  } else {
    json.field("what", f.what).field("line", f.line).field("lanes", f.lanes);
  }
  json.close('}');
}

static void add_launch(Json& json, const RecordedLaunch& l) {
  const Recording& r = l.recording;
  json.open('{').field("kernel", l.name).field("file", l.file).field("line", (uint64_t)l.line);
  json.key("grid").open('[').value(l.grid.x).value(l.grid.y).value(l.grid.z).close(']');
  json.key("block").open('[').value(l.block.x).value(l.block.y).value(l.block.z).close(']');
  json.field("num_blocks", l.num_blocks).field("lost", r.lost);
  json.key("arrays").open('[');
  for (const RecordedArray& a : r.arrays) add_array(json, a);
  json.close(']').key("patterns").open('[');
  for (const Pattern& p : r.patterns) {
    json.open('[');
    for (int64_t at : p) json.value(at);
    json.close(']');
  }
  json.close(']').key("forms").open('[');
  for (const Form& f : r.forms) add_form(json, f);
  json.close(']').key("blocks").open('[');
  for (auto& [block, steps] : r.blocks) {
    json.open('[').value(block).open('[');
    for (const RecordedStep& s : steps) json.value(s.form).value(s.warp).value(s.offset);
    json.close(']').close(']');
  }
  json.close(']').close('}');
}

static std::string recordings_as_json() {
  std::lock_guard<std::mutex> lock(recorded_mutex);
  Json json;
  json.open('[');
  for (const RecordedLaunch& l : recorded_launches) add_launch(json, l);
  json.close(']');
  return json.text;
}

void save_recordings() {
  const char* path = getenv("SIMT_TRACE");
  if (!path) return;
  std::string text = recordings_as_json();
  if (FILE* file = fopen(path, "w")) {
    fwrite(text.data(), 1, text.size(), file);
    fclose(file);
  }
}

}  // namespace simt

void simt_record(long numbers) {
  std::lock_guard<std::mutex> lock(simt::recorded_mutex);
  simt::numbers_asked = std::max(numbers, 0l);
  simt::recorded_launches.clear();
}
const char* simt_recordings() {
  static std::string text;
  text = simt::recordings_as_json();
  return text.c_str();
}
