// cooperative groups, asynchronous copies into dynamic shared memory, a reduction by the library
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cooperative_groups/reduce.h>
#include <cuda_pipeline.h>

namespace cg = cooperative_groups;

__global__ void layernorm_async(float* out, const float* in, const float* weight, const float* bias,
                                float eps, int num_cols) {
  extern __shared__ float row[];
  auto block = cg::this_thread_block();
  auto warp = cg::tiled_partition<32>(block);
  cg::memcpy_async(block, row, in + (size_t)blockIdx.x * num_cols, sizeof(float) * num_cols);
  cg::wait(block);
  float sum = 0.0f;
  for (int c = warp.thread_rank(); c < num_cols; c += 32) sum += row[c];
  const float mean = cg::reduce(warp, sum, cg::plus<float>()) / num_cols;
  float squares = 0.0f;
  for (int c = warp.thread_rank(); c < num_cols; c += 32) {
    squares += (row[c] - mean) * (row[c] - mean);
  }
  const float scale = rsqrtf(cg::reduce(warp, squares, cg::plus<float>()) / num_cols + eps);
  for (int c = warp.thread_rank(); c < num_cols; c += 32) {
    out[(size_t)blockIdx.x * num_cols + c] = (row[c] - mean) * scale * weight[c] + bias[c];
  }
}

void layernorm(float* out, const float* in, const float* weight, const float* bias, float eps,
               int num_rows, int num_cols, cudaStream_t stream) {
  const size_t bytes = sizeof(float) * num_cols;
  cudaFuncSetAttribute(layernorm_async, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
  layernorm_async<<<num_rows, 32, bytes, stream>>>(out, in, weight, bias, eps, num_cols);
}
