// names.cpp: see names.h.
#include "names.h"

#include <link.h>

#include <map>
#include <mutex>

#include "arena.h"

namespace simt {

// ------------------------------------------------------------------------ parameters of kernels

static std::map<std::string, std::vector<std::string>>& parameter_names() {
  static std::map<std::string, std::vector<std::string>> names;  // made before main runs
  return names;
}

bool name_parameters(const KernelParameters* kernels, int count) {
  for (int i = 0; i < count; i++) {
    auto& names = parameter_names()[kernels[i].kernel];
    names.assign(1, "");
    for (const char* c = kernels[i].names; *c; c++)
      if (*c == ',')
        names.emplace_back();
      else
        names.back() += *c;
  }
  return true;
}

// "ns::scale<float, 4>" -> "scale"
static std::string bare(std::string name) {
  name = name.substr(0, name.find('<'));
  size_t colons = name.rfind("::");
  return colons == name.npos ? name : name.substr(colons + 2);
}

static std::string parameter(const Launch& launch, int i) {
  auto found = parameter_names().find(bare(launch.name));
  if (found != parameter_names().end() && i < (int)found->second.size() &&
      !found->second[i].empty())
    return found->second[i];
  return "argument " + std::to_string(i + 1);
}

// ------------------------------------------------------------------------------------- addresses

static std::string hexadecimal(uintptr_t address) {
  char text[32];
  snprintf(text, sizeof text, "address %#lx", (unsigned long)address);
  return text;
}

// Its element at that byte, and the array with its extents: {"tile[3][5]", "tile[32][33]"}.
static std::pair<std::string, std::string> element(const SharedVariable& v, size_t byte) {
  const ArrayShape& shape = v.shape;
  unsigned rank = std::min(shape.rank, 4u);
  size_t index = byte / shape.element_size, below = 1;  // elements of one step of this dimension
  for (unsigned d = 1; d < rank; d++) below *= shape.extents[d];
  std::string text = v.name, extent = v.name;
  for (unsigned d = 0; d < rank; d++) {
    text += "[" + std::to_string(index / below) + "]";
    extent += "[" + std::to_string(shape.extents[d]) + "]";
    index %= below;
    if (d + 1 < rank) below /= shape.extents[d + 1];
  }
  return {text, extent};
}

static Named name_dynamic(const Worker& w, size_t byte) {
  const SharedVariable& v = w.dynamic_array;
  size_t size = w.job->launch.config.dynamic_shared;
  std::string asked = "the " + std::to_string(size) + " bytes that the launch asked for";
  if (!v.name) return {"byte " + std::to_string(byte) + " of the dynamic shared memory", asked, ""};
  size_t elements = size / v.shape.element_size;
  return {element(v, byte).first, asked + ": " + std::to_string(elements) + " elements", ""};
}

Named name_shared(const Worker& w, uintptr_t address) {
  size_t at = address - (uintptr_t)w.arena;
  if (at >= kDynamicStart) return name_dynamic(w, at - kDynamicStart);
  const SharedVariable* nearest = nullptr;
  for (const SharedVariable& v : w.shared_variables)
    if (v.offset <= at && (!nearest || v.offset > nearest->offset)) nearest = &v;
  if (!nearest) return {hexadecimal(address), "", ""};
  auto [text, extent] = element(*nearest, at - nearest->offset);
  return {text, extent, ""};
}

// A __device__ variable of the program.
static Named name_variable(uintptr_t address, size_t access_size) {
  Variable v = variable_at(address);
  if (v.name.empty()) return {hexadecimal(address), "", ""};
  if (v.size <= access_size) return {v.name, v.name, ""};
  return {v.name + "[" + std::to_string((address - v.start) / access_size) + "]", v.name, ""};
}

Named name_global(const Worker& w, uintptr_t address, size_t access_size) {
  if (in_program(address)) return name_variable(address, access_size);
  const Launch& launch = w.job->launch;
  const Allocation* home = arena.contains(address) ? arena.nearest(address) : nullptr;
  int best = -1;
  uintptr_t best_distance = ~(uintptr_t)0;
  for (int i = 0; i < launch.num_described; i++) {
    auto pointer = (uintptr_t)launch.described[i].pointer;
    if (!pointer) continue;
    bool fits = home ? pointer - (uintptr_t)home->start <= home->size : !arena.contains(pointer);
    uintptr_t distance = address >= pointer ? address - pointer : pointer - address;
    if (!fits || distance >= best_distance || (!home && distance > (uintptr_t)1 << 30)) continue;
    best = i, best_distance = distance;
  }
  if (best < 0) {
    if (!home) return {hexadecimal(address), "", ""};
    ptrdiff_t off = (char*)address - home->start;
    return {"byte " + std::to_string(off) + " of an allocation",
            "it has " + std::to_string(home->size) + " bytes", ""};
  }
  const Argument& argument = launch.described[best];
  std::string name = parameter(launch, best);
  ptrdiff_t index = (ptrdiff_t)(address - (uintptr_t)argument.pointer);
  auto size = (ptrdiff_t)argument.element_size;
  index = index < 0 ? (index - size + 1) / size : index / size;
  std::string extent;
  if (home) {
    size_t elements =
        (size_t)(home->start + home->size - (char*)argument.pointer) / argument.element_size;
    extent = name + " has " + std::to_string(elements) + " element" + (elements == 1 ? "" : "s");
  }
  return {name + "[" + std::to_string(index) + "]", extent, name, (uintptr_t)argument.pointer,
          argument.element_size};
}

std::string block_name(const Worker& w, uint64_t block) {
  dim3 g = w.job->launch.config.grid;
  return "(" + std::to_string(block % g.x) + "," + std::to_string(block / g.x % g.y) + "," +
         std::to_string(block / g.x / g.y) + ")";
}

// ---------------------------------------------------------------------------- the program itself

namespace {
struct Segments {
  uintptr_t base = 0, start = ~(uintptr_t)0, end = 0;          // all of it
  uintptr_t writable_start = ~(uintptr_t)0, writable_end = 0;  // its variables
  Shadow shadow;
};
}  // namespace

static int look(dl_phdr_info* info, size_t, void* found) {
  auto& s = *static_cast<Segments*>(found);
  auto here = (uintptr_t)&look;
  Segments one;
  bool ours = false;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    auto& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD) continue;
    uintptr_t start = info->dlpi_addr + segment.p_vaddr, end = start + segment.p_memsz;
    ours |= here >= start && here < end;
    one.start = std::min(one.start, start), one.end = std::max(one.end, end);
    if (segment.p_flags & PF_W) {
      one.writable_start = std::min(one.writable_start, start);
      one.writable_end = std::max(one.writable_end, end);
    }
  }
  if (!ours) return 0;
  s.base = info->dlpi_addr, s.start = one.start, s.end = one.end;
  s.writable_start = one.writable_start, s.writable_end = one.writable_end;
  return 1;
}

static Segments& program() {
  static Segments* segments = [] {
    auto* s = new Segments();
    dl_iterate_phdr(look, s);
    if (s->writable_end <= s->writable_start ||
        !s->shadow.reserve(s->writable_end - s->writable_start))
      s->writable_start = s->writable_end = 0;
    return s;
  }();
  return *segments;
}

uintptr_t program_code() { return program().start; }
bool in_program(uintptr_t address) { return address >= program().start && address < program().end; }
// The linker gathers them (simt/rewrite/qualifiers.py puts them there), and says where.
extern "C" __attribute__((weak, visibility("hidden"))) char __start_simt_constant[];
extern "C" __attribute__((weak, visibility("hidden"))) char __stop_simt_constant[];
bool is_constant(uintptr_t address) {
  return address >= (uintptr_t)__start_simt_constant && address < (uintptr_t)__stop_simt_constant;
}
Shadow* program_shadow(uintptr_t address, size_t* offset) {
  Segments& s = program();
  if (address < s.writable_start || address >= s.writable_end) return nullptr;
  *offset = address - s.writable_start;
  return &s.shadow;
}

}  // namespace simt
