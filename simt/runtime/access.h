// access.h: the kinds of access to memory that instrumented code tells of.
#pragma once
#include <cstdint>

namespace simt {

// An atomic that changes what it finds reads and writes.
enum How : uint32_t { kRead = 1, kWrite = 2, kAtomic = 4, kVolatile = 8 };
inline bool changes(unsigned how) { return how & kRead && how & kWrite; }
enum class Area : uint8_t { Shared, Global, Program };  // Program: its own variables

}  // namespace simt
