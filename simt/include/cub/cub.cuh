// CUB's collectives (CUB API): for the threads of a warp, of a block, and calls of the host for
// arrays in device memory. As in CUB, a reduction's result is defined in the first thread only, and
// a block's TempStorage needs a __syncthreads() before it is used again.
#pragma once
#include "cub/block/block_load.cuh"
#include "cub/block/block_radix_sort.cuh"
#include "cub/block/block_reduce.cuh"
#include "cub/block/block_scan.cuh"
#include "cub/block/block_store.cuh"
#include "cub/device/device_reduce.cuh"
#include "cub/device/device_scan.cuh"
#include "cub/thread/thread_operators.cuh"
#include "cub/warp/warp_reduce.cuh"
#include "cub/warp/warp_scan.cuh"
