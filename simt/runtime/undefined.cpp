// undefined.cpp: indices outside of their array and overflows of signed integers. In a checked
// build the compiler tests for them (-fsanitize=bounds,signed-integer-overflow) and calls these.
#include "trace.h"

namespace simt {

namespace {
// What the compiler leaves for each check (its layout is the compiler's).
struct SourceLocation {
  const char* file;
  uint32_t line, column;
};
struct TypeDescriptor {
  uint16_t kind, info;
  char name[1];  // "'float [32]'"
};
struct OutOfBounds {
  SourceLocation location;
  const TypeDescriptor *array, *index;
};
struct Overflow {
  SourceLocation location;
  const TypeDescriptor* type;
};
}  // namespace

static long long integer(const TypeDescriptor* type, uintptr_t value) {
  bool is_signed = type->info & 1;
  unsigned bits = 1u << (type->info >> 1);
  if (bits > 64) return 0;
  if (bits == 64 || !is_signed) return (long long)value;
  return (long long)((unsigned long long)value << (64 - bits)) >> (64 - bits);
}

static const Worker* in_kernel() { return worker && worker->in_kernel ? worker : nullptr; }

static void out_of_bounds(const OutOfBounds* data, uintptr_t index, void* pc) {
  const Worker* w = in_kernel();
  note(w, "index_out_of_bounds", pc, nullptr, [&] {
    std::string at = where(data->location.file, (int)data->location.line);
    std::string array = data->array->name;
    return Report{"index_out_of_bounds",
                  cudaSuccess,
                  w ? thread_name(*w, w->current) : "",
                  "index " + std::to_string(integer(data->index, index)) + " at " + at +
                      " is outside of its array, which is of type " + array,
                  {},
                  at};
  });
}

static void overflow(const Overflow* data, uintptr_t a, uintptr_t b, const char* sign, void* pc) {
  const Worker* w = in_kernel();
  note(w, "integer_overflow", pc, nullptr, [&] {
    std::string at = where(data->location.file, (int)data->location.line);
    return Report{"integer_overflow",
                  cudaSuccess,
                  w ? thread_name(*w, w->current) : "",
                  std::to_string(integer(data->type, a)) + sign +
                      std::to_string(integer(data->type, b)) + " at " + at + " does not fit in " +
                      data->type->name + ": compute large indices in size_t",
                  {},
                  at};
  });
}

}  // namespace simt

using namespace simt;
#define PC __builtin_return_address(0)

#pragma GCC visibility push(hidden)
extern "C" {
void __ubsan_handle_out_of_bounds(OutOfBounds* data, uintptr_t index) {
  out_of_bounds(data, index, PC);
}
void __ubsan_handle_add_overflow(Overflow* data, uintptr_t a, uintptr_t b) {
  overflow(data, a, b, " + ", PC);
}
void __ubsan_handle_sub_overflow(Overflow* data, uintptr_t a, uintptr_t b) {
  overflow(data, a, b, " - ", PC);
}
void __ubsan_handle_mul_overflow(Overflow* data, uintptr_t a, uintptr_t b) {
  overflow(data, a, b, " * ", PC);
}
void __ubsan_handle_negate_overflow(Overflow* data, uintptr_t a) {
  overflow(data, 0, a, " - ", PC);
}
void __ubsan_handle_divrem_overflow(Overflow* data, uintptr_t a, uintptr_t b) {
  overflow(data, a, b, " / ", PC);
}
}
#pragma GCC visibility pop
