// Threads of a block that wait for one another in other ways than __syncthreads: barriers in
// memory, split barriers, tiles of several warps. A thread parks at an address until another one of
// its block unparks that address (runtime/park.cpp).
#pragma once
#include "qualifiers.h"

namespace simt {

SIMT_HIDDEN void park(const void* address, const char* what, const char* file, int line);
SIMT_HIDDEN void unpark(const void* address);

// A barrier in two steps. arrive() says "I am here" and returns a token; wait(token) waits until
// all threads of the block (of the grid) have said so.
SIMT_HIDDEN unsigned block_arrive();
SIMT_HIDDEN void block_wait(unsigned token, const char* what, const char* file, int line);
SIMT_HIDDEN unsigned grid_arrive(const char* file, int line);
SIMT_HIDDEN void grid_wait(unsigned token, const char* file, int line);
SIMT_HIDDEN bool is_cooperative();  // launched with all its blocks alive together

}  // namespace simt
