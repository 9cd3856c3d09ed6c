// Stream compaction: keeps the elements that fulfil a predicate, in their order. Ballots give each
// thread its place in the warp, a scan of the warps' counts its place in the block, and a scan of
// the blocks' counts the place of the block. A second version gives up the order for one atomic a
// warp (warp-aggregated).
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <vector>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

constexpr int kBlock = 256, kWarps = kBlock / 32;

struct IsMultipleOf {
  int divisor;
  __host__ __device__ bool operator()(int x) const { return x % divisor == 0; }
};

template <class Predicate>
__global__ void countKept(const int* in, int n, int* counts, Predicate keep) {
  int i = blockIdx.x * kBlock + threadIdx.x;
  int count = __syncthreads_count(i < n && keep(in[i]));
  if (threadIdx.x == 0) counts[blockIdx.x] = count;
}

// One block: counts become offsets, the total comes last.
__global__ void scanCounts(int* counts, int blocks) {
  __shared__ int shared[kBlock];
  shared[threadIdx.x] = threadIdx.x < blocks ? counts[threadIdx.x] : 0;
  __syncthreads();
  for (int offset = 1; offset < kBlock; offset *= 2) {
    int before = threadIdx.x >= offset ? shared[threadIdx.x - offset] : 0;
    __syncthreads();
    shared[threadIdx.x] += before;
    __syncthreads();
  }
  if (threadIdx.x < blocks) counts[threadIdx.x + 1] = shared[threadIdx.x];
  if (threadIdx.x == 0) counts[0] = 0;
}

template <class Predicate>
__global__ void scatterKept(const int* in, int n, const int* offsets, int* out, Predicate keep) {
  __shared__ int warps[kWarps];
  int i = blockIdx.x * kBlock + threadIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  bool kept = i < n && keep(in[i]);
  unsigned ballot = __ballot_sync(0xffffffff, kept);
  if (lane == 0) warps[warp] = __popc(ballot);
  __syncthreads();
  int place = offsets[blockIdx.x] + __popc(ballot & ((1u << lane) - 1));
  for (int w = 0; w < warp; w++) place += warps[w];
  if (kept) out[place] = in[i];
}

template <class Predicate>
__global__ void compactUnordered(const int* in, int n, int* out, int* count, Predicate keep) {
  int i = blockIdx.x * kBlock + threadIdx.x, lane = threadIdx.x % 32;
  bool kept = i < n && keep(in[i]);
  unsigned ballot = __ballot_sync(0xffffffff, kept);
  if (!ballot) return;  // the whole warp
  int leader = __ffs(ballot) - 1, first = 0;
  if (lane == leader) first = atomicAdd(count, __popc(ballot));
  first = __shfl_sync(0xffffffff, first, leader);
  if (kept) out[first + __popc(ballot & ((1u << lane) - 1))] = in[i];
}

int main() {
  const int n = 10007, blocks = (n + kBlock - 1) / kBlock;
  std::vector<int> host(n), expected;
  for (int i = 0; i < n; i++) host[i] = (i * 48271) % 65537;
  IsMultipleOf keep{3};
  std::copy_if(host.begin(), host.end(), std::back_inserter(expected), keep);

  int *in, *out, *counts, total;
  CHECK(cudaMalloc(&in, n * sizeof(int)));
  CHECK(cudaMalloc(&out, n * sizeof(int)));
  CHECK(cudaMalloc(&counts, (blocks + 1) * sizeof(int)));
  CHECK(cudaMemcpy(in, host.data(), n * sizeof(int), cudaMemcpyHostToDevice));
  countKept<<<blocks, kBlock>>>(in, n, counts, keep);
  scanCounts<<<1, kBlock>>>(counts, blocks);
  scatterKept<<<blocks, kBlock>>>(in, n, counts, out, keep);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(&total, counts + blocks, sizeof total, cudaMemcpyDeviceToHost));
  std::vector<int> result(total);
  CHECK(cudaMemcpy(result.data(), out, total * sizeof(int), cudaMemcpyDeviceToHost));
  printf("ordered = %d kept, same %d, last %d\n", total, result == expected, result.back());

  CHECK(cudaMemset(counts, 0, sizeof(int)));
  compactUnordered<<<blocks, kBlock>>>(in, n, out, counts, keep);
  CHECK(cudaMemcpy(&total, counts, sizeof total, cudaMemcpyDeviceToHost));
  result.resize(total);
  CHECK(cudaMemcpy(result.data(), out, total * sizeof(int), cudaMemcpyDeviceToHost));
  std::sort(result.begin(), result.end());
  std::sort(expected.begin(), expected.end());
  printf("unordered = %d kept, same when sorted %d\n", total, result == expected);
  CHECK(cudaFree(in));
  CHECK(cudaFree(out));
  CHECK(cudaFree(counts));
}
