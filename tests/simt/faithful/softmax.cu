// Softmax of each row, three ways: one thread a row, one warp a row with shuffles, and online
// (maximum and sum in one pass) with one block a row.
#include <cuda_runtime.h>
#include <float.h>
#include <math.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#define cudaCheck(err) (cudaCheckImpl(err, __FILE__, __LINE__))
void cudaCheckImpl(cudaError_t error, const char* file, int line) {
  if (error != cudaSuccess) {
    printf("[CUDA ERROR] at file %s:%d:\n%s\n", file, line, cudaGetErrorString(error));
    exit(EXIT_FAILURE);
  }
}

__global__ void softmax_forward_kernel1(float* out, const float* inp, int N, int C) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= N) return;
  const float* inp_row = inp + i * C;
  float* out_row = out + i * C;
  float maxval = -INFINITY;
  for (int j = 0; j < C; j++) maxval = fmaxf(maxval, inp_row[j]);
  double sum = 0.0;
  for (int j = 0; j < C; j++) {
    out_row[j] = expf(inp_row[j] - maxval);
    sum += out_row[j];
  }
  for (int j = 0; j < C; j++) out_row[j] /= (float)sum;
}

__device__ float warpReduceMax(float val) {
  for (int offset = 16; offset > 0; offset /= 2)
    val = fmaxf(val, __shfl_down_sync(0xFFFFFFFF, val, offset));
  return val;
}
__device__ float warpReduceSum(float val) {
  for (int offset = 16; offset > 0; offset /= 2) val += __shfl_down_sync(0xFFFFFFFF, val, offset);
  return val;
}

__global__ void softmax_forward_kernel2(float* out, const float* inp, int N, int C) {
  int row = blockIdx.x * (blockDim.x / warpSize) + threadIdx.x / warpSize;
  int lane = threadIdx.x % warpSize;
  if (row >= N) return;  // the whole warp
  const float* x = inp + row * C;
  float maxval = -INFINITY, sum = 0.0f;
  for (int i = lane; i < C; i += warpSize) maxval = fmaxf(maxval, x[i]);
  maxval = __shfl_sync(0xFFFFFFFF, warpReduceMax(maxval), 0);
  for (int i = lane; i < C; i += warpSize) sum += expf(x[i] - maxval);
  sum = __shfl_sync(0xFFFFFFFF, warpReduceSum(sum), 0);
  for (int i = lane; i < C; i += warpSize) out[row * C + i] = expf(x[i] - maxval) / sum;
}

struct __align__(8) SumMax {
  float maxval, sum;
};
__device__ __forceinline__ SumMax reduce_sum_max(SumMax a, SumMax b) {
  bool a_bigger = a.maxval > b.maxval;
  SumMax bigger = a_bigger ? a : b, smaller = a_bigger ? b : a, res;
  res.maxval = bigger.maxval;
  res.sum = bigger.sum + smaller.sum * expf(smaller.maxval - bigger.maxval);
  return res;
}

template <int BLOCK>
__global__ void softmax_forward_online(float* out, const float* inp, int N, int C) {
  __shared__ SumMax shared[BLOCK];
  for (int row = blockIdx.x; row < N; row += gridDim.x) {
    const float* x = inp + row * C;
    SumMax sm = {-FLT_MAX, 0.0f};
    for (int i = threadIdx.x; i < C; i += BLOCK) sm = reduce_sum_max(sm, {x[i], 1.0f});
    shared[threadIdx.x] = sm;
    __syncthreads();
    for (int s = BLOCK / 2; s > 0; s /= 2) {
      if (threadIdx.x < s)
        shared[threadIdx.x] = reduce_sum_max(shared[threadIdx.x], shared[threadIdx.x + s]);
      __syncthreads();
    }
    sm = shared[0];
    for (int i = threadIdx.x; i < C; i += BLOCK)
      __stcs(out + row * C + i, expf(x[i] - sm.maxval) / sm.sum);
    __syncthreads();
  }
}

int main(int argc, const char** argv) {
  const int N = 37, C = 203;
  std::vector<float> inp(N * C), out(N * C);
  for (int i = 0; i < N * C; i++) inp[i] = (float)((i * 37) % 101) * 0.08f - 4.0f;
  float *d_out, *d_inp;
  cudaCheck(cudaMalloc(&d_out, N * C * sizeof(float)));
  cudaCheck(cudaMalloc(&d_inp, N * C * sizeof(float)));
  cudaCheck(cudaMemcpy(d_inp, inp.data(), N * C * sizeof(float), cudaMemcpyHostToDevice));
  for (int kernel = 1; kernel <= 3; kernel++) {
    cudaCheck(cudaMemset(d_out, 0, N * C * sizeof(float)));
    switch (kernel) {
      case 1:
        softmax_forward_kernel1<<<(N + 31) / 32, 32>>>(d_out, d_inp, N, C);
        break;
      case 2:
        softmax_forward_kernel2<<<(N + 3) / 4, 128>>>(d_out, d_inp, N, C);
        break;
      case 3:
        softmax_forward_online<64><<<16, 64>>>(d_out, d_inp, N, C);
        break;
    }
    cudaCheck(cudaGetLastError());
    cudaCheck(cudaMemcpy(out.data(), d_out, N * C * sizeof(float), cudaMemcpyDeviceToHost));
    double worst = 0;
    for (int r = 0; r < N; r++) {
      double sum = 0;
      for (int j = 0; j < C; j++) sum += out[r * C + j];
      worst = fmax(worst, fabs(sum - 1));
    }
    // expf differs by a unit or two in the last place. In thousandths, to be near 1.
    printf("kernel %d ~1e-6 = %.9g %.9g %.9g\n", kernel, out[0] * 1e3f, out[C + 5] * 1e3f,
           out[N * C - 1] * 1e3f);
    printf("sums of %d are 1 = %d\n", kernel, worst < 1e-5);
  }
  cudaCheck(cudaFree(d_out));
  cudaCheck(cudaFree(d_inp));
}
