// clock.cpp: clock(), the C library's for the host and the GPU's in kernels, in the place of both.
#include <time.h>

#include "runtime.h"

clock_t clock() noexcept {
  if (simt::worker) return (clock_t)simt::nanoseconds();  // a virtual GPU of 1 GHz
  timespec used;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)) return (clock_t)-1;
  return used.tv_sec * CLOCKS_PER_SEC + used.tv_nsec / (1000000000 / CLOCKS_PER_SEC);
}
