// Cooperative groups (CUDA C++ Programming Guide, "Cooperative Groups"): a header for each kind of
// group. Reductions, scans and copies have headers of their own in cooperative_groups/.
#pragma once
#include "cuda_runtime.h"
#include "simt/groups/coalesced.h"     // coalesced_threads
#include "simt/groups/invoke.h"        // invoke_one
#include "simt/groups/large_tile.h"    // tiles of more than 32 threads
#include "simt/groups/partition.h"     // tiled_partition, binary_partition, labeled_partition
#include "simt/groups/thread_block.h"  // this_thread_block, this_grid
#include "simt/groups/tile.h"          // thread_block_tile
