// Seeded bugs, one for each name on the command line. The line of a bug bears the comment
// `// BUG`, its name and the kind: what simt check must find there. A bug with two lines bears it
// on either. The same program runs under compute-sanitizer on a GPU (compute_sanitizer.json has its
// verdicts). library_bugs.cu has more.
#include <cooperative_groups.h>

#include <cstdio>
#include <cstring>

namespace cg = cooperative_groups;
constexpr unsigned kFull = 0xffffffffu;

// ------------------------------------------------------------------------ races, shared memory

__global__ void reverse_no_barrier(float* out, const float* in) {
  __shared__ float s[128];
  int t = threadIdx.x;
  s[t] = in[t];
  out[t] = s[127 - t];  // BUG reverse_no_barrier shared_race
}

__global__ void tile_no_second_barrier(float* out, const float* in) {
  __shared__ float s[64];
  int t = threadIdx.x;
  float sum = 0;
  for (int k = 0; k < 4; k++) {
    s[t] = in[64 * k + t];  // BUG tile_no_second_barrier shared_race
    __syncthreads();
    for (int i = 0; i < 64; i++) sum += s[i];
  }
  out[t] = sum;
}

__global__ void reduce_no_barrier(float* out, const float* in) {
  __shared__ float s[256];
  int t = threadIdx.x;
  s[t] = in[t];
  __syncthreads();
  for (int half = 128; half > 0; half /= 2)
    if (t < half) s[t] += s[t + half];  // BUG reduce_no_barrier shared_race
  if (t == 0) out[0] = s[0];
}

__global__ void buffer_reused(float* out, const float* in) {
  __shared__ float total;
  for (int row = 0; row < 2; row++) {
    if (threadIdx.x == 0) total = in[row];  // BUG buffer_reused shared_race
    __syncthreads();
    out[row * 128 + threadIdx.x] = total;
  }
}

__global__ void warp_no_syncwarp(float* out, const float* in) {
  __shared__ float s[32];
  int t = threadIdx.x;
  s[t] = in[t];
  out[t] = s[t ^ 1];  // BUG warp_no_syncwarp shared_race
}

__global__ void warp_volatile(float* out, const float* in) {  // in step, as before Volta
  __shared__ volatile float s[64];
  int t = threadIdx.x;
  s[t] = in[t];
  s[t + 32] = in[t + 32];
  __syncwarp();
  s[t] = s[t] + s[t + 16];  // BUG warp_volatile shared_race
  out[t] = s[t];
}

__global__ void half_mask(float* out, const float* in) {  // lanes 16 to 31 are not waited for
  __shared__ float s[32];
  int t = threadIdx.x;
  s[t] = in[t];
  if (t < 16) __syncwarp(0xffff);
  out[t] = s[31 - t];  // BUG half_mask shared_race
}

__global__ void shared_counter(int* out) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  count++;  // BUG shared_counter shared_race
  __syncthreads();
  if (threadIdx.x == 0) out[0] = count;
}

__global__ void neighbours_in_place(float* out, const float* in) {
  __shared__ float s[130];
  int t = threadIdx.x;
  s[t + 1] = in[t];
  if (t == 0) s[0] = s[129] = 0;
  __syncthreads();
  s[t + 1] = (s[t] + s[t + 2]) / 2;  // BUG neighbours_in_place shared_race
  __syncthreads();
  out[t] = s[t + 1];
}

__global__ void dynamic_halves(float* out, const float* in) {  // two arrays that overlap
  extern __shared__ float buffer[];
  float *a = buffer, *b = buffer + 63;
  int t = threadIdx.x;
  a[t] = in[t] + 1;  // BUG dynamic_halves shared_race
  b[t] = t;          // BUG dynamic_halves shared_race
  __syncthreads();
  out[t] = a[t] + b[t];
}

__global__ void atomic_and_plain(int* out) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  atomicAdd(&count, 1);
  out[threadIdx.x] = count;  // BUG atomic_and_plain shared_race
}

// ------------------------------------------------------------------------ races, global memory

__global__ void sum_no_atomic(float* out, const float* in) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[0] += in[i];  // BUG sum_no_atomic global_race
}

__global__ void blocks_overlap(float* out, const float* in) {  // stride too small by one
  int i = blockIdx.x * (blockDim.x - 1) + threadIdx.x;
  out[i] = in[i] + blockIdx.x;  // BUG blocks_overlap global_race
}

__global__ void shift_in_place(float* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < 255) out[i] = out[i + 1];  // BUG shift_in_place global_race
}

__global__ void flag_no_fence(float* out, float* data, int* flag) {
  if (threadIdx.x) return;
  if (blockIdx.x == 0) {
    data[0] = 42;
    atomicExch(flag, 1);
  } else {
    while (atomicAdd(flag, 0) == 0) {
    }
    out[0] = data[0];  // BUG flag_no_fence global_race
  }
}

__global__ void global_scratch(float* out, float* scratch) {  // one scratch for all blocks
  scratch[threadIdx.x] = blockIdx.x;                          // BUG global_scratch global_race
  __syncthreads();
  out[blockIdx.x * 128 + threadIdx.x] = scratch[127 - threadIdx.x];
}

// --------------------------------------------------------------------------- outside of arrays

__global__ void no_bounds_check(float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = 1;  // BUG no_bounds_check out_of_bounds
}
__global__ void off_by_one(float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n) out[i] = 1;  // BUG off_by_one out_of_bounds
}
__global__ void before_start(float* out, const float* in) {
  int t = threadIdx.x;
  out[t] = in[t - 1];  // BUG before_start out_of_bounds
}
__global__ void float4_tail(float* out, int n) {  // n is no multiple of 4
  int i = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) *(float4*)(out + i) = make_float4(1, 1, 1, 1);  // BUG float4_tail out_of_bounds
}
__global__ void shared_too_far(float* out, const float* in, int n) {
  extern __shared__ float s[];
  int t = threadIdx.x;
  s[t + 32] = in[t];  // BUG shared_too_far shared_out_of_bounds
  __syncthreads();
  out[t] = s[t + 32];
}
__global__ void shared_index(float* out, const float* in, int n) {
  __shared__ float s[64];
  int t = threadIdx.x;
  s[t + n] = in[t];  // BUG shared_index index_out_of_bounds
  __syncthreads();
  out[t] = s[t];
}
__global__ void local_index(float* out, int n) {
  float a[4];
  for (int i = 0; i <= n; i++) a[i] = i;  // BUG local_index index_out_of_bounds
  out[threadIdx.x] = a[threadIdx.x % 4];
}
__global__ void misaligned(float* out, const float* in) {
  float4 v = *(const float4*)(in + 1);  // BUG misaligned misaligned_address
  out[threadIdx.x] = v.x + v.w;
}
__global__ void after_free(float* out, const float* freed) {
  out[threadIdx.x] = freed[threadIdx.x];  // BUG after_free use_after_free
}
__global__ void host_memory(float* out, const float* host) {
  out[threadIdx.x] = host[threadIdx.x];  // BUG host_memory host_pointer
}
__global__ void null_pointer(float* out, const float* nothing) {
  out[threadIdx.x] = nothing[threadIdx.x];  // BUG null_pointer null_pointer
}
__global__ void wild_index(float* out, long long far) {
  out[far * threadIdx.x] = 1;  // BUG wild_index illegal_address
}
__global__ void int_overflow(float* out, int rows, int cols) {
  int i = rows * cols;  // BUG int_overflow integer_overflow
  if (i == 7) out[0] = 1;
}

// ---------------------------------------------------------------------- memory nobody has written

__global__ void shared_unwritten(float* out) {
  __shared__ float s[64];
  if (threadIdx.x < 32) s[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = s[threadIdx.x];  // BUG shared_unwritten uninitialized_shared
}
__global__ void global_unwritten(float* out, const float* in) {
  out[threadIdx.x] = in[threadIdx.x];  // BUG global_unwritten uninitialized_global
}
__global__ void accumulate_unwritten(float* out) {
  atomicAdd(out, 1.0f);  // BUG accumulate_unwritten uninitialized_global
}

// ------------------------------------------------------------------------- barriers, warps, loops

__global__ void barrier_in_branch(float* out) {
  if (threadIdx.x < 64)
    __syncthreads();  // BUG barrier_in_branch barrier_divergence
  else
    __syncthreads();  // BUG barrier_in_branch barrier_divergence
  out[threadIdx.x] = 1;
}
__global__ void shuffle_mask(float* out) {  // lanes 16 to 31 name lanes that wait elsewhere
  float v = threadIdx.x;
  if (threadIdx.x < 16)
    v = __shfl_down_sync(0xffff, v, 1);
  else
    v = __shfl_down_sync(0xffff, v, 1);  // BUG shuffle_mask warp_mask
  out[threadIdx.x] = v;
}
__global__ void endless(float* out, const float* in) {
  float x = in[0];
  while (x >= 0) {
    x = x + 1 > 1e6f ? 0 : x + 1;
    out[threadIdx.x] = x;  // BUG endless endless_loop
  }
}
__device__ int deep(int n, volatile int* sink) {
  volatile int a[256];
  a[n & 255] = n;
  *sink = n;
  return n > 1000000 ? 0 : deep(n + 1, sink) + a[3];  // BUG recursion stack_overflow
}
__global__ void recursion(int* out) { out[0] = deep(0, out + 1); }

// --------------------------------------------------------------------------------------- the host

__global__ void nothing(float* out) { out[0] = 1; }

int main(int argc, char** argv) {
  const char* name = argc > 1 ? argv[1] : "";
  float *in, *out, *other, host[1024] = {};
  int* counts;
  cudaMalloc(&in, 1024 * sizeof(float));
  cudaMalloc(&out, 1000 * sizeof(float));
  cudaMalloc(&other, 1024 * sizeof(float));  // BUG leak leak
  cudaMalloc(&counts, 1024 * sizeof(int));
  cudaMemcpy(in, host, sizeof host, cudaMemcpyHostToDevice);
  cudaMemset(out, 0, 1000 * sizeof(float));
  cudaMemset(counts, 0, 1024 * sizeof(int));
  bool found = false;
  auto is = [&](const char* bug) {
    bool yes = !strcmp(name, bug);
    found |= yes;
    return yes;
  };
  if (is("reverse_no_barrier")) reverse_no_barrier<<<1, 128>>>(out, in);
  if (is("tile_no_second_barrier")) tile_no_second_barrier<<<1, 64>>>(out, in);
  if (is("reduce_no_barrier")) reduce_no_barrier<<<1, 256>>>(out, in);
  if (is("buffer_reused")) buffer_reused<<<1, 128>>>(out, in);
  if (is("warp_no_syncwarp")) warp_no_syncwarp<<<1, 32>>>(out, in);
  if (is("warp_volatile")) warp_volatile<<<1, 32>>>(out, in);
  if (is("half_mask")) half_mask<<<1, 32>>>(out, in);
  if (is("shared_counter")) shared_counter<<<1, 64>>>(counts);
  if (is("neighbours_in_place")) neighbours_in_place<<<1, 128>>>(out, in);
  if (is("dynamic_halves")) dynamic_halves<<<1, 64, 127 * 4>>>(out, in);
  if (is("atomic_and_plain")) atomic_and_plain<<<1, 64>>>(counts);
  if (is("sum_no_atomic")) sum_no_atomic<<<4, 64>>>(out, in);
  if (is("blocks_overlap")) blocks_overlap<<<4, 64>>>(out, in);
  if (is("shift_in_place")) shift_in_place<<<4, 64>>>(out);
  if (is("flag_no_fence")) flag_no_fence<<<2, 32>>>(out, in, counts);
  if (is("global_scratch")) global_scratch<<<4, 128>>>(out, in);
  if (is("no_bounds_check")) no_bounds_check<<<8, 128>>>(out, 1000);
  if (is("off_by_one")) off_by_one<<<8, 128>>>(out, 1000);
  if (is("before_start")) before_start<<<1, 64>>>(out, in);
  if (is("float4_tail")) float4_tail<<<2, 128>>>(out + 4, 997);
  if (is("shared_too_far")) shared_too_far<<<1, 64, 64 * 4>>>(out, in, 64);
  if (is("shared_index")) shared_index<<<1, 64>>>(out, in, 1);
  if (is("local_index")) local_index<<<1, 32>>>(out, 4);
  if (is("misaligned")) misaligned<<<1, 32>>>(out, in);
  if (is("host_memory")) host_memory<<<1, 32>>>(out, new float[1024]());
  if (is("null_pointer")) null_pointer<<<1, 32>>>(out, nullptr);
  if (is("wild_index")) wild_index<<<1, 32>>>(out, 1LL << 40);
  if (is("int_overflow")) int_overflow<<<1, 1>>>(out, 70000, 70000);
  if (is("shared_unwritten")) shared_unwritten<<<1, 64>>>(out);
  if (is("global_unwritten")) global_unwritten<<<1, 64>>>(out, other);
  if (is("accumulate_unwritten")) accumulate_unwritten<<<1, 64>>>(other);
  if (is("barrier_in_branch")) barrier_in_branch<<<1, 128>>>(out);
  if (is("shuffle_mask")) shuffle_mask<<<1, 32>>>(out);
  if (is("endless")) endless<<<1, 32>>>(out, in);
  if (is("recursion")) recursion<<<1, 1>>>(counts);
  if (is("after_free")) {
    cudaFree(other);
    after_free<<<1, 32>>>(out, other);
    other = nullptr;
  } else if (!strcmp(name, "too_many_threads")) {
    nothing<<<1, 2048>>>(out);  // BUG too_many_threads invalid_launch
  } else if (!strcmp(name, "double_free")) {
    cudaFree(other);
    cudaFree(other);  // BUG double_free invalid_free
    other = nullptr;
  } else if (!strcmp(name, "copy_too_much")) {
    cudaMemcpy(out, host, sizeof host, cudaMemcpyHostToDevice);  // BUG copy_too_much out_of_bounds
  } else if (!strcmp(name, "read_on_host")) {
    host[0] = out[0];  // BUG read_on_host device_pointer_on_host
  } else if (!strcmp(name, "copy_backwards")) {
    cudaMemcpy(out, host, 4, cudaMemcpyDeviceToHost);  // BUG copy_backwards wrong_copy_kind
  } else if (!strcmp(name, "leak")) {
    other = nullptr;  // found with --leaks
  }

  if (!found) printf("there is no bug %s\n", name);
  printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
  for (void* p : {(void*)in, (void*)out, (void*)other, (void*)counts}) cudaFree(p);
  return !found;
}
