// access.h: the kinds of access to memory that instrumented code tells of.
#pragma once
#include <cstdint>

namespace simt {

enum How : uint32_t { kRead = 0, kWrite = 1, kAtomic = 2, kVolatile = 4 };
enum class Area : uint8_t { Shared, Global, Program };  // Program: its own variables

}  // namespace simt
