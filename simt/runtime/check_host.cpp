// check_host.cpp: what simt check says of copies and fills that the host asks for.
#include <algorithm>

#include "arena.h"
#include "names.h"
#include "trace.h"

namespace simt {

static Report host_report(const char* kind, std::string text) {
  std::string line = calling_line();
  if (!line.empty()) text += ", at " + line;
  return {kind, cudaSuccess, "", text, {}, line};
}

// Whether the host's functions stay inside of what is allocated.
static void check_range(const void* p, size_t size, const char* function) {
  auto address = (uintptr_t)p;
  if (!size || !arena.contains(address)) return;
  const Allocation* a = arena.holding(address);
  const Allocation* near = a ? a : arena.nearest(address);
  if (a && !a->freed && address + size <= (uintptr_t)a->start + a->size) return;
  const char* kind = a && a->freed ? "use_after_free" : "out_of_bounds";
  note(nullptr, kind, function, p, [&] {
    std::string text = std::string(function) + " of " + std::to_string(size) + " bytes ";
    if (a && a->freed)
      text += "uses memory that was freed";
    else
      text += "from byte " + std::to_string((const char*)p - near->start) +
              " on of an allocation of " + std::to_string(near->size) + " bytes";
    return host_report(kind, text);
  });
}

static void check_direction(const void* p, bool on_device, const char* which) {
  if (in_program((uintptr_t)p)) return;  // a __device__ variable, or the host's: both are there
  const Allocation* a = arena.holding((uintptr_t)p);
  if (a ? !on_device && a->kind == Memory::Device : on_device)
    note(nullptr, "wrong_copy_kind", p, which, [&] {
      std::string text = std::string("the ") + which + " of a cudaMemcpy is memory of the " +
                         (on_device ? "host" : "device") +
                         ", but its kind says that it is of the " + (on_device ? "device" : "host");
      return host_report("wrong_copy_kind", text);
    });
}

void trace_copy(void* to, const void* from, size_t size, cudaMemcpyKind kind) {
  if (!size) return;
  check_range(to, size, "cudaMemcpy");
  check_range(from, size, "cudaMemcpy");
  bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (kind != cudaMemcpyDefault) {
    check_direction(to, to_device, "destination");
    check_direction(from, from_device, "source");
  }
  arena.written(to, size);
}

// What is copied to the host has been written by nobody: no kernel has come by. (A part of it may
// be unwritten, the padding of rows, say.)
void trace_source(const void* to, const void* from, size_t width, size_t pitch, size_t rows) {
  if (tracing != Tracing::Check) return;
  auto live = [](const void* p) {
    const Allocation* a = arena.contains((uintptr_t)p) ? arena.holding((uintptr_t)p) : nullptr;
    return a && !a->freed ? a : nullptr;
  };
  const Allocation *source = live(from), *target = live(to);
  if (!source || source->kind != Memory::Device || launches_unseen) return;
  if (target && target->kind == Memory::Device) return;
  size_t left = (size_t)(source->start + source->size - (const char*)from);
  if (!rows || width > left || (rows - 1) > (left - width) / std::max<size_t>(pitch, 1))
    return;  // it goes too far: that is another report
  for (size_t row = 0; row < rows; row++)
    if (arena.any_written((const char*)from + row * pitch, width)) return;
  note(nullptr, "uninitialized_copy", from, nullptr, [&] {
    return host_report("uninitialized_copy", std::to_string(width * rows) +
                                                 " bytes are copied to the host that nobody has "
                                                 "written: no kernel, cudaMemcpy or cudaMemset");
  });
}

void trace_fill(void* p, size_t size) {
  check_range(p, size, "cudaMemset");
  arena.written(p, size);
}

// A pointer that is freed is no allocation, or was freed already.
void trace_bad_free(void* p) {
  note(nullptr, "invalid_free", p, nullptr, [&] {
    const Allocation* a = arena.holding((uintptr_t)p);
    std::string text = "cudaFree is given a pointer that ";
    text += !a         ? "no cudaMalloc returned"
            : a->freed ? "was freed already"
                       : "points into an allocation, not to its start";
    return host_report("invalid_free", text);
  });
}

}  // namespace simt
