// undefined.cpp: accesses outside of a local array and overflows of signed integers. In a checked
// build the compiler tests for them and calls these (simt/compiler.py has the flags).
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
struct TypeMismatch {
  SourceLocation location;
  const TypeDescriptor* type;
  unsigned char log_alignment, check;  // check: 0 a load, 1 a store, ...
};
}  // namespace

static long long integer(const TypeDescriptor* type, uintptr_t value) {
  bool is_signed = type->info & 1;
  unsigned bits = 1u << (type->info >> 1);
  if (bits > 64) return 0;
  if (bits == 64 || !is_signed) return (long long)value;
  return (long long)((unsigned long long)value << (64 - bits)) >> (64 - bits);
}

static const Worker* current_worker() { return worker && worker->in_kernel ? worker : nullptr; }

// Of the user's: code of a header of simt's goes by the line that called it.
static std::string line_of(const SourceLocation& location, void* pc) {
  std::string line = source_line((char*)pc - 1);
  if (line.empty() && worker) line = calling_line();
  return line.empty() ? where(location.file, (int)location.line) : line;
}

static void out_of_bounds(const OutOfBounds* data, uintptr_t index, void* pc) {
  const Worker* w = current_worker();
  note(w, "index_out_of_bounds", pc, nullptr, [&] {
    std::string at = line_of(data->location, pc);
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
  const Worker* w = current_worker();
  note(w, "integer_overflow", pc, nullptr, [&] {
    std::string at = line_of(data->location, pc);
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

// Of an object whose size the compiler knows: a local array, through a pointer.
static void outside_of_object(const TypeMismatch* data, void* pc) {
  const Worker* w = current_worker();
  note(w, "index_out_of_bounds", pc, nullptr, [&] {
    std::string at = line_of(data->location, pc);
    return Report{"index_out_of_bounds",
                  cudaSuccess,
                  w ? thread_name(*w, w->current) : "",
                  std::string("a value of type ") + data->type->name + " is " +
                      (data->check == 1 ? "written" : "read") + " at " + at +
                      " outside of the array that the pointer points into",
                  {},
                  at};
  });
}

// The guard word between a function's arrays and its return address has been overwritten.
[[noreturn]] static void stack_damaged(void* pc) {
  if (!current_worker()) {
    fprintf(stderr, "simt: an array on the host's stack was written outside of its bounds\n");
    abort();
  }
  std::string at = source_line((char*)pc - 1);
  report(*worker, {"local_out_of_bounds",
                   cudaErrorIllegalAddress,
                   thread_name(*worker, worker->current),
                   "an array in local memory was written past its end, in the function that ends "
                   "at " +
                       at,
                   {},
                   at});
  abandon_block(*worker);
}

}  // namespace simt

using namespace simt;
#define PC __builtin_return_address(0)

#pragma GCC visibility push(hidden)
extern "C" {
void __ubsan_handle_out_of_bounds(OutOfBounds* data, uintptr_t index) {
  out_of_bounds(data, index, PC);
}
void __ubsan_handle_type_mismatch_v1(TypeMismatch* data, uintptr_t) { outside_of_object(data, PC); }
[[noreturn]] void __stack_chk_fail() { stack_damaged(PC); }
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
