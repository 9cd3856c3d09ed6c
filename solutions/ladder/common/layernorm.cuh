// layernorm.cuh: layernorm, a warp for each row; the row stays in registers where it is short.
#pragma once
#include "aligned.cuh"
#include "gpt.h"
#include "overlap.cuh"
#include "reduce.cuh"
#include "weights.cuh"

const int LAYERNORM_WARPS = 4;  // in a block: so many rows

// PRECOND: out and in are (num_rows, num_cols); weight and bias (num_cols). A warp for each row.
// REGISTERS: num_cols is a multiple of 4, at most 32 * 4 * REGISTERS, and all addresses are
// multiples of 16. 0 stands for any size: the row is then read three times, from L1.
template <int REGISTERS, typename Out>
__global__ void layernorm_kernel(Out* out, const float* in, const float* weight, const float* bias,
                                 float eps, int num_rows, int num_cols) {
  int lane = threadIdx.x % 32;
  int row = blockIdx.x * LAYERNORM_WARPS + threadIdx.x / 32;
  wait_for_previous_kernel();
  if (row >= num_rows) return;  // the whole warp
  const float* x = in + (size_t)row * num_cols;
  Out* y = out + (size_t)row * num_cols;

  if constexpr (REGISTERS > 0) {
    float4 part[REGISTERS], w[REGISTERS], b[REGISTERS];
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < REGISTERS; i++) {
      int c = 4 * (32 * i + lane);
      part[i] = c < num_cols ? *reinterpret_cast<const float4*>(x + c) : float4{0, 0, 0, 0};
    }
#pragma unroll
    for (int i = 0; i < REGISTERS; i++) {  // now, so that the row's sums need not wait for them too
      int c = 4 * (32 * i + lane);
      if (c >= num_cols) continue;
      w[i] = *reinterpret_cast<const float4*>(weight + c);
      b[i] = *reinterpret_cast<const float4*>(bias + c);
    }
#pragma unroll
    for (int i = 0; i < REGISTERS; i++) sum += part[i].x + part[i].y + part[i].z + part[i].w;
    float mean = warp_sum(sum) / num_cols, sum_sq = 0.0f;
#pragma unroll
    for (int i = 0; i < REGISTERS; i++) {
      if (4 * (32 * i + lane) >= num_cols) continue;
      part[i].x -= mean, part[i].y -= mean, part[i].z -= mean, part[i].w -= mean;
      sum_sq += part[i].x * part[i].x + part[i].y * part[i].y + part[i].z * part[i].z +
                part[i].w * part[i].w;
    }
    float rstd = rsqrtf(warp_sum(sum_sq) / num_cols + eps);
#pragma unroll
    for (int i = 0; i < REGISTERS; i++) {
      int c = 4 * (32 * i + lane);
      if (c >= num_cols) continue;
      store4(y + c,
             make_float4(part[i].x * rstd * w[i].x + b[i].x, part[i].y * rstd * w[i].y + b[i].y,
                         part[i].z * rstd * w[i].z + b[i].z, part[i].w * rstd * w[i].w + b[i].w));
    }
  } else {
    float sum = 0.0f, sum_sq = 0.0f;
    for (int c = lane; c < num_cols; c += 32) sum += x[c];
    float mean = warp_sum(sum) / num_cols;
    for (int c = lane; c < num_cols; c += 32) sum_sq += (x[c] - mean) * (x[c] - mean);
    float rstd = rsqrtf(warp_sum(sum_sq) / num_cols + eps);
    for (int c = lane; c < num_cols; c += 32)
      y[c] = Out((x[c] - mean) * rstd * weight[c] + bias[c]);
  }
}

template <typename Out>
void launch_layernorm(Out* out, const float* in, const float* weight, const float* bias, float eps,
                      int num_rows, int num_cols, cudaStream_t stream) {
  int blocks = (num_rows + LAYERNORM_WARPS - 1) / LAYERNORM_WARPS;
  bool vector =
      num_cols % 4 == 0 && aligned(out) && aligned(in) && aligned(weight) && aligned(bias);
  auto kernel = !vector || num_cols > 2048 ? layernorm_kernel<0, Out>
                : num_cols > 1024          ? layernorm_kernel<16, Out>
                                           : layernorm_kernel<8, Out>;
  launch_overlapping(kernel, dim3(blocks), 32 * LAYERNORM_WARPS, 0, stream, out, in, weight, bias,
                     eps, num_rows, num_cols);
}

void layernorm(float* out, const float* in, const float* weight, const float* bias, float eps,
               int num_rows, int num_cols, cudaStream_t stream) {
  launch_layernorm(out, in, weight, bias, eps, num_rows, num_cols, stream);
}
