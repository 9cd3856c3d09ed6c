// A hash table of linked lists, each under a lock of its own, which passes from thread to thread
// and from block to block.
#include <cstdio>

constexpr int kBuckets = 61, kItems = 8192;

struct Lock {
  int taken;
  __device__ void acquire() {
    while (atomicCAS(&taken, 0, 1) != 0) {
    }
    __threadfence();
  }
  __device__ void release() {
    __threadfence();
    atomicExch(&taken, 0);
  }
};

struct Table {
  Lock locks[kBuckets];
  int head[kBuckets], length[kBuckets], next[kItems];
};

__global__ void insert(Table* table, const int* keys) {
  int item = blockIdx.x * blockDim.x + threadIdx.x;
  int bucket = keys[item] % kBuckets;
  for (int lane = 0; lane < 32; lane++) {  // one at a time: lanes that wait would block each other
    if (item % 32 != lane) continue;
    table->locks[bucket].acquire();
    table->next[item] = table->head[bucket];
    table->head[bucket] = item;
    table->length[bucket]++;
    table->locks[bucket].release();
  }
}

int main() {
  static int keys[kItems];
  for (int i = 0; i < kItems; i++) keys[i] = int((i * 2654435761u) >> 8);
  Table* table;
  int* device_keys;
  cudaMallocManaged(&table, sizeof *table);
  cudaMalloc(&device_keys, sizeof keys);
  cudaMemset(table, 0, sizeof *table);
  cudaMemset(table->head, 0xff, sizeof table->head);  // -1: empty
  cudaMemcpy(device_keys, keys, sizeof keys, cudaMemcpyHostToDevice);
  insert<<<kItems / 128, 128>>>(table, device_keys);
  cudaError_t error = cudaDeviceSynchronize();

  int found = 0, misplaced = 0;
  unsigned long long sum = 0;
  for (int bucket = 0; bucket < kBuckets; bucket++)
    for (int item = table->head[bucket]; item >= 0; item = table->next[item]) {
      found++;
      misplaced += keys[item] % kBuckets != bucket;
      sum += (unsigned long long)item * (bucket + 1);
    }
  printf("error = %d\nfound = %d\nmisplaced = %d\nsum = %llu\n", (int)error, found, misplaced, sum);
  for (int bucket = 0; bucket < kBuckets; bucket += 20)
    printf("length = %d %d\n", bucket, table->length[bucket]);
}
