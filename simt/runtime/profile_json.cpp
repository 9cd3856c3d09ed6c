// profile_json.cpp: the profiles of all kernels that were launched, as JSON (simt/profiling/ has
// the fields).
#include <algorithm>
#include <mutex>

#include "json.h"
#include "names.h"
#include "profile.h"
#include "trace.h"

namespace simt {

static std::mutex profiles_mutex;
// In the order of their first launch. Never destroyed: they are written when the program ends.
static auto& profiles = *new std::vector<KernelProfile>();

static bool same_shape(const KernelProfile& p, const Launch& l) {
  dim3 g = l.config.grid, b = l.config.block;
  return p.name == l.name && p.line == l.line && p.file == l.file && p.grid.x == g.x &&
         p.grid.y == g.y && p.grid.z == g.z && p.block.x == b.x && p.block.y == b.y &&
         p.block.z == b.z && p.dynamic_shared == l.config.dynamic_shared;
}

void profile_launch_begins(Job&) {}

void profile_launch_ends(Job& job) {
  std::lock_guard<std::mutex> lock(profiles_mutex);
  const Launch& launch = job.launch;
  KernelProfile* profile = nullptr;
  for (KernelProfile& p : profiles)
    if (same_shape(p, launch)) profile = &p;
  if (!profile) {
    profiles.emplace_back();
    profile = &profiles.back();
    profile->name = launch.name, profile->file = launch.file, profile->line = launch.line;
    profile->grid = launch.config.grid, profile->block = launch.config.block;
    profile->dynamic_shared = launch.config.dynamic_shared;
  }
  profile->launches++;
  profile->blocks += job.num_blocks;
  std::vector<std::unique_ptr<Recording>> recordings;
  for (auto& worker : *job.workers) {
    if (!worker->profiler) continue;
    profile->add(worker->profiler->take());
    if (auto one = worker->profiler->take_recording()) recordings.push_back(std::move(one));
  }
  std::vector<Recording*> parts;
  for (auto& one : recordings) parts.push_back(one.get());
  if (recording_limit()) recorded(launch, job.num_blocks, parts);
}

const char* area_name(Area area) {
  return area == Area::Shared ? "shared" : area == Area::Global ? "global" : "program";
}
const char* operation(unsigned how) {
  return changes(how) ? "atomic" : how & kWrite ? "store" : "load";
}

static void add_accesses(Json& json, const KernelProfile& p) {
  json.key("accesses").open('[');
  for (auto& [key, c] : p.accesses) {
    json.open('{');
    json.field("pc", key >> 24).field("size", key >> 16 & 255);
    json.field("op", operation(key >> 8 & 255)).field("space", area_name((Area)(key & 255)));
    json.field("requests", c.requests).field("lanes", c.lanes);
    json.field("sectors", c.sectors).field("ideal_sectors", c.ideal);
    json.field("wavefronts", c.wavefronts).field("ideal_wavefronts", c.ideal_wavefronts);
    json.field("crowd", c.crowd);
    json.field("array", c.sample_of).field("element_size", (uint64_t)c.sample_element);
    json.field("start", c.sample_start);
    json.key("sample").open('[');
    for (int64_t at : c.sample) json.value(at);
    json.close(']').close('}');
  }
  json.close(']');
}

std::string profiles_as_json() {
  std::lock_guard<std::mutex> lock(profiles_mutex);
  Json json;
  json.open('[');
  for (const KernelProfile& p : profiles) {
    json.open('{').field("kernel", p.name).field("file", p.file).field("line", (uint64_t)p.line);
    json.key("grid").open('[').value(p.grid.x).value(p.grid.y).value(p.grid.z).close(']');
    json.key("block").open('[').value(p.block.x).value(p.block.y).value(p.block.z).close(']');
    json.field("dynamic_shared", p.dynamic_shared).field("static_shared", p.static_shared);
    json.field("launches", p.launches).field("blocks", p.blocks);
    json.field("traced_blocks", p.traced_blocks).field("barriers", p.barriers);
    json.field("truncated", p.truncated);
    json.field("bytes_read", 4 * p.read.size()).field("bytes_written", 4 * p.written.size());
    add_accesses(json, p);
    json.key("code").open('[');
    for (auto& [pc, c] : p.blocks_of_code)
      json.open('[').value(pc).value(c.executions).value(c.lanes).close(']');
    json.close(']').key("shared").open('{');
    for (auto& [name, use] : p.shared_use) {
      json.key(name.c_str()).open('{').field("element_size", use.shape.element_size);
      json.key("extents").open('[');
      for (unsigned d = 0; d < std::min(use.shape.rank, 4u); d++) json.value(use.shape.extents[d]);
      json.close(']').key("accesses").open('[');
      for (uint64_t count : use.words) json.value(count);
      json.close(']').close('}');
    }
    json.close('}').close('}');
  }
  json.close(']');
  return json.text;
}

void save_profiles() {
  const char* path = getenv("SIMT_PROFILE");
  if (!path) return;
  std::string text = profiles_as_json();
  if (FILE* file = fopen(path, "w")) {
    fwrite(text.data(), 1, text.size(), file);
    fclose(file);
  }
}

}  // namespace simt

const char* simt_profiles() {
  static std::string text;
  text = simt::profiles_as_json();
  return text.c_str();
}
void simt_forget_profiles() {
  std::lock_guard<std::mutex> lock(simt::profiles_mutex);
  simt::profiles.clear();
}
