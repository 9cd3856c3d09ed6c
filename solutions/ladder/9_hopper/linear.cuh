// linear.cuh: a block's part of a linear layer: what its warps multiply, and how that is added up.
#pragma once
#include "arguments.cuh"

namespace hopper {

// The threads that compute, of this block: not __syncthreads, for which the warp of the ring would
// have to come.
__device__ __forceinline__ void meet_all() { meet<1, COMPUTING>(); }

// TILES x 64 columns of weights for TILES * 16 rows, from shared memory to registers.
template <int TILES>
__device__ __forceinline__ void load_tiles(Tile (&tiles)[TILES], const unsigned char* from,
                                           int lane) {
#pragma unroll
  for (int i = 0; i < TILES; i++) load(tiles[i], from + i * TILE_BYTES, lane);
}

// Sums over this warp's 64 columns, of two times 16 rows, each of them 4 tiles: a row a lane, as
// total_by_lane has them.
__device__ __forceinline__ float multiply_two(const Tile* upper, const Tile* lower, const uint4* x,
                                              const Me& me) {
  Sums a, b;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    Input input(x + me.warp * 16 + i * 4, me.lane);
    multiply(a, upper[i], input), multiply(b, lower[i], input);
  }
  return total_by_lane(a, b, me.lane);
}

// W . layernorm(x) of a row, without its bias: four threads a row, three warps' sums each.
__device__ __forceinline__ float normalised_total(const Me& me, const float* squares, float eps) {
  const Shared& s = *me.shared;
  const int row = threadIdx.x / 4;
  float total = 0.0f;
#pragma unroll
  for (int i = 0; i < 3; i++) total += s.sums[me.quad + 4 * i][row];
  auto* six = reinterpret_cast<const float2*>(squares) + 3 * me.quad;
  float sum = (six[0].x + six[0].y) + (six[1].x + six[1].y) + (six[2].x + six[2].y);
  total += of_lane(total, 1), sum += of_lane(sum, 1);
  total += of_lane(total, 2), sum += of_lane(sum, 2);
  return total * rsqrtf(sum * (1.0f / CHANNELS) + eps);
}

// A row's scale. To be asked for before it is needed: it may be far away.
__device__ __forceinline__ float scale_of(const Rows& rows, int row) {
  if constexpr (sizeof(Weight) == 1) return __ldg(rows.scale + row);
  return 1.0f;
}

// GPT-2's gelu, x / (1 + e^-2u), as ../common/gelu.cuh has it, by powers of 2.
__device__ __forceinline__ float gelu_by_2(float x) {
  const float c = -2.0f * 0.7978845608f * 1.4426950409f;
  return __fdividef(x, 1.0f + power_of_2(x * fmaf(x * x, c * 0.044715f, c)));
}

}  // namespace hopper
