// Barriers and warps: counts, shuffles of every kind and size, votes, partial warps, cub.
#include <cstdio>
#include <cub/cub.cuh>

__global__ void counts(int* out) {
  int t = threadIdx.x;
  int odd = __syncthreads_count(t % 2), any = __syncthreads_or(t == 77),
      all = __syncthreads_and(t < 99);
  int none = __syncthreads_or(0), every = __syncthreads_and(1);
  if (t == 5) out[0] = odd, out[1] = any != 0, out[2] = all != 0, out[3] = none, out[4] = every;
}

__global__ void scan(int* out) {  // inclusive, by doubling: two barriers a step
  __shared__ int s[100];
  int t = threadIdx.x;
  s[t] = t;
  __syncthreads();
  for (int d = 1; d < 100; d *= 2) {
    int v = t >= d ? s[t - d] : 0;
    __syncthreads();
    s[t] += v;
    __syncthreads();
  }
  out[t] = s[t];
}

__global__ void shuffles(int* out) {
  int lane = threadIdx.x % 32, *o = out + threadIdx.x * 8;
  unsigned full = 0xffffffff;
  o[0] = __shfl_sync(full, lane * 10, 3);
  o[1] = __shfl_sync(full, lane * 10, 3, 8);
  o[2] = __shfl_up_sync(full, lane, 2);
  o[3] = __shfl_down_sync(full, lane, 2, 16);
  o[4] = __shfl_xor_sync(full, lane, 5);
  o[5] = (int)__shfl_sync(full, lane * 1.5, 31);
  float4 v = make_float4(lane, lane + 1, lane + 2, lane + 3);
  float4 w = __shfl_xor_sync(full, v, 1);
  o[6] = (int)(w.x + 100 * w.w);
  o[7] = __shfl_xor_sync(full, lane, 9, 8);  // a source in an earlier group may be read
}

__global__ void votes(unsigned* out) {
  unsigned lane = threadIdx.x;
  unsigned b = __ballot_sync(0xffffffff, lane % 3 == 0);
  int any = __any_sync(0xffffffff, lane == 31), all = __all_sync(0xffffffff, lane < 31);
  unsigned half = 0;
  if (lane < 16)
    half = __ballot_sync(0x0000ffff, lane > 3);
  else
    half = __ballot_sync(0xffff0000, lane > 20);
  if (lane == 7)
    out[0] = b, out[1] = any, out[2] = all, out[3] = half, out[4] = __activemask() >> lane & 1;
  if (lane == 25) out[5] = half;
}

__global__ void partial(int* out) {  // 48 threads: the second warp has 16
  int sum = threadIdx.x;
  for (int o = 8; o; o /= 2) sum += __shfl_xor_sync(0xffffffff, sum, o);
  int all = __all_sync(0xffffffff, 1);
  out[threadIdx.x] = sum + 10000 * all;
}

__global__ void warp_sync(int* out) {
  __shared__ int s[64];
  int t = threadIdx.x;
  s[t] = t;
  __syncwarp();
  out[t] = s[t ^ 31];
}

__global__ void early(int* out) {  // the second warp returns; the first one meets again
  int lane = threadIdx.x % 32;
  for (int turn = 0; turn < 2; turn++) {
    if (turn == 1 && threadIdx.x >= 32) return;
    __syncthreads();
    int v = __shfl_xor_sync(0xffffffff, lane, 1);
    out[threadIdx.x] = v + 100 * turn;
  }
}

template <int BLOCK>
__global__ void cub_sums(float* out) {
  typedef cub::BlockReduce<float, BLOCK> BlockReduce;
  __shared__ typename BlockReduce::TempStorage temp;
  float sum = BlockReduce(temp).Sum((float)threadIdx.x);
  __syncthreads();
  float largest = BlockReduce(temp).Reduce((float)((threadIdx.x * 37) % BLOCK), cub::Max());
  __syncthreads();
  float first = BlockReduce(temp).Sum(1.0f, 40);
  __shared__ cub::WarpReduce<int, 8>::TempStorage warp_temp[BLOCK / 8];
  int eights = cub::WarpReduce<int, 8>(warp_temp[threadIdx.x / 8]).Sum((int)threadIdx.x);
  if (threadIdx.x == 0) out[0] = sum, out[1] = largest, out[2] = first;
  if (threadIdx.x == 16) out[3] = eights;
}

__global__ void lock(int* l, int* n) {  // works on a GPU since Volta: lanes advance independently
  while (atomicCAS(l, 0, 1) != 0) {
  }
  *n += 1;
  __threadfence();
  atomicExch(l, 0);
}

static void print(const char* name, const int* x, int n, int step) {
  printf("%s", name);
  for (int i = 0; i < n; i += step) printf(" %d", x[i]);
  printf("\n");
}

int main() {
  int* x;
  float* f;
  cudaMalloc(&x, 4 * 4096);
  cudaMalloc(&f, 64);
  counts<<<1, 100>>>(x);
  print("counts", x, 5, 1);
  scan<<<1, 100>>>(x);
  print("scan", x, 100, 33);
  shuffles<<<1, 64>>>(x);
  print("shuffles_lane0", x, 8, 1);
  print("shuffles_lane13", x + 8 * 13, 8, 1);
  print("shuffles_lane31", x + 8 * 63, 8, 1);
  votes<<<1, 32>>>((unsigned*)x);
  for (int i = 0; i < 6; i++) printf("vote%d %u\n", i, ((unsigned*)x)[i]);
  partial<<<1, 48>>>(x);
  print("partial", x, 48, 16);
  warp_sync<<<1, 64>>>(x);
  print("syncwarp", x, 64, 21);
  early<<<1, 64>>>(x);
  print("early", x, 64, 21);
  cub_sums<128><<<1, 128>>>(f);
  printf("cub %g %g %g %g\n", f[0], f[1], f[2], f[3]);
  cudaMemset(x, 0, 8);
  lock<<<8, 64>>>(x, x + 1);
  printf("lock %d %d\n", x[1], cudaGetLastError());
}
