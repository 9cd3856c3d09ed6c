// range.cuh: names a part of the host's work in Nsight Systems' timeline.
#pragma once
#include <nvtx3/nvToolsExt.h>

#include <cstdio>

// From here to the end of the scope: Range range("layer %d", 3);
struct Range {
  Range(const char* format, int number) {
    char name[32];
    snprintf(name, sizeof name, format, number);
    nvtxRangePushA(name);
  }
  ~Range() { nvtxRangePop(); }
};
