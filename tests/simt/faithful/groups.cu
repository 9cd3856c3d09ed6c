// Cooperative groups within a block: their shape, shuffles, votes, partitions, reductions, scans.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
#include <cuda_runtime.h>

#include <cstdio>

namespace cg = cooperative_groups;

__global__ void block_shape(int* out) {
  cg::thread_block block = cg::this_thread_block();
  int* o = out + 8 * block.thread_rank();
  dim3 group = block.group_index(), thread = block.thread_index(), dim = block.dim_threads();
  o[0] = block.num_threads(), o[1] = block.thread_rank(), o[2] = group.x + 10 * group.y;
  o[3] = thread.x + 10 * thread.y + 100 * thread.z, o[4] = dim.x + 10 * dim.y + 100 * dim.z;
  o[5] = block.size(), o[6] = (int)cg::this_grid().num_threads();
  o[7] = (int)cg::this_grid().thread_rank();
}

// The sum over a group, whatever its kind; the thread of rank 0 has it.
template <class Group>
__device__ int sum_through_memory(const Group& g, int* memory, int value) {
  int rank = (int)g.thread_rank();
  for (int i = (int)g.size() / 2; i > 0; i /= 2) {
    memory[rank] = value;
    g.sync();
    if (rank < i) value += memory[rank + i];
    g.sync();
  }
  return value;
}
__global__ void generic(int* out) {
  __shared__ int memory[128];
  cg::thread_block block = cg::this_thread_block();
  int whole = sum_through_memory(block, memory, threadIdx.x);
  cg::thread_group tile = cg::tiled_partition(block, 16);
  int first = block.thread_rank() / 16 * 16;
  int part = sum_through_memory(tile, memory + first, threadIdx.x);
  cg::thread_block_tile<8> eight = cg::tiled_partition<8>(block);
  int small = sum_through_memory(eight, memory + block.thread_rank() / 8 * 8, threadIdx.x);
  int* o = out + 5 * block.thread_rank();
  o[0] = block.thread_rank() == 0 ? whole : 0;
  o[1] = tile.thread_rank() == 0 ? part : 0;
  o[2] = eight.thread_rank() == 0 ? small : 0;
  o[3] = (int)tile.size(), o[4] = (int)tile.thread_rank();
}

struct Pair {
  double a;
  int b, c;
};

template <unsigned N>
__global__ void tile(int* out) {
  auto block = cg::this_thread_block();
  auto t = cg::tiled_partition<N>(block);
  int x = threadIdx.x, *o = out + 16 * x;
  o[0] = t.thread_rank(), o[1] = t.num_threads(), o[2] = t.meta_group_rank();
  o[3] = t.meta_group_size();
  o[4] = t.shfl(x, 1), o[5] = t.shfl_up(x, 2), o[6] = t.shfl_down(x, 2), o[7] = t.shfl_xor(x, 1);
  o[8] = t.any(x == 5), o[9] = t.all(x < 20), o[10] = (int)t.ballot(x % 3 == 0);
  o[11] = (int)t.match_any(x % 2);
  int same;
  o[12] = (int)t.match_all(x / 32, same);
  o[13] = same;
  Pair p = t.shfl(Pair{x * 0.5, x, -x}, (int)N - 1);
  o[14] = (int)(p.a * 2) + 1000 * (p.b + p.c);
  t.sync();
  auto half = cg::tiled_partition<N / 2>(t);
  o[15] = half.shfl(x, 0) + 1000 * half.meta_group_rank() + 10000 * half.meta_group_size();
}

__global__ void coalesced(int* out) {
  int x = threadIdx.x, *o = out + 12 * x;
  for (int i = 0; i < 12; i++) o[i] = -1;
  __syncwarp();
  if (x % 3 == 0) {
    cg::coalesced_group g = cg::coalesced_threads();
    o[0] = g.num_threads(), o[1] = g.thread_rank();
    o[2] = g.shfl(x, 2), o[3] = g.shfl_up(x, 1), o[4] = g.shfl_down(x, 1);
    o[5] = g.any(x == 9), o[6] = g.all(x % 2 == 0), o[7] = (int)g.ballot(x > 15);
    o[8] = (int)g.match_any(x / 12);
    g.sync();
    cg::coalesced_group four = cg::tiled_partition(g, 4);
    o[9] = four.num_threads() * 100 + four.thread_rank();
    o[10] = four.meta_group_rank() + 10 * four.meta_group_size();
    o[11] = four.shfl(x, 0);
  }
}

__global__ void partitions(int* out) {
  int x = threadIdx.x, *o = out + 8 * x;
  auto warp = cg::tiled_partition<32>(cg::this_thread_block());
  cg::coalesced_group b = cg::binary_partition(warp, x % 4 == 1);
  o[0] = b.num_threads(), o[1] = b.thread_rank();
  cg::coalesced_group l = cg::labeled_partition(warp, x * 7 % 5);
  o[2] = l.num_threads(), o[3] = l.thread_rank(), o[4] = l.meta_group_size();
  o[5] = cg::reduce(l, x, cg::plus<int>());
  o[6] = cg::reduce(b, x, cg::greater<int>());
  o[7] = l.shfl(x, 0);
}

template <class Group>
__device__ void reductions(const Group& g, int* o) {
  int x = (int)threadIdx.x;
  o[0] = cg::reduce(g, x, cg::plus<int>());
  o[1] = cg::reduce(g, x * 37 % 29, cg::less<int>());
  o[2] = cg::reduce(g, x * 37 % 29, cg::greater<int>());
  o[3] = (int)cg::reduce(g, (unsigned)x | 64u, cg::bit_and<unsigned>());
  o[4] = (int)cg::reduce(g, 1u << x % 32, cg::bit_or<unsigned>());
  o[5] = (int)cg::reduce(g, (unsigned)x * x, cg::bit_xor<unsigned>());
  o[6] = cg::reduce(g, x % 7 + 1, [](int a, int b) { return a * 10 % 1009 * b % 1009; }) > 0;
  o[7] = (int)cg::reduce(g, 0.25 * x, cg::plus<double>());
  o[8] = cg::inclusive_scan(g, x);
  o[9] = cg::inclusive_scan(g, x * 37 % 29, cg::greater<int>());
  o[10] = cg::exclusive_scan(g, x, cg::plus<int>());
  o[11] = cg::exclusive_scan(g, 1);
}
__global__ void collectives(int* out) {
  int* o = out + 48 * threadIdx.x;
  __shared__ cg::block_tile_memory<128> memory;  // for the tile of 64
  auto block = cg::this_thread_block(memory);
  reductions(cg::tiled_partition<32>(block), o);
  reductions(cg::tiled_partition<4>(block), o + 12);
  for (int i = 24; i < 36; i++) o[i] = -1;
  if (threadIdx.x % 5 < 2) reductions(cg::coalesced_threads(), o + 24);
  auto t = cg::tiled_partition<64>(block);
  int x = (int)threadIdx.x, *p = o + 36;
  p[0] = t.thread_rank(), p[1] = t.meta_group_rank(), p[2] = t.meta_group_size();
  p[3] = t.shfl(x, 40), p[4] = t.any(x == 70), p[5] = t.all(x < 100), p[6] = t.num_threads();
  p[7] = cg::reduce(t, x, cg::plus<int>()), p[8] = cg::reduce(t, x, cg::greater<int>());
  p[9] = cg::inclusive_scan(t, x), p[10] = cg::exclusive_scan(t, x, cg::plus<int>());
  t.sync();
  p[11] = cg::inclusive_scan(t, -x, cg::less<int>());
}

__global__ void one_for_all(int* out) {
  auto warp = cg::tiled_partition<32>(cg::this_thread_block());
  int before = cg::invoke_one_broadcast(warp, [&] { return atomicAdd(out, 10); });
  cg::invoke_one(warp, [&] { atomicAdd(out + 1, 1); });
  atomicAdd(out + 2, before);
}

__global__ void two_steps(int* out) {  // a barrier in two steps
  __shared__ int memory[96];
  cg::thread_block block = cg::this_thread_block();
  int x = threadIdx.x;
  memory[x] = x * x;
  auto token = block.barrier_arrive();
  int own = x * 3;  // meanwhile, what concerns no other
  block.barrier_wait(std::move(token));
  out[x] = own + memory[95 - x];
}

static int h[1 << 16], *d;
static void print(const char* name, int n, int each = 16) {
  cudaMemcpy(h, d, sizeof h, cudaMemcpyDeviceToHost);
  for (int i = 0; i < n; i++)
    printf("%s%d%s", i % each ? "" : name, h[i], i % each == each - 1 || i == n - 1 ? "\n" : " ");
  cudaMemset(d, 0, sizeof h);
}

int main() {
  cudaMalloc(&d, sizeof h);
  cudaMemset(d, 0, sizeof h);
  block_shape<<<1, dim3(4, 3, 2)>>>(d);
  print("block_shape = ", 24 * 8, 8);
  generic<<<1, 128>>>(d);
  print("generic = ", 128 * 5, 5);
  tile<32><<<1, 64>>>(d);
  print("tile32 = ", 64 * 16);
  tile<8><<<1, 64>>>(d);
  print("tile8 = ", 64 * 16);
  tile<2><<<1, 64>>>(d);
  print("tile2 = ", 64 * 16);
  coalesced<<<1, 32>>>(d);
  print("coalesced = ", 32 * 12, 12);
  partitions<<<1, 64>>>(d);
  print("partitions = ", 64 * 8, 8);
  collectives<<<1, 128>>>(d);
  print("collectives = ", 128 * 48, 48);
  one_for_all<<<1, 64>>>(d);
  print("one_for_all = ", 3);
  two_steps<<<1, 96>>>(d);
  print("two_steps = ", 96);
  printf("error = %d\n", (int)cudaGetLastError());
}
