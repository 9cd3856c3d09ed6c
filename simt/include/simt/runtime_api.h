// CUDA's runtime API, as far as it goes here (docs/simt.md has the list). C functions, exported, so
// that a program that loads a library can call them; C++ forms are inline.
#pragma once

// clang-format off
#include "errors.h"     // cudaError_t, cudaGetErrorString
#include "streams.h"    // streams, events, host functions
#include "launch_attributes.h"  // attributes of launches and streams
#include "memory.h"     // cudaMalloc, cudaMemcpy, cudaMemset, pinned and managed memory
#include "copies.h"     // cudaMemcpy2D, cudaMemcpy3D, cudaMemcpyToSymbol
#include "pools.h"      // cudaMallocAsync
#include "device.h"     // properties, attributes, limits of the one device
#include "functions.h"  // cudaFuncGetAttributes, occupancy
#include "graphs.h"     // capture of streams, graphs
// clang-format on
