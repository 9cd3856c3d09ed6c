// switches.cuh: each idea of this rung can be left out, to measure what it gains:
// nvcc -DPOLL_AFTER_OWN=0 ..., or #define it before including gpt.cu, as 9_hopper_int8 does with
// WEIGHT. All of them give the same ids.
#pragma once

#ifndef HELPING_CLUSTERS
#define HELPING_CLUSTERS 3  // of 8 blocks, for the lm_head; 0: the layers' blocks have all of it
#endif
#ifndef KEEP_UNITS
#define KEEP_UNITS 1  // layers' blocks keep a part of the lm_head, where the ring leaves room
#endif
#ifndef CACHE_AHEAD
#define CACHE_AHEAD 1  // keys and values are loaded before the query has come
#endif
#ifndef REGISTERS_AHEAD
#define REGISTERS_AHEAD 1  // weights are in registers before their inputs have come
#endif
#ifndef POLL_AFTER_OWN
#define POLL_AFTER_OWN 1  // the first poll of others' sums comes after the block's own are sent
#endif
#ifndef READ_ONCE
#define READ_ONCE 1  // weights are marked as first to be evicted from L2
#endif
#ifndef INTERLEAVE
#define INTERLEAVE 1  // what blocks read at the same time lies side by side in memory
#endif
#ifndef MORE_REGISTERS
#define MORE_REGISTERS 1  // the warps that compute get those that the ring's warps do without
#endif
#ifndef BEST_COPIES
#define BEST_COPIES 4  // of each block's best id: so many fewer blocks poll one
#endif

// Two halves of the time, each alone (the ids are then nonsense):
#ifndef WITH_STREAM
#define WITH_STREAM 1  // 0: nobody waits for weights, and none are read
#endif
#ifndef WITH_CHAIN
#define WITH_CHAIN 1  // 0: nobody waits for an exchange
#endif
