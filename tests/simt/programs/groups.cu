// What cooperative groups, cooperative launches and asynchronous copies do here in particular:
// lanes that diverge, tiles passed as thread_group, values of any size, copies that nobody waits
// for.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
#include <cuda_pipeline.h>

#include <cstdio>
#include <cub/cub.cuh>
#include <cuda/atomic>
#include <cuda/barrier>

namespace cg = cooperative_groups;

// --- which lanes are together
__global__ void branches(unsigned* out) {
  int t = threadIdx.x;
  if (t % 32 < 10)
    out[t] = __activemask();
  else if (t % 2)
    out[t] = __activemask();
  else
    out[t] = 0;
}
__global__ void loops(unsigned* out) {  // lane t goes round t % 4 + 1 times
  int t = threadIdx.x;
  unsigned all = 0;
  for (int i = 0; i <= t % 4; i++) all = all * 5 + __popc(__activemask()) / 8;
  out[t] = all;
}
__global__ void waiting_elsewhere(unsigned* out) {  // odd lanes wait in a shuffle meanwhile
  int t = threadIdx.x;
  unsigned mask = 0;
  if (t % 2 == 0) mask = cg::coalesced_threads().num_threads();
  out[t] = __shfl_sync(0xffffffff, mask, t / 2 * 2);
}
__global__ void after_barrier(unsigned* out) {
  __syncthreads();
  if (threadIdx.x % 3 == 0) out[threadIdx.x] = __activemask();
  __syncthreads();
  if (threadIdx.x % 3 == 1) out[threadIdx.x] = __activemask();
}
__global__ void held_lock(unsigned* lock,
                          unsigned* out) {  // one lane asks while others want its lock
  bool done = false;
  while (!done) {
    if (atomicCAS(lock, 0, 1) == 0) {
      out[threadIdx.x] = __activemask() >> threadIdx.x % 32 & 1;
      __threadfence();
      atomicExch(lock, 0);
      done = true;
    }
  }
}

// --- groups
__device__ unsigned ranks(const cg::thread_group& group) {
  group.sync();
  return (unsigned)(100 * group.size() + group.thread_rank());
}
__global__ void as_thread_group(unsigned* out) {
  auto block = cg::this_thread_block();
  unsigned* o = out + 5 * block.thread_rank();
  o[0] = ranks(block), o[1] = ranks(cg::tiled_partition<4>(block));
  o[2] = ranks(cg::tiled_partition(block, 8));
  o[3] = ranks(cg::tiled_partition(cg::tiled_partition(block, 16), 2));
  o[4] = ranks(cg::coalesced_threads());
}
struct Large {
  double x[7];
  char c;
};
__global__ void large_values(unsigned* out) {
  auto tile = cg::tiled_partition<16>(cg::this_thread_block());
  Large mine = {};
  mine.x[6] = threadIdx.x, mine.c = (char)threadIdx.x;
  Large sum = cg::reduce(tile, mine, [](Large a, Large b) {
    a.x[6] += b.x[6], a.c ^= b.c;
    return a;
  });
  out[threadIdx.x] = (unsigned)sum.x[6] * 256 + (unsigned char)sum.c;
}
__global__ void partial_tiles(unsigned* out) {  // 80 threads: the last tile of 64 has 16
  auto tile = cg::tiled_partition<64>(cg::this_thread_block());
  int x = threadIdx.x;
  out[x] = cg::reduce(tile, x, cg::plus<int>()) * 1000 + tile.all(x >= 0) * 100 +
           cg::inclusive_scan(tile, 1);
}

// --- copies
__global__ void no_wait(const int* in, int* out) {  // reads before it waits: poison
  __shared__ int s[32];
  int t = threadIdx.x;
  __pipeline_memcpy_async(&s[t], &in[t], 4);
  __pipeline_commit();
  int early = s[t];
  __pipeline_wait_prior(1);
  int too_early = s[t];
  __pipeline_wait_prior(0);
  out[t] = early == -1 && too_early == -1 && s[t] == in[t];
}
__global__ void no_commit(const int* in, int* out) {
  __shared__ int s[32];
  __pipeline_memcpy_async(&s[threadIdx.x], &in[threadIdx.x], 4);
  __pipeline_wait_prior(0);
  out[threadIdx.x] = s[threadIdx.x] == -1;
}
__global__ void bytes(const char* in, char* out, int n) {  // any length, by a group of any size
  __shared__ char s[1000];
  auto block = cg::this_thread_block();
  cg::memcpy_async(block, s, in, n);
  cg::wait(block);
  for (int i = threadIdx.x; i < 1000; i += blockDim.x) out[i] = s[i];
}

// --- cub
__global__ void own_storage(const int* in, int* out) {
  int t = threadIdx.x, scanned;
  int sum = cub::BlockReduce<int, 64>().Sum(in[t]);
  cub::BlockScan<int, 64>().ExclusiveSum(in[t], scanned);
  out[t] = t ? scanned : sum;
}

template <class T>
static void print(const char* name, const T* x, int n, int step = 1) {
  printf("%s", name);
  for (int i = 0; i < n; i += step) printf(" %lld", (long long)x[i]);
  printf("\n");
}

int main() {
  unsigned* x;
  int *in, *out;
  cudaMalloc(&x, 4096 * 4);
  cudaMalloc(&in, 4096);
  cudaMalloc(&out, 4096);
  for (int i = 0; i < 1024; i++) in[i] = 3 * i;
  branches<<<1, 64>>>(x);
  print("branches", x, 64, 7);
  loops<<<1, 32>>>(x);
  print("loops", x, 4);
  waiting_elsewhere<<<1, 64>>>(x);
  print("waiting_elsewhere", x, 64, 9);
  after_barrier<<<1, 96>>>(x);
  print("after_barrier", x, 2);
  cudaMemset(x, 0, 1024);
  held_lock<<<2, 64>>>(x + 100, x);
  print("held_lock", x, 64, 9);
  as_thread_group<<<1, 32>>>(x);
  print("as_thread_group", x + 5 * 19, 5);
  large_values<<<1, 64>>>(x);
  print("large_values", x, 64, 16);
  partial_tiles<<<1, 80>>>(x);
  print("partial_tiles", x, 80, 13);
  no_wait<<<1, 32>>>(in, out);
  print("no_wait", out, 32, 31);
  no_commit<<<1, 32>>>(in, out);
  print("no_commit", out, 32, 31);
  int wrong = 0;
  for (int n : {0, 1, 15, 100, 999, 1000}) {
    bytes<<<1, 33>>>((char*)in, (char*)out, n);
    for (int i = 0; i < 1000; i++) wrong += ((char*)out)[i] != (i < n ? ((char*)in)[i] : (char)-1);
  }
  print("bytes", &wrong, 1);
  own_storage<<<1, 64>>>(in, out);
  print("own_storage", out, 64, 21);

  // Constants of the heap that kernels allocate from
  size_t limit = 0;
  cudaError_t set = cudaDeviceSetLimit(cudaLimitMallocHeapSize, 64 << 20);
  cudaDeviceGetLimit(&limit, cudaLimitMallocHeapSize);
  printf("heap %d %zu\n", set, limit);
  printf("error %d\n", cudaGetLastError());
}
