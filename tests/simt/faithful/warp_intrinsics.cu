// What lanes of a warp find out together: matches, reductions, masks of lanes that run together.
#include <cuda_runtime.h>

#include <cstdio>

constexpr unsigned kAll = 0xffffffffu;

__global__ void match(unsigned* out) {
  int lane = threadIdx.x;
  int same = 0, different = 7;
  out[lane] = __match_any_sync(kAll, lane % 3);
  out[32 + lane] = __match_any_sync(kAll, lane < 10 ? 1.5f : (float)(lane / 8));
  out[64 + lane] = __match_any_sync(kAll, (long long)(lane & 1) << 40);
  out[96 + lane] = __match_all_sync(kAll, 12345u, &same);
  out[128 + lane] = __match_all_sync(kAll, (int)(lane == 9), &different);
  out[96 + lane] -= same, out[128 + lane] += different;
  if (lane < 12)  // half a warp, by a mask of its own
    out[160 + lane] = __match_any_sync(0x00000fffu, lane / 5);
}

__global__ void reduce(unsigned* out) {
  int lane = threadIdx.x;
  unsigned u = 1000003u * (unsigned)lane + 17;
  int i = lane % 2 ? lane : -lane;
  unsigned r[9] = {__reduce_add_sync(kAll, u),      (unsigned)__reduce_add_sync(kAll, i),
                   __reduce_min_sync(kAll, u),      (unsigned)__reduce_min_sync(kAll, i),
                   __reduce_max_sync(kAll, u),      (unsigned)__reduce_max_sync(kAll, i),
                   __reduce_and_sync(kAll, u | 16), __reduce_or_sync(kAll, u & 0xff00),
                   __reduce_xor_sync(kAll, u)};
  for (int k = 0; k < 9; k++) out[k * 32 + lane] = r[k];
  if (lane >= 20) out[9 * 32] = __reduce_add_sync(0xfff00000u, (unsigned)lane);
  if (lane == 3) out[9 * 32 + 1] = (unsigned)__reduce_add_sync(1u << 3, 0x7fffffff) + 1u;
}

// Lanes that take a branch add to a counter with one atomic: the leader adds for all.
__device__ int add_together(int* counter) {
  unsigned mask = __activemask();
  int lane = threadIdx.x % 32, leader = __ffs((int)mask) - 1, base = 0;
  if (lane == leader) base = atomicAdd(counter, __popc(mask));
  base = __shfl_sync(mask, base, leader);
  return base + __popc(mask & ((1u << lane) - 1));
}
__global__ void filter(const int* in, int n, int* out, int* counter) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    if (in[i] % 3 == 0) out[add_together(counter)] = in[i];
}

__global__ void whole_warp(unsigned* out) {  // a converged warp is active as a whole
  __syncwarp();
  unsigned mask = __activemask();
  out[threadIdx.x] = mask == kAll;
}

__global__ void mailbox(int* flag, int* out) {  // one thread waits for another, with naps
  if (threadIdx.x == 0) {
    unsigned ns = 8;
    while (atomicAdd(flag, 0) == 0) {
      __nanosleep(ns);
      if (ns < 256) ns *= 2;
    }
    out[0] = flag[1];
  } else if (threadIdx.x == 32) {
    flag[1] = 42;
    __threadfence();
    atomicExch(flag, 1);
  }
}

static void print(const char* name, const unsigned* x, int n) {
  printf("%s =", name);
  for (int i = 0; i < n; i++) printf(" %u", x[i]);
  printf("\n");
}

int main() {
  static unsigned h[4096];
  unsigned* d;
  cudaMalloc(&d, sizeof h);
  cudaMemset(d, 0, sizeof h);
  match<<<1, 32>>>(d);
  cudaMemcpy(h, d, sizeof h, cudaMemcpyDeviceToHost);
  print("match", h, 172);

  reduce<<<1, 32>>>(d);
  cudaMemcpy(h, d, sizeof h, cudaMemcpyDeviceToHost);
  for (int k = 0; k < 9; k++) print("reduce", h + 32 * k, 32);
  print("reduce_part", h + 9 * 32, 2);

  const int n = 1000;
  static int numbers[n], kept[n];
  for (int i = 0; i < n; i++) numbers[i] = i * 7919 % 1013;
  int *in, *out, *counter;
  cudaMalloc(&in, sizeof numbers);
  cudaMalloc(&out, sizeof numbers);
  cudaMalloc(&counter, 2 * sizeof(int));
  cudaMemset(counter, 0, 2 * sizeof(int));
  cudaMemcpy(in, numbers, sizeof numbers, cudaMemcpyHostToDevice);
  filter<<<3, 96>>>(in, n, out, counter);
  int count = 0;
  long long sum = 0, squares = 0;  // the order is not fixed: sums are
  cudaMemcpy(&count, counter, sizeof count, cudaMemcpyDeviceToHost);
  cudaMemcpy(kept, out, sizeof kept, cudaMemcpyDeviceToHost);
  for (int i = 0; i < count; i++) sum += kept[i], squares += (long long)kept[i] * kept[i];
  printf("filter = %d %lld %lld\n", count, sum, squares);

  whole_warp<<<1, 32>>>(d);
  cudaMemcpy(h, d, sizeof h, cudaMemcpyDeviceToHost);
  print("whole_warp", h, 32);

  int got = 0;
  cudaMemset(counter, 0, 2 * sizeof(int));
  mailbox<<<1, 64>>>(counter, out);
  cudaMemcpy(&got, out, sizeof got, cudaMemcpyDeviceToHost);
  printf("mailbox = %d\n", got);
  printf("error = %d\n", (int)cudaGetLastError());
}
