// thread_block and grid_group: all threads of the block, of the grid.
#pragma once
#include "../park.h"
#include "thread_group.h"

namespace cooperative_groups {

// Memory for tiles of more than 32 threads; none is needed (as from compute capability 8.0 on).
template <unsigned MaxBlockSize = 1024>
struct block_tile_memory {};

class thread_block : public thread_group {
 public:
  // A barrier in two steps; between them a thread may do what concerns no other.
  class arrival_token {
    friend thread_block;
    unsigned phase_;
  };
  arrival_token barrier_arrive() const {
    arrival_token token;
    token.phase_ = simt::block_arrive();
    return token;
  }
  void barrier_wait(arrival_token&& token, SIMT_HERE) const {
    simt::block_wait(token.phase_, "thread_block::barrier_wait", file, line);
  }

  static void sync(SIMT_HERE) { simt::barrier(0, file, line); }
  static unsigned thread_rank() { return simt::rank_in_block(); }
  static unsigned num_threads() { return simt::threads_of_block(); }
  static unsigned size() { return num_threads(); }
  static dim3 group_index() { return blockIdx; }
  static dim3 thread_index() { return threadIdx; }
  static dim3 dim_threads() { return blockDim; }
  static dim3 group_dim() { return blockDim; }

 private:
  thread_block() : thread_group(0) {}
  friend thread_block this_thread_block();
};

inline thread_block this_thread_block() { return {}; }
template <unsigned MaxBlockSize>
inline thread_block this_thread_block(block_tile_memory<MaxBlockSize>&) {
  return this_thread_block();
}

// sync() needs a launch by cudaLaunchCooperativeKernel.
class grid_group {
 public:
  class arrival_token {
    friend grid_group;
    unsigned phase_;
  };
  arrival_token barrier_arrive(SIMT_HERE) const {
    arrival_token token;
    token.phase_ = simt::grid_arrive(file, line);
    return token;
  }
  void barrier_wait(arrival_token&& token, SIMT_HERE) const {
    simt::grid_wait(token.phase_, file, line);
  }
  void sync(SIMT_HERE) const { simt::grid_wait(simt::grid_arrive(file, line), file, line); }
  bool is_valid() const { return simt::is_cooperative(); }

  static unsigned long long num_blocks() {
    return (unsigned long long)gridDim.x * gridDim.y * gridDim.z;
  }
  static unsigned long long block_rank() {
    return ((unsigned long long)blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  }
  static unsigned long long num_threads() { return num_blocks() * simt::threads_of_block(); }
  static unsigned long long size() { return num_threads(); }
  static unsigned long long thread_rank() {
    return block_rank() * simt::threads_of_block() + simt::rank_in_block();
  }
  static dim3 group_dim() { return gridDim; }
  static dim3 dim_blocks() { return gridDim; }
  static dim3 block_index() { return blockIdx; }

 private:
  grid_group() = default;
  friend grid_group this_grid();
};

inline grid_group this_grid() { return {}; }

}  // namespace cooperative_groups
