// new, delete and malloc on the device: a linked list built by a thread, a stack that all threads
// push to with atomicCAS, and a hash table with chains.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

struct Node {
  int value;
  Node* next;
  __device__ Node(int value, Node* next) : value(value), next(next) {}
};

__device__ Node* head = nullptr;

__global__ void build(int n) {
  for (int i = 0; i < n; i++) head = new Node(i * i, head);
}

__global__ void reverse() {
  Node* reversed = nullptr;
  while (head) {
    Node* next = head->next;
    head->next = reversed;
    reversed = head;
    head = next;
  }
  head = reversed;
}

__global__ void take(int* first, int* length, int* sum) {
  *first = head->value;
  *length = *sum = 0;
  while (head) {
    Node* next = head->next;
    ++*length;
    *sum += head->value;
    delete head;
    head = next;
  }
}

__global__ void push() {
  Node *node = new Node(blockIdx.x * blockDim.x + threadIdx.x, nullptr), *seen = nullptr;
  do {  // the first try may fail, and tells what the head is
    node->next = seen;
    seen = (Node*)atomicCAS((unsigned long long*)&head, (unsigned long long)node->next,
                            (unsigned long long)node);
  } while (seen != node->next);
}

struct Entry {
  int key, count;
  Entry* next;
};
constexpr int kBuckets = 8;

__global__ void countKeys(const int* keys, int n, int* distinct, int* most) {
  __shared__ Entry* buckets[kBuckets];
  if (threadIdx.x < kBuckets) buckets[threadIdx.x] = nullptr;
  __syncthreads();
  // Each bucket has one owner, so no locks are needed.
  int found = 0, best = 0;
  if (threadIdx.x < kBuckets)
    for (int i = 0; i < n; i++) {
      if (keys[i] % kBuckets != threadIdx.x) continue;
      Entry* entry = buckets[threadIdx.x];
      while (entry && entry->key != keys[i]) entry = entry->next;
      if (!entry) {
        entry = (Entry*)malloc(sizeof(Entry));
        *entry = {keys[i], 0, buckets[threadIdx.x]};
        buckets[threadIdx.x] = entry;
        found++;
      }
      if (++entry->count > best) best = entry->count;
    }
  atomicAdd(distinct, found);
  atomicMax(most, best);
  if (threadIdx.x < kBuckets)
    for (Entry* entry = buckets[threadIdx.x]; entry;) {
      Entry* next = entry->next;
      free(entry);
      entry = next;
    }
}

// An array of the thread's own size.
__global__ void ownArrays(int* sums) {
  int n = threadIdx.x + 1, *mine = new int[n];
  for (int i = 0; i < n; i++) mine[i] = i;
  int sum = 0;
  for (int i = 0; i < n; i++) sum += mine[i];
  sums[threadIdx.x] = sum;
  delete[] mine;
}

int main() {
  CHECK(cudaDeviceSetLimit(cudaLimitMallocHeapSize, 16 << 20));
  int *r, host[3];
  CHECK(cudaMallocManaged(&r, 64 * sizeof(int)));
  build<<<1, 1>>>(10);
  reverse<<<1, 1>>>();
  take<<<1, 1>>>(r, r + 1, r + 2);
  CHECK(cudaMemcpy(host, r, sizeof host, cudaMemcpyDeviceToHost));
  printf("list = first %d, length %d, sum %d\n", host[0], host[1], host[2]);

  push<<<8, 64>>>();
  take<<<1, 1>>>(r, r + 1, r + 2);
  CHECK(cudaMemcpy(host, r, sizeof host, cudaMemcpyDeviceToHost));
  printf("stack = length %d, sum %d\n", host[1], host[2]);

  int* keys;
  CHECK(cudaMallocManaged(&keys, 500 * sizeof(int)));
  for (int i = 0; i < 500; i++) keys[i] = (i * i) % 97;
  r[0] = r[1] = 0;
  countKeys<<<1, 32>>>(keys, 500, r, r + 1);
  CHECK(cudaDeviceSynchronize());
  printf("table = %d distinct, at most %d\n", r[0], r[1]);

  ownArrays<<<1, 64>>>(r);
  CHECK(cudaDeviceSynchronize());
  printf("arrays = %d %d\n", r[10], r[63]);
  CHECK(cudaFree(r));
  CHECK(cudaFree(keys));
}
