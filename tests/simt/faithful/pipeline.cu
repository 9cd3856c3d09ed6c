// Copies that go on while threads compute: pipeline primitives, groups, barriers and pipelines in
// memory; and cuda::atomic.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cuda_pipeline.h>
#include <cuda_runtime.h>

#include <cstdio>
#include <cuda/atomic>
#include <cuda/barrier>
#include <cuda/pipeline>
#include <utility>

#ifdef __NVCC__
#pragma nv_diag_suppress static_var_with_dynamic_init
#endif

namespace cg = cooperative_groups;
constexpr int kBlock = 64;

// Two buffers: while one is summed the other is filled.
__global__ void primitives(const int* in, int tiles, int* out) {
  __shared__ int buffer[2][kBlock];
  int t = threadIdx.x, sum = 0;
  __pipeline_memcpy_async(&buffer[0][t], &in[t], sizeof(int));
  __pipeline_commit();
  for (int i = 0; i < tiles; i++) {
    if (i + 1 < tiles)
      __pipeline_memcpy_async(&buffer[(i + 1) % 2][t], &in[(i + 1) * kBlock + t], sizeof(int));
    __pipeline_commit();
    __pipeline_wait_prior(1);
    __syncthreads();
    sum = sum * 3 % 10007 + buffer[i % 2][kBlock - 1 - t];
    __syncthreads();
  }
  out[t] = sum;
}

__global__ void zero_fill(const int4* in, int4* out) {
  __shared__ int4 s[8];
  int t = threadIdx.x;
  __pipeline_memcpy_async(&s[t], &in[t], 16, t < 4 ? 0 : 4 * (t - 3));
  __pipeline_commit();
  __pipeline_wait_prior(0);
  out[t] = s[t];
}

__global__ void groups(const int* in, int tiles, int* out) {
  __shared__ alignas(16) int buffer[2][kBlock];
  auto block = cg::this_thread_block();
  int t = threadIdx.x, sum = 0;
  cg::memcpy_async(block, buffer[0], in, sizeof(int) * kBlock);
  for (int i = 0; i < tiles; i++) {
    const int* next = in + (i + 1) * kBlock;
    if (i + 1 < tiles) {
      cg::memcpy_async(block, buffer[(i + 1) % 2], size_t{kBlock}, next, size_t{kBlock});
      cg::wait_prior<1>(block);
    } else {
      cg::wait(block);
    }
    sum = sum * 5 % 10007 + buffer[i % 2][(t + 1) % kBlock];
    block.sync();
  }
  out[t] = sum;
  auto tile = cg::tiled_partition<8>(block);
  cg::memcpy_async(tile, buffer[0] + t / 8 * 8, in + 8 * (7 - t / 8),
                   cuda::aligned_size_t<16>(8 * sizeof(int)));
  cg::wait(tile);
  out[kBlock + t] = buffer[0][t / 8 * 8 + 7 - t % 8];
}

__global__ void barriers(const int* in, int* out) {
  using barrier = cuda::barrier<cuda::thread_scope_block>;
  __shared__ barrier full, all;
  __shared__ int shared[kBlock];
  int t = threadIdx.x;
  if (t == 0) {
    init(&full, kBlock / 2);  // the upper half brings what the lower half reads
    init(&all, kBlock);
  }
  __syncthreads();
  int mine = 0;
  for (int round = 0; round < 3; round++) {
    if (t >= kBlock / 2) {
      shared[t] = in[t] + round;
      shared[t - kBlock / 2] = in[t] * round;
    }
    if (t >= kBlock / 2) {
      auto ignored = full.arrive();
      (void)ignored;
    } else {
      full.wait_parity(round % 2);
      mine += shared[t] + shared[kBlock - 1 - t];
    }
    barrier::arrival_token token = all.arrive();
    mine += round;  // meanwhile
    all.wait(std::move(token));
  }
  out[t] = mine;
  __syncthreads();
  cuda::memcpy_async(&shared[t], &in[kBlock - 1 - t], sizeof(int), all);
  all.arrive_and_wait();
  out[kBlock + t] = shared[(t + 5) % kBlock];
  auto block = cg::this_thread_block();
  block.sync();
  cuda::memcpy_async(block, shared, in + kBlock, cuda::aligned_size_t<16>(sizeof shared), all);
  all.arrive_and_wait();
  out[2 * kBlock + t] = shared[kBlock - 1 - t];
}

__global__ void thread_pipeline(const int* in, int* out) {
  __shared__ int s[3][kBlock];
  int t = threadIdx.x, sum = 0;
  cuda::pipeline<cuda::thread_scope_thread> pipe = cuda::make_pipeline();
  for (int i = 0; i < 8; i++) {
    pipe.producer_acquire();
    cuda::memcpy_async(&s[i % 3][t], &in[i * kBlock + t], sizeof(int), pipe);
    pipe.producer_commit();
    if (i >= 2) {
      cuda::pipeline_consumer_wait_prior<2>(pipe);
      sum = sum * 7 % 10007 + s[(i - 2) % 3][t];
      pipe.consumer_release();
    }
  }
  cuda::pipeline_consumer_wait_prior<0>(pipe);
  out[t] = sum + s[0][t] + s[1][t];
}

__global__ void block_pipeline(const int* in, int tiles, int* out) {
  constexpr int stages = 2;
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, stages> state;
  __shared__ alignas(16) int s[stages][kBlock];
  auto block = cg::this_thread_block();
  auto pipe = cuda::make_pipeline(block, &state);
  int t = threadIdx.x, sum = 0;
  for (int done = 0, begun = 0; done < tiles; done++) {
    for (; begun < tiles && begun < done + stages; begun++) {
      pipe.producer_acquire();
      cuda::memcpy_async(block, s[begun % stages], in + begun * kBlock,
                         cuda::aligned_size_t<16>(sizeof(int) * kBlock), pipe);
      pipe.producer_commit();
    }
    pipe.consumer_wait();
    sum = sum * 3 % 10007 + s[done % stages][(t * 5) % kBlock];
    pipe.consumer_release();
  }
  out[t] = sum;
}

// One warp brings the tiles, the other sums them.
__global__ void specialised(const int* in, int tiles, int* out) {
  constexpr int stages = 3;
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, stages> state;
  __shared__ int s[stages][32];
  auto block = cg::this_thread_block();
  auto role = threadIdx.x < 32 ? cuda::pipeline_role::producer : cuda::pipeline_role::consumer;
  auto pipe = cuda::make_pipeline(block, &state, role);
  int lane = threadIdx.x % 32, sum = 0;
  for (int i = 0; i < tiles; i++) {
    if (role == cuda::pipeline_role::producer) {
      pipe.producer_acquire();
      cuda::memcpy_async(&s[i % stages][lane], &in[i * 32 + lane], sizeof(int), pipe);
      pipe.producer_commit();
    } else {
      pipe.consumer_wait();
      sum = sum * 3 % 10007 + s[i % stages][31 - lane];
      pipe.consumer_release();
    }
  }
  out[threadIdx.x] = sum;
}

__global__ void atomics(cuda::atomic<int, cuda::thread_scope_device>* counter, unsigned* plain,
                        float* sum, int* out) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  counter->fetch_add(t, cuda::memory_order_relaxed);
  cuda::atomic_ref<unsigned, cuda::thread_scope_device> ref(*plain);
  ref.fetch_max((unsigned)(t * 37 % 101));
  ref |= 1024u;
  cuda::atomic_ref<float, cuda::thread_scope_device> f(*sum);
  f.fetch_add(0.5f);
  __shared__ cuda::atomic<int, cuda::thread_scope_block> flag, next;
  if (threadIdx.x == 0) flag.store(0), next.store(1);
  __syncthreads();
  if (threadIdx.x == 0) {
    flag.store(7, cuda::memory_order_release);
  } else if (threadIdx.x == 32) {
    while (flag.load(cuda::memory_order_acquire) != 7) {
    }
    int expected = 1;
    bool done = next.compare_exchange_strong(expected, 5);
    out[blockIdx.x] = 10 * done + expected;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    int old = next.exchange(9);
    out[4 + blockIdx.x] = old * 100 + ++next;
  }
}

static int numbers[1024], h[256], *in, *out;
static void print(const char* name, int n) {
  cudaMemcpy(h, out, sizeof h, cudaMemcpyDeviceToHost);
  cudaMemset(out, 0, sizeof h);
  printf("%s =", name);
  for (int i = 0; i < n; i++) printf(" %d", h[i]);
  printf("\n");
}

int main() {
  for (int i = 0; i < 1024; i++) numbers[i] = i * 7919 % 1009;
  cudaMalloc(&in, sizeof numbers);
  cudaMalloc(&out, sizeof h);
  cudaMemcpy(in, numbers, sizeof numbers, cudaMemcpyHostToDevice);
  primitives<<<1, kBlock>>>(in, 9, out);
  print("primitives", kBlock);
  zero_fill<<<1, 8>>>((const int4*)in, (int4*)out);
  print("zero_fill", 32);
  groups<<<1, kBlock>>>(in, 7, out);
  print("groups", 2 * kBlock);
  barriers<<<1, kBlock>>>(in, out);
  print("barriers", 3 * kBlock);
  thread_pipeline<<<1, kBlock>>>(in, out);
  print("thread_pipeline", kBlock);
  block_pipeline<<<1, kBlock>>>(in, 11, out);
  print("block_pipeline", kBlock);
  specialised<<<1, kBlock>>>(in, 13, out);
  print("specialised", kBlock);

  cuda::atomic<int, cuda::thread_scope_device>* counter;
  cudaMalloc(&counter, sizeof *counter);
  cudaMemset(counter, 0, sizeof *counter);
  unsigned* plain = (unsigned*)in;
  float* sum = (float*)in + 1;
  cudaMemset(in, 0, 8);
  atomics<<<4, 64>>>(counter, plain, sum, out);
  int count;
  unsigned largest;
  float total;
  cudaMemcpy(&count, counter, sizeof count, cudaMemcpyDeviceToHost);
  cudaMemcpy(&largest, plain, sizeof largest, cudaMemcpyDeviceToHost);
  cudaMemcpy(&total, sum, sizeof total, cudaMemcpyDeviceToHost);
  printf("atomic = %d %g\n", count, total);
  printf("atomic_bits = %u\n", largest & 1024u);
  print("atomic_block", 8);
  printf("error = %d\n", (int)cudaGetLastError());
}
