// Seeded bugs, as in bugs.cu: those that need more of CUDA than its core. Variables of the device,
// its heap, local memory through pointers, cooperative groups, cuda::barrier and cuda::atomic, cub.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>

#include <cstdio>
#include <cstring>
#include <cub/cub.cuh>
#include <cuda/atomic>
#include <cuda/barrier>

#ifdef __NVCC__
#pragma nv_diag_suppress static_var_with_dynamic_init
#endif

namespace cg = cooperative_groups;

// ---------------------------------------------------------------------------------------- races

__device__ int counter;
__global__ void variable_counter() {
  counter = counter + 1;  // BUG variable_counter global_race
}

__global__ void byte_each(unsigned char* out) {
  out[threadIdx.x / 2] = (unsigned char)threadIdx.x;  // BUG byte_each global_race
}

__global__ void warp_barrier_for_block(float* out, const float* in) {
  __shared__ float s[128];
  int t = threadIdx.x;
  s[t] = in[t];
  __syncwarp();
  out[t] = s[127 - t];  // BUG warp_barrier_for_block shared_race
}

__global__ void tile_sync_for_block(float* out, const float* in) {
  __shared__ float s[64];
  auto tile = cg::tiled_partition<32>(cg::this_thread_block());
  int t = threadIdx.x;
  s[t] = in[t];
  tile.sync();
  out[t] = s[63 - t];  // BUG tile_sync_for_block shared_race
}

__global__ void no_grid_sync(float* parts, float* out) {  // cooperative, yet it never waits
  auto grid = cg::this_grid();
  if (threadIdx.x == 0) parts[blockIdx.x] = blockIdx.x;
  __syncthreads();
  if (grid.thread_rank() == 0) {
    float sum = 0;
    for (int b = 0; b < (int)gridDim.x; b++) sum += parts[b];  // BUG no_grid_sync global_race
    out[0] = sum;
  }
}

__global__ void relaxed_flag(int* out, int* data, int* flag) {
  cuda::atomic_ref<int, cuda::thread_scope_device> ready(*flag);
  if (threadIdx.x) return;
  if (blockIdx.x == 0) {
    data[0] = 42;
    ready.store(1, cuda::memory_order_relaxed);  // to release it would order the data
  } else {
    while (ready.load(cuda::memory_order_acquire) == 0) {
    }
    out[0] = data[0];  // BUG relaxed_flag global_race
  }
}

__global__ void fence_too_early(int* out, int* data, int* flag) {
  if (threadIdx.x) return;
  if (blockIdx.x == 0) {
    __threadfence();
    data[0] = 42;
    atomicExch(flag, 1);
  } else {
    while (atomicAdd(flag, 0) == 0) {
    }
    out[0] = data[0];  // BUG fence_too_early global_race
  }
}

__global__ void signal_before_all_wrote(int* out, int* data, int* flag) {
  int t = threadIdx.x;
  if (blockIdx.x == 0) {
    data[t] = t;  // and here all should wait for one another
    if (t == 0) {
      __threadfence();
      atomicExch(flag, 1);
    }
  } else {
    if (t == 0)
      while (atomicAdd(flag, 0) == 0) {
      }
    __syncthreads();
    out[t] = data[t];  // BUG signal_before_all_wrote global_race
  }
}

__global__ void only_one_waits(int* out, int* data, int* flag) {
  int t = threadIdx.x;
  if (blockIdx.x == 0) {
    data[t] = t;
    __syncthreads();
    if (t == 0) {
      __threadfence();
      atomicExch(flag, 1);
    }
  } else {
    if (t == 0)
      while (atomicAdd(flag, 0) == 0) {
      }
    out[t] = data[t];  // BUG only_one_waits global_race
  }
}

__global__ void barrier_not_ready(float* out, const float* in) {
  __shared__ cuda::barrier<cuda::thread_scope_block> all;
  __shared__ float s[64];
  int t = threadIdx.x;
  if (t == 0) init(&all, blockDim.x);
  s[t] = in[t];
  all.arrive_and_wait();  // BUG barrier_not_ready shared_race
  out[t] = s[63 - t];
}

__global__ void storage_reused(int* out, const int* in) {
  using Reduce = cub::BlockReduce<int, 64>;
  __shared__ typename Reduce::TempStorage storage;
  int t = threadIdx.x;
  int first = Reduce(storage).Sum(in[t]);
  int second = Reduce(storage).Sum(in[64 + t]);  // BUG storage_reused shared_race
  if (t == 0) out[0] = first - second;
}

__global__ void copy_not_awaited(int* out, const int* in) {
  __shared__ int s[64];
  auto block = cg::this_thread_block();
  cg::memcpy_async(block, s, in, sizeof s);
  out[threadIdx.x] = s[threadIdx.x];  // BUG copy_not_awaited uninitialized_shared
  cg::wait(block);
}

// --------------------------------------------------------------------------- outside of arrays

__device__ int table[16];
__global__ void table_index(int n) {
  table[threadIdx.x + n] = 1;  // BUG table_index index_out_of_bounds
}

__global__ void shared_neighbour(float* out, int n) {  // out of one array into the next
  __shared__ float first[32], second[32];
  float* p = threadIdx.x < 64 ? first : second;
  second[threadIdx.x] = first[threadIdx.x] = 0;
  p[threadIdx.x + n] = 1;  // BUG shared_neighbour shared_out_of_bounds
  __syncthreads();
  out[threadIdx.x] = first[threadIdx.x] + second[threadIdx.x];
}

__device__ __noinline__ void fill(float* p, int n) {
  for (int i = 0; i < n; i++) p[i] = i;
}
__device__ __noinline__ float filled(int n) {
  float a[8];
  fill(a, n);
  return a[n & 7];
}  // BUG local_array local_out_of_bounds
__global__ void local_array(float* out, int n) { out[threadIdx.x] = filled(n); }

__global__ void local_pointer(float* out, int n) {
  float a[8];
  float* middle = a + 4;
  for (int i = -4; i <= n; i++) middle[i] = i;  // BUG local_pointer index_out_of_bounds
  out[threadIdx.x] = a[n & 7];
}

__global__ void local_misaligned(float* out, int n) {
  char bytes[32];
  for (int i = 0; i < 32; i++) bytes[i] = i;
  out[threadIdx.x] = *(float*)(bytes + n);  // BUG local_misaligned misaligned_address
}
__global__ void shared_misaligned(float2* out, int n) {
  __shared__ float s[65];
  s[threadIdx.x] = s[64] = 1;
  __syncthreads();
  out[threadIdx.x] = *(float2*)(s + n);  // BUG shared_misaligned misaligned_address
}

__global__ void heap_too_far(int* out) {
  int* p = new int[4];
  for (int i = 0; i <= (int)blockDim.x; i++) p[i] = i;  // BUG heap_too_far out_of_bounds
  out[threadIdx.x] = p[threadIdx.x];
  delete[] p;
}
__global__ void heap_after_free(int* out) {
  int* p = (int*)malloc(16);
  p[0] = 1;
  free(p);
  out[0] = p[0];  // BUG heap_after_free use_after_free
}
__global__ void heap_double_free() {
  void* p = malloc(16);
  free(p);
  free(p);  // BUG heap_double_free invalid_free
}
__global__ void heap_leak(int* out) {
  int* p = (int*)malloc(16);  // BUG heap_leak leak
  p[0] = 1;
  out[0] = p[0];
}

__global__ void load_too_far(int* out, const int* in) {
  using Load = cub::BlockLoad<int, 32, 4>;
  int items[4];
  Load().Load(in, items);  // BUG load_too_far out_of_bounds
  out[threadIdx.x] = items[0] + items[3];
}

// --------------------------------------------------------------------------------------- the host

__global__ void nothing() {}

int main(int argc, char** argv) {
  const char* name = argc > 1 ? argv[1] : "";
  float *in, *out, host[256] = {};
  int* counts;
  cudaMalloc(&in, 256 * sizeof(float));
  cudaMalloc(&out, 100 * sizeof(float));
  cudaMalloc(&counts, 256 * sizeof(int));
  cudaMemcpy(in, host, sizeof host, cudaMemcpyHostToDevice);
  cudaMemset(out, 0, 100 * sizeof(float));
  cudaMemset(counts, 0, 256 * sizeof(int));
  bool found = false;
  auto is = [&](const char* bug) {
    bool yes = !strcmp(name, bug);
    found |= yes;
    return yes;
  };
  if (is("variable_counter")) variable_counter<<<1, 64>>>();
  if (is("byte_each")) byte_each<<<1, 64>>>((unsigned char*)counts);
  if (is("warp_barrier_for_block")) warp_barrier_for_block<<<1, 128>>>(in, in);
  if (is("tile_sync_for_block")) tile_sync_for_block<<<1, 64>>>(out, in);
  if (is("no_grid_sync")) {
    void* arguments[] = {&in, &out};
    cudaLaunchCooperativeKernel((void*)no_grid_sync, dim3(8), dim3(32), arguments, 0, 0);
  }
  if (is("relaxed_flag")) relaxed_flag<<<2, 32>>>(counts, counts + 1, counts + 2);
  if (is("fence_too_early")) fence_too_early<<<2, 32>>>(counts, counts + 1, counts + 2);
  if (is("signal_before_all_wrote"))
    signal_before_all_wrote<<<2, 64>>>(counts, counts + 64, counts + 128);
  if (is("only_one_waits")) only_one_waits<<<2, 64>>>(counts, counts + 64, counts + 128);
  if (is("barrier_not_ready")) barrier_not_ready<<<1, 64>>>(out, in);
  if (is("storage_reused")) storage_reused<<<1, 64>>>(counts, (int*)in);
  if (is("copy_not_awaited")) copy_not_awaited<<<1, 64>>>(counts, (int*)in);
  if (is("table_index")) table_index<<<1, 8>>>(12);
  if (is("shared_neighbour")) shared_neighbour<<<1, 32>>>(out, 8);
  if (is("local_array")) local_array<<<1, 1>>>(out, 12);
  if (is("local_pointer")) local_pointer<<<1, 1>>>(out, 4);
  if (is("local_misaligned")) local_misaligned<<<1, 1>>>(out, 3);
  if (is("shared_misaligned")) shared_misaligned<<<1, 32>>>((float2*)out, 1);
  if (is("heap_too_far")) heap_too_far<<<1, 4>>>(counts);
  if (is("heap_after_free")) heap_after_free<<<1, 1>>>(counts);
  if (is("heap_double_free")) heap_double_free<<<1, 1>>>();
  if (is("heap_leak")) heap_leak<<<1, 1>>>(counts);
  if (is("load_too_far")) load_too_far<<<1, 32>>>(counts, (int*)out);
  if (is("reduce_too_far")) {
    size_t bytes = 0;
    cub::DeviceReduce::Sum(nullptr, bytes, out, in, 101);
    void* temporary;
    cudaMalloc(&temporary, bytes);
    cub::DeviceReduce::Sum(temporary, bytes, out, in, 101);  // BUG reduce_too_far out_of_bounds
    cudaFree(temporary);
  }
  if (is("fill_too_much"))
    cudaMemset(out, 0, 101 * sizeof(float));               // BUG fill_too_much out_of_bounds
  if (is("free_on_host")) cudaFree(host);                  // BUG free_on_host invalid_free
  if (is("too_much_shared")) nothing<<<1, 32, 50000>>>();  // BUG too_much_shared invalid_launch
  if (is("unchecked_launch")) nothing<<<0, 32>>>();  // BUG unchecked_launch unchecked_launch_error

  if (is("copy_unwritten")) {
    float* p;
    cudaMalloc(&p, 40);
    cudaMemcpy(host, p, 40, cudaMemcpyDefault);  // BUG copy_unwritten uninitialized_copy
    cudaFree(p);
  }

  if (!found) printf("there is no bug %s\n", name);
  printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
  for (void* p : {(void*)in, (void*)out, (void*)counts}) cudaFree(p);
  return !found;
}
