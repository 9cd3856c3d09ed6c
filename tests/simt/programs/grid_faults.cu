// Cooperative launches that go wrong, one for each name on the command line. Each must end.
#include <cooperative_groups.h>

#include <cstdio>
#include <cstring>

namespace cg = cooperative_groups;

__global__ void early(int* x) {
  if (blockIdx.x == 2) return;
  cg::this_grid().sync();  // LINE early
  x[0] = 1;
}
__global__ void some_threads(int* x) {
  if (threadIdx.x == 2) return;
  cg::this_grid().sync();  // LINE some_threads
  x[0] = 1;
}
__global__ void not_cooperative(int* x) {
  if (!cg::this_grid().is_valid()) x[0] = 1;
  cg::this_grid().sync();  // LINE not_cooperative
}
__global__ void crash(int* x) {
  if (blockIdx.x == 5) *(volatile int*)nullptr = 1;  // LINE crash
  cg::this_grid().sync();
  x[0] = 1;
}
__global__ void crash_by_hand(int* x) {
  if (blockIdx.x == 5) *(volatile int*)nullptr = 1;  // LINE crash_by_hand
  if (threadIdx.x == 0) atomicAdd(x, 1);
  while (atomicAdd(x, 0) < (int)gridDim.x) {
  }
}
__global__ void endless(int* x) {
  if (blockIdx.x == 1)
    while (atomicAdd(x + 1, 0) != 77) {  // LINE endless
    }
  cg::this_grid().sync();
}
__global__ void token(int* x) {  // not all threads of the block arrive
  auto block = cg::this_thread_block();
  if (threadIdx.x < 5) {
    auto token = block.barrier_arrive();
    block.barrier_wait(std::move(token));  // LINE token
  }
}
__global__ void grid_of_8(int* x) {
  x[10 + blockIdx.x] = 1;
  cg::this_grid().sync();
  if (cg::this_grid().thread_rank() == 0)
    for (int b = 0; b < 8; b++) x[2] += x[10 + b];
}

int main(int argc, char** argv) {
  int* x;
  cudaMalloc(&x, 1024);
  cudaMemset(x, 0, 1024);
  void* args[] = {&x};
#define TRY(name) \
  if (!strcmp(argv[1], #name)) cudaLaunchCooperativeKernel(name, 8, 64, args, 0, 0)
  TRY(early);
  TRY(some_threads);
  TRY(crash);
  TRY(crash_by_hand);
  TRY(endless);
  TRY(token);
  if (!strcmp(argv[1], "not_cooperative")) not_cooperative<<<8, 64>>>(x);
  printf("report %s\n", simt_last_report() ? simt_last_report() : "{}");
  printf("error %d\n", (int)cudaGetLastError());
  simt_clear();
  cudaMemset(x, 0, 1024);
  cudaError_t again = cudaLaunchCooperativeKernel(grid_of_8, 8, 64, args);
  printf("after %d %d\n", (int)again, x[2]);
}
