// Top-k: each thread keeps its own k best in order, a block merges its threads' lists in a tree,
// and one block merges those of all blocks. Ties go to the smaller index.
#include <cuda_runtime.h>
#include <limits.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

struct Entry {
  float value;
  int index;
};

__host__ __device__ inline bool better(const Entry& a, const Entry& b) {
  return a.value > b.value || (a.value == b.value && a.index < b.index);
}

template <int K>
struct Best {
  Entry entries[K];
  __device__ void clear() {
    for (int i = 0; i < K; i++) entries[i] = {-1e30f, INT_MAX};
  }
  __device__ void insert(Entry e) {
    if (!better(e, entries[K - 1])) return;
    int i = K - 1;
    for (; i > 0 && better(e, entries[i - 1]); i--) entries[i] = entries[i - 1];
    entries[i] = e;
  }
};

template <int K, int BLOCK>
__device__ void mergeBlock(Best<K>* shared, Best<K>& mine) {
  shared[threadIdx.x] = mine;
  __syncthreads();
  for (int stride = BLOCK / 2; stride > 0; stride /= 2) {
    if (threadIdx.x < stride)
      for (const Entry& e : shared[threadIdx.x + stride].entries) shared[threadIdx.x].insert(e);
    __syncthreads();
  }
}

template <int K, int BLOCK>
__global__ void topkBlocks(const float* values, int n, Entry* partial) {
  __shared__ Best<K> shared[BLOCK];
  Best<K> mine;
  mine.clear();
  for (int i = blockIdx.x * BLOCK + threadIdx.x; i < n; i += gridDim.x * BLOCK)
    mine.insert({values[i], i});
  mergeBlock<K, BLOCK>(shared, mine);
  if (threadIdx.x < K) partial[blockIdx.x * K + threadIdx.x] = shared[0].entries[threadIdx.x];
}

template <int K, int BLOCK>
__global__ void topkFinish(const Entry* partial, int count, Entry* out) {
  __shared__ Best<K> shared[BLOCK];
  Best<K> mine;
  mine.clear();
  for (int i = threadIdx.x; i < count; i += BLOCK) mine.insert(partial[i]);
  mergeBlock<K, BLOCK>(shared, mine);
  if (threadIdx.x < K) out[threadIdx.x] = shared[0].entries[threadIdx.x];
}

int main() {
  constexpr int n = 20000, K = 8, BLOCK = 128, blocks = 10;
  std::vector<float> values(n);
  for (int i = 0; i < n; i++) values[i] = (float)((i * 7919u) % 10007u);  // each comes twice or so
  float* d_values;
  Entry *partial, *out, result[K];
  CHECK(cudaMalloc(&d_values, n * sizeof(float)));
  CHECK(cudaMalloc(&partial, blocks * K * sizeof(Entry)));
  CHECK(cudaMalloc(&out, K * sizeof(Entry)));
  CHECK(cudaMemcpy(d_values, values.data(), n * sizeof(float), cudaMemcpyHostToDevice));
  topkBlocks<K, BLOCK><<<blocks, BLOCK>>>(d_values, n, partial);
  topkFinish<K, BLOCK><<<1, BLOCK>>>(partial, blocks * K, out);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(result, out, sizeof result, cudaMemcpyDeviceToHost));

  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + K, order.end(),
                    [&](int a, int b) { return better({values[a], a}, {values[b], b}); });
  int right = 0;
  for (int i = 0; i < K; i++) right += result[i].index == order[i];
  printf("values =");
  for (int i = 0; i < K; i++) printf(" %.9g", result[i].value);
  printf("\nindices =");
  for (int i = 0; i < K; i++) printf(" %d", result[i].index);
  printf("\nright = %d of %d\n", right, K);
  CHECK(cudaFree(d_values));
  CHECK(cudaFree(partial));
  CHECK(cudaFree(out));
}
