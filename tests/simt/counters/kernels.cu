// Kernels that are counted twice: by simt profile, and on a GPU by Nsight Compute. compare.py sets
// both side by side, and docs/simt-counters.md has the table. Each is launched once, and is written
// so that the compilers for both have little to decide: no loads that could be shared, hoisted or
// merged.
#include <cstdio>

#define CHECK(call)                                                         \
  do {                                                                      \
    cudaError_t error = (call);                                             \
    if (error != cudaSuccess) {                                             \
      printf("%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      return 1;                                                             \
    }                                                                       \
  } while (0)

constexpr int kThreads = 128, kBlocks = 16, kElements = kThreads * kBlocks;

// ------------------------------------------------------------------------------------ global

__global__ void copy_coalesced(float* out, const float* in) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = in[i];
}
__global__ void copy_stride_2(float* out, const float* in) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[2 * i] = in[2 * i];
}
__global__ void copy_stride_32(float* out, const float* in) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[32 * i] = in[32 * i];
}
__global__ void copy_misaligned(float* out, const float* in) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i + 3] = in[i + 1];
}
__global__ void copy_float2(float2* out, const float2* in) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = in[i];
}
__global__ void copy_float4(float4* out, const float4* in) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = in[i];
}
__global__ void copy_double(double* out, const double* in) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = in[i];
}
__global__ void copy_bytes(unsigned char* out, const unsigned char* in) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = in[i];
}
__global__ void copy_half_of_warp(float* out, const float* in) {  // 16 lanes of each warp
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (threadIdx.x % 32 < 16) out[i] = in[i];
}
__global__ void gather(float* out, const float* in, const int* index) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = in[index[i]];
}
__global__ void broadcast(float* out, const float* in) {  // all lanes read one address
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = in[blockIdx.x];
}
__global__ void unequal_loops(float* out, const float* in, const int* trips) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = 0;
  for (int outer = 0; outer < 3; outer++)
#pragma unroll 1
    for (int k = 0; k < trips[(i + outer) % kElements]; k++)
      sum += in[(i + 64 * k + 512 * outer) % kElements];
  out[i] = sum;
}
__global__ void two_sides(float* out, const float* in) {  // each warp takes both branches
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (threadIdx.x % 2)
    out[i] = in[i] * 2;
  else
    out[kElements + i] = in[kElements + i] + 1;
}

// ------------------------------------------------------------------------------------ linear

__global__ void naive_linear(float* out, const float* in, const float* weight, int n, int k) {
  int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
  float sum = 0;
  for (int i = 0; i < k; i++) sum += in[row * k + i] * weight[col * k + i];
  out[row * n + col] = sum;
}

__global__ void tiled_linear(float* out, const float* in, const float* weight, int n, int k) {
  __shared__ float in_tile[32][32];
  __shared__ float weight_tile[32][33];
  int row = blockIdx.y * 32 + threadIdx.y, col = blockIdx.x * 32 + threadIdx.x;
  float sum = 0;
  for (int k0 = 0; k0 < k; k0 += 32) {
    in_tile[threadIdx.y][threadIdx.x] = in[row * k + k0 + threadIdx.x];
    weight_tile[threadIdx.y][threadIdx.x] =
        weight[(blockIdx.x * 32 + threadIdx.y) * k + k0 + threadIdx.x];
    __syncthreads();
    for (int i = 0; i < 32; i++) sum += in_tile[threadIdx.y][i] * weight_tile[threadIdx.x][i];
    __syncthreads();
  }
  out[row * n + col] = sum;
}

// --------------------------------------------------------------------------------- transpose

__global__ void transpose_naive(float* out, const float* in, int n) {
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
  out[x * n + y] = in[y * n + x];
}
template <int Pad>
__device__ void transpose(float* out, const float* in, int n) {
  __shared__ float tile[32][32 + Pad];
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
  tile[threadIdx.y][threadIdx.x] = in[y * n + x];
  __syncthreads();
  x = blockIdx.y * 32 + threadIdx.x, y = blockIdx.x * 32 + threadIdx.y;
  out[y * n + x] = tile[threadIdx.x][threadIdx.y];
}
__global__ void transpose_conflicts(float* out, const float* in, int n) {
  transpose<0>(out, in, n);
}
__global__ void transpose_padded(float* out, const float* in, int n) { transpose<1>(out, in, n); }

// -------------------------------------------------------------------- layernorm, reductions

__device__ float block_sum(float value) {
  __shared__ float warp_sums[32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (int offset = 16; offset > 0; offset /= 2)
    value += __shfl_down_sync(0xffffffff, value, offset);
  if (lane == 0) warp_sums[warp] = value;
  __syncthreads();
  float sum = 0;
  for (int w = 0; w < blockDim.x / 32; w++) sum += warp_sums[w];
  __syncthreads();
  return sum;
}
__global__ void layernorm(float* out, const float* in, const float* weight, const float* bias,
                          int num_cols) {
  const float* x = in + blockIdx.x * num_cols;
  float sum = 0;
  for (int c = threadIdx.x; c < num_cols; c += blockDim.x) sum += x[c];
  float mean = block_sum(sum) / num_cols, sum_sq = 0;
  for (int c = threadIdx.x; c < num_cols; c += blockDim.x) sum_sq += (x[c] - mean) * (x[c] - mean);
  float rstd = rsqrtf(block_sum(sum_sq) / num_cols + 1e-5f);
  for (int c = threadIdx.x; c < num_cols; c += blockDim.x)
    out[blockIdx.x * num_cols + c] = (x[c] - mean) * rstd * weight[c] + bias[c];
}
__global__ void reduce_shared(float* out, const float* in, int first) {  // bank conflicts
  __shared__ float s[kThreads];
  int t = threadIdx.x;
  s[t] = in[blockIdx.x * blockDim.x + t];
  __syncthreads();
  for (int step = first; step < kThreads; step *= 2) {
    int at = 2 * step * t;
    if (at < kThreads) s[at] += s[at + step];
    __syncthreads();
  }
  if (t == 0) out[blockIdx.x] = s[0];
}
__global__ void reduce_shuffle(float* out, const float* in) {
  float value = in[blockIdx.x * blockDim.x + threadIdx.x];
  for (int offset = 16; offset > 0; offset /= 2)
    value += __shfl_down_sync(0xffffffff, value, offset);
  if (threadIdx.x % 32 == 0) out[(blockIdx.x * blockDim.x + threadIdx.x) / 32] = value;
}

// ------------------------------------------------------------------- shared memory, by width

template <class T, int Stride>
__device__ void through_shared(T* out, const T* in) {
  __shared__ T s[kThreads * Stride];
  int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
  s[t * Stride] = in[i];
  __syncthreads();
  out[i] = s[(t ^ 1) * Stride];
}
__global__ void shared_stride_2(float* out, const float* in) { through_shared<float, 2>(out, in); }
__global__ void shared_stride_8(float* out, const float* in) { through_shared<float, 8>(out, in); }
__global__ void shared_double(double* out, const double* in) { through_shared<double, 1>(out, in); }
__global__ void shared_double_stride_2(double* out, const double* in) {
  through_shared<double, 2>(out, in);
}
__global__ void shared_float4(float4* out, const float4* in) { through_shared<float4, 1>(out, in); }
__global__ void shared_float4_stride_2(float4* out, const float4* in) {
  through_shared<float4, 2>(out, in);
}
__global__ void shared_bytes(unsigned char* out, const unsigned char* in) {
  through_shared<unsigned char, 1>(out, in);
}

// ----------------------------------------------------------------------------------- atomics

__global__ void histogram_global(int* bins, const int* in) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(&bins[in[i] % 64], 1);
}
__global__ void histogram_shared(int* bins, const int* in) {
  __shared__ int mine[64];
  if (threadIdx.x < 64) mine[threadIdx.x] = 0;
  __syncthreads();
  atomicAdd(&mine[in[blockIdx.x * blockDim.x + threadIdx.x] % 64], 1);
  __syncthreads();
  if (threadIdx.x < 64) atomicAdd(&bins[threadIdx.x], mine[threadIdx.x]);
}

int main() {
  const size_t bytes = 4 << 20;
  char *in, *out, *weight, *bias;
  int* index;
  CHECK(cudaMalloc(&in, bytes));
  CHECK(cudaMalloc(&out, bytes));
  CHECK(cudaMalloc(&weight, bytes));
  CHECK(cudaMalloc(&bias, bytes));
  CHECK(cudaMalloc(&index, bytes));
  for (void* p : {(void*)in, (void*)out, (void*)weight, (void*)bias})
    CHECK(cudaMemset(p, 0, bytes));
  static int host[kElements];
  unsigned state = 12345;
  auto random = [&] { return (int)((state = state * 1664525u + 1013904223u) >> 16); };
  for (int& i : host) i = random() % kElements;
  CHECK(cudaMemcpy(index, host, sizeof host, cudaMemcpyHostToDevice));
  int* trips = index + kElements;
  for (int& i : host) i = random() % 7;
  CHECK(cudaMemcpy(trips, host, sizeof host, cudaMemcpyHostToDevice));

  auto *f_in = (float*)in, *f_out = (float*)out, *f_weight = (float*)weight;
  copy_coalesced<<<kBlocks, kThreads>>>(f_out, f_in);
  copy_stride_2<<<kBlocks, kThreads>>>(f_out, f_in);
  copy_stride_32<<<kBlocks, kThreads>>>(f_out, f_in);
  copy_misaligned<<<kBlocks, kThreads>>>(f_out, f_in);
  copy_float2<<<kBlocks, kThreads>>>((float2*)out, (float2*)in);
  copy_float4<<<kBlocks, kThreads>>>((float4*)out, (float4*)in);
  copy_double<<<kBlocks, kThreads>>>((double*)out, (double*)in);
  copy_bytes<<<kBlocks, kThreads>>>((unsigned char*)out, (unsigned char*)in);
  copy_half_of_warp<<<kBlocks, kThreads>>>(f_out, f_in);
  gather<<<kBlocks, kThreads>>>(f_out, f_in, index);
  broadcast<<<kBlocks, kThreads>>>(f_out, f_in);
  unequal_loops<<<kBlocks, kThreads>>>(f_out, f_in, trips);
  two_sides<<<kBlocks, kThreads>>>(f_out, f_in);
  naive_linear<<<dim3(4, 2), dim3(32, 32)>>>(f_out, f_in, f_weight, 128, 256);
  tiled_linear<<<dim3(4, 2), dim3(32, 32)>>>(f_out, f_in, f_weight, 128, 256);
  transpose_naive<<<dim3(4, 4), dim3(32, 32)>>>(f_out, f_in, 128);
  transpose_conflicts<<<dim3(4, 4), dim3(32, 32)>>>(f_out, f_in, 128);
  transpose_padded<<<dim3(4, 4), dim3(32, 32)>>>(f_out, f_in, 128);
  layernorm<<<kBlocks, 256>>>(f_out, f_in, f_weight, (float*)bias, 768);
  reduce_shared<<<kBlocks, kThreads>>>(f_out, f_in, 1);
  reduce_shuffle<<<kBlocks, kThreads>>>(f_out, f_in);
  shared_stride_2<<<kBlocks, kThreads>>>(f_out, f_in);
  shared_stride_8<<<kBlocks, kThreads>>>(f_out, f_in);
  shared_double<<<kBlocks, kThreads>>>((double*)out, (double*)in);
  shared_double_stride_2<<<kBlocks, kThreads>>>((double*)out, (double*)in);
  shared_float4<<<kBlocks, kThreads>>>((float4*)out, (float4*)in);
  shared_float4_stride_2<<<kBlocks, kThreads>>>((float4*)out, (float4*)in);
  shared_bytes<<<kBlocks, kThreads>>>((unsigned char*)out, (unsigned char*)in);
  histogram_global<<<kBlocks, kThreads>>>((int*)out, index);
  histogram_shared<<<kBlocks, kThreads>>>((int*)out, index);
  CHECK(cudaDeviceSynchronize());
  for (void* p : {(void*)in, (void*)out, (void*)weight, (void*)bias, (void*)index})
    CHECK(cudaFree(p));
}
