// LayerNorm forward: out = (x - mean) / sqrt(var + eps) * weight + bias for each row of C values.
// One thread a row; then one block a row, with warp shuffles and float4 loads.
#include <cuda_runtime.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

__global__ void layernorm_naive(float* out, float* mean, float* rstd, const float* inp,
                                const float* weight, const float* bias, int N, int C) {
  int idx = blockIdx.x * blockDim.x + threadIdx.x;
  const float eps = 1e-5f;
  if (idx >= N) return;
  const float* x = inp + idx * C;
  float m = 0.0f, v = 0.0f;
  for (int i = 0; i < C; i++) m += x[i];
  m /= C;
  for (int i = 0; i < C; i++) {
    float xshift = x[i] - m;
    v += xshift * xshift;
  }
  float s = 1.0f / sqrtf(v / C + eps);
  for (int i = 0; i < C; i++) out[idx * C + i] = s * (x[i] - m) * weight[i] + bias[i];
  mean[idx] = m;
  rstd[idx] = s;
}

// The block's sum, which all of its threads get.
__device__ float blockReduceSum(float val) {
  static __shared__ float shared[32];
  int lane = threadIdx.x & 31, wid = threadIdx.x >> 5, warps = (blockDim.x + 31) >> 5;
  for (int mask = 16; mask > 0; mask >>= 1) val += __shfl_xor_sync(0xffffffffu, val, mask, 32);
  __syncthreads();  // who was here before has read its result
  if (lane == 0) shared[wid] = val;
  __syncthreads();
  val = lane < warps ? shared[lane] : 0.0f;
  for (int mask = 16; mask > 0; mask >>= 1) val += __shfl_xor_sync(0xffffffffu, val, mask, 32);
  return val;
}

__global__ void layernorm_block(float* __restrict__ out, float* __restrict__ mean,
                                float* __restrict__ rstd, const float* __restrict__ inp,
                                const float* __restrict__ weight, const float* __restrict__ bias,
                                int N, int C) {
  const float4* x = reinterpret_cast<const float4*>(inp + blockIdx.x * C);
  float sum = 0.0f, squares = 0.0f;
  for (int i = threadIdx.x; i < C / 4; i += blockDim.x) {
    float4 v = __ldg(&x[i]);
    sum += v.x + v.y + v.z + v.w;
    squares += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
  }
  float m = blockReduceSum(sum) / C;
  float var = blockReduceSum(squares) / C - m * m;
  float s = rsqrtf(var + 1e-5f);
  float4* o = reinterpret_cast<float4*>(out + blockIdx.x * C);
  for (int i = threadIdx.x; i < C / 4; i += blockDim.x) {
    float4 v = x[i], w = reinterpret_cast<const float4*>(weight)[i];
    float4 b = reinterpret_cast<const float4*>(bias)[i];
    o[i] = make_float4(s * (v.x - m) * w.x + b.x, s * (v.y - m) * w.y + b.y,
                       s * (v.z - m) * w.z + b.z, s * (v.w - m) * w.w + b.w);
  }
  if (threadIdx.x == 0) {
    mean[blockIdx.x] = m;
    rstd[blockIdx.x] = s;
  }
}

int main() {
  const int N = 24, C = 96;
  std::vector<float> inp(N * C), weight(C), bias(C), out(N * C), stats(2 * N);
  for (int i = 0; i < N * C; i++) inp[i] = (float)((i * 29) % 97) / 97.0f - 0.3f;
  for (int i = 0; i < C; i++) weight[i] = 1.0f + 0.01f * i, bias[i] = 0.02f * (i - 40);
  float* d;  // all in one allocation: out, inp, weight, bias, mean and rstd
  CHECK(cudaMalloc(&d, (2 * N * C + 2 * C + 2 * N) * sizeof(float)));
  float *d_out = d, *d_inp = d_out + N * C, *d_weight = d_inp + N * C, *d_bias = d_weight + C;
  float *d_mean = d_bias + C, *d_rstd = d_mean + N;
  CHECK(cudaMemcpy(d_inp, inp.data(), N * C * sizeof(float), cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(d_weight, weight.data(), C * sizeof(float), cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(d_bias, bias.data(), C * sizeof(float), cudaMemcpyHostToDevice));
  for (int version = 0; version < 2; version++) {
    CHECK(cudaMemset(d_out, 0, N * C * sizeof(float)));
    if (version == 0)
      layernorm_naive<<<(N + 15) / 16, 16>>>(d_out, d_mean, d_rstd, d_inp, d_weight, d_bias, N, C);
    else
      layernorm_block<<<N, 64>>>(d_out, d_mean, d_rstd, d_inp, d_weight, d_bias, N, C);
    CHECK(cudaGetLastError());
    CHECK(cudaMemcpy(out.data(), d_out, N * C * sizeof(float), cudaMemcpyDeviceToHost));
    CHECK(cudaMemcpy(stats.data(), d_mean, 2 * N * sizeof(float), cudaMemcpyDeviceToHost));
    const char* name = version ? "block" : "naive";
    // Sums in another order, fused multiply-adds, rsqrtf.
    printf("%s ~1e-5 = %.9g %.9g %.9g\n", name, out[0], out[5 * C + 7], out[N * C - 1]);
    printf("%s mean rstd ~1e-5 = %.9g %.9g\n", name, stats[3], stats[N + 3]);
  }
  CHECK(cudaFree(d));
}
