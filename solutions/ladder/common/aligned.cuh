// aligned.cuh: may this address be read 16 bytes at a time?
#pragma once
#include <cstddef>

inline bool aligned(const void* address) { return reinterpret_cast<size_t>(address) % 16 == 0; }
