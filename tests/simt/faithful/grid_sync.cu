// Cooperative launches: barriers of the whole grid, in one and in two steps, and hand-made ones.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cuda_runtime.h>

#include <cstdio>
#include <utility>

namespace cg = cooperative_groups;

// Each step a cell becomes the sum of its neighbours, modulo a prime: wrong without any barrier.
__global__ void diffuse(int* a, int* b, int n, int steps) {
  cg::grid_group grid = cg::this_grid();
  for (int step = 0; step < steps; step++) {
    for (int i = (int)grid.thread_rank(); i < n; i += (int)grid.size())
      b[i] = (a[(i + 1) % n] + a[(i + n - 1) % n] + i) % 1000003;
    grid.sync();
    int* t = a;
    a = b, b = t;
  }
}

// One kernel for both halves of a sum: blocks first, then the first block.
__global__ void sum(const int* x, int n, long long* parts, long long* result) {
  auto grid = cg::this_grid();
  auto block = cg::this_thread_block();
  auto warp = cg::tiled_partition<32>(block);
  __shared__ long long warps[32];
  long long s = 0;
  for (int i = (int)grid.thread_rank(); i < n; i += (int)grid.num_threads()) s += x[i];
  s = cg::reduce(warp, s, cg::plus<long long>());
  if (warp.thread_rank() == 0) warps[warp.meta_group_rank()] = s;
  block.sync();
  if (block.thread_rank() == 0) {
    for (int w = 1; w < (int)warp.meta_group_size(); w++) s += warps[w];
    parts[grid.block_rank()] = s;
  }
  grid.sync();
  if (grid.thread_rank() == 0) {
    *result = 0;
    for (int b = 0; b < (int)grid.num_blocks(); b++) *result += parts[b];
  }
}

__global__ void two_steps(int* x, int* y) {
  auto grid = cg::this_grid();
  int i = (int)grid.thread_rank(), n = (int)grid.size();
  for (int round = 0; round < 3; round++) {
    x[i] = i * (round + 1);
    auto token = grid.barrier_arrive();
    int own = i * i % 101;
    grid.barrier_wait(std::move(token));
    y[i] += own + x[n - 1 - i];
    grid.sync();
  }
}

__global__ void shape(long long* out) {
  auto grid = cg::this_grid();
  long long* o = out + 8 * grid.thread_rank();
  o[0] = grid.is_valid(), o[1] = grid.size(), o[2] = grid.thread_rank(), o[3] = grid.block_rank();
  o[4] = grid.num_blocks(), o[5] = grid.block_index().x + 10 * grid.block_index().y;
  o[6] = grid.group_dim().x + 10 * grid.group_dim().y;
  o[7] = grid.dim_blocks().x + 10 * grid.dim_blocks().y;
}

// A barrier of the grid made by hand: arrivals are counted, and one thread of each block waits.
__global__ void by_hand(unsigned* arrived, int* x, int* y) {
  int b = blockIdx.x, blocks = gridDim.x;
  for (int round = 1; round <= 4; round++) {
    if (threadIdx.x == 0) x[b] = b * round;
    __syncthreads();
    if (threadIdx.x == 0) {
      __threadfence();
      atomicAdd(arrived, 1);
      while (atomicAdd(arrived, 0) < (unsigned)(2 * round - 1) * blocks) {
      }
      __threadfence();
      y[b] += x[(b + 1) % blocks];
      __threadfence();
      atomicAdd(arrived, 1);
      while (atomicAdd(arrived, 0) < (unsigned)(2 * round) * blocks) {
      }
    }
    __syncthreads();
  }
}

int main() {
  const int n = 5000;
  static int numbers[n];
  for (int i = 0; i < n; i++) numbers[i] = i * 31 % 997 - 300;
  int *a, *b, steps = 7, count = n;
  long long *parts, *result, h[1024];
  cudaMalloc(&a, sizeof numbers);
  cudaMalloc(&b, sizeof numbers);
  cudaMalloc(&parts, sizeof h);
  cudaMalloc(&result, sizeof(long long));

  cudaMemcpy(a, numbers, sizeof numbers, cudaMemcpyHostToDevice);
  void* diffuse_args[] = {&a, &b, &count, &steps};
  printf("launch = %d\n",
         (int)cudaLaunchCooperativeKernel((void*)diffuse, 12, 128, diffuse_args, 0, 0));
  cudaMemcpy(numbers, b, sizeof numbers, cudaMemcpyDeviceToHost);  // an odd number of steps
  long long check = 0;
  for (int i = 0; i < n; i++) check = (check * 31 + numbers[i]) % 1000000007;
  printf("diffuse = %lld %d %d\n", check, numbers[0], numbers[n - 1]);

  void* sum_args[] = {&b, &count, &parts, &result};
  cudaLaunchCooperativeKernel((void*)sum, dim3(8), dim3(96), sum_args, 0, 0);
  cudaMemcpy(h, result, sizeof(long long), cudaMemcpyDeviceToHost);
  printf("sum = %lld\n", h[0]);

  cudaMemset(b, 0, sizeof numbers);
  void* two_args[] = {&a, &b};
  cudaLaunchCooperativeKernel((void*)two_steps, dim3(6), dim3(40), two_args, 0, 0);
  cudaMemcpy(numbers, b, sizeof numbers, cudaMemcpyDeviceToHost);
  printf("two_steps =");
  for (int i = 0; i < 240; i += 7) printf(" %d", numbers[i]);
  printf("\n");

  void* shape_args[] = {&parts};
  cudaLaunchCooperativeKernel((void*)shape, dim3(2, 3), dim3(4, 2), shape_args, 0, 0);
  cudaMemcpy(h, parts, 48 * 8 * sizeof(long long), cudaMemcpyDeviceToHost);
  for (int i = 0; i < 48; i += 5) {
    printf("shape =");
    for (int k = 0; k < 8; k++) printf(" %lld", h[8 * i + k]);
    printf("\n");
  }

  unsigned* arrived = (unsigned*)result;
  cudaMemset(arrived, 0, sizeof *arrived);
  cudaMemset(b, 0, sizeof numbers);
  void* hand_args[] = {&arrived, &a, &b};
  cudaLaunchCooperativeKernel((void*)by_hand, dim3(8), dim3(64), hand_args, 0, 0);
  cudaMemcpy(numbers, b, sizeof numbers, cudaMemcpyDeviceToHost);
  printf("by_hand =");
  for (int i = 0; i < 8; i++) printf(" %d", numbers[i]);
  printf("\n");

  cudaError_t large = cudaLaunchCooperativeKernel((void*)shape, 1 << 20, 64, shape_args, 0, 0);
  cudaError_t first = cudaGetLastError(), second = cudaGetLastError();
  printf("too_large = %d %d %d\n", (int)large, (int)first, (int)second);
}
