// One tile d = scale * (a b + c), by one warp, as a library: tests/simt/test_wmma.py calls
// NAME(a, b, c, d, scale) for each kind of tile.
#include <mma.h>
using namespace nvcuda;

template <int m, int n, int k, class T, class A, class B, class Sum, class Value>
__global__ void tile(const Value* a, const Value* b, const Sum* c, Sum* d, Sum scale,
                     wmma::layout_t layout) {
  wmma::fragment<wmma::matrix_a, m, n, k, T, A> fa;
  wmma::fragment<wmma::matrix_b, m, n, k, T, B> fb;
  wmma::fragment<wmma::accumulator, m, n, k, Sum> sum, result;
  bool a_rows = std::is_same<A, wmma::row_major>::value;
  bool b_rows = std::is_same<B, wmma::row_major>::value;
  wmma::load_matrix_sync(fa, a, a_rows ? k : m);
  wmma::load_matrix_sync(fb, b, b_rows ? n : k);
  wmma::load_matrix_sync(sum, c, layout == wmma::mem_row_major ? n : m, layout);
  wmma::mma_sync(result, fa, fb, sum);
  for (int i = 0; i < result.num_elements; i++) result.x[i] = result.x[i] * scale;
  wmma::store_matrix_sync(d, result, layout == wmma::mem_row_major ? n : m, layout);
}

#define TILE(name, m, n, k, T, Value, Sum, A, B, layout)                                         \
  extern "C" void name(const Value* a, const Value* b, const Sum* c, Sum* d, Sum* scale) {       \
    tile<m, n, k, T, wmma::A, wmma::B, Sum, Value><<<1, 32>>>(a, b, c, d, *scale, wmma::layout); \
  }
TILE(half_float_16x16x16, 16, 16, 16, half, half, float, row_major, row_major, mem_row_major)
TILE(half_float_32x8x16, 32, 8, 16, half, half, float, row_major, col_major, mem_col_major)
TILE(half_float_8x32x16, 8, 32, 16, half, half, float, col_major, row_major, mem_row_major)
TILE(half_half_16x16x16, 16, 16, 16, half, half, half, col_major, col_major, mem_col_major)
TILE(half_half_32x8x16, 32, 8, 16, half, half, half, row_major, col_major, mem_row_major)
TILE(bfloat16_float_16x16x16, 16, 16, 16, nv_bfloat16, nv_bfloat16, float, row_major, col_major,
     mem_row_major)
TILE(bfloat16_float_8x32x16, 8, 32, 16, nv_bfloat16, nv_bfloat16, float, row_major, row_major,
     mem_row_major)
TILE(tf32_float_16x16x8, 16, 16, 8, wmma::precision::tf32, float, float, row_major, row_major,
     mem_row_major)
TILE(int8_int_16x16x16, 16, 16, 16, signed char, signed char, int, row_major, col_major,
     mem_row_major)
TILE(uint8_int_32x8x16, 32, 8, 16, unsigned char, unsigned char, int, col_major, row_major,
     mem_col_major)
TILE(double_double_8x8x4, 8, 8, 4, double, double, double, row_major, col_major, mem_row_major)

// C = A B for whole matrices: a warp for each tile of C, four warps a block, tiles of A and B
// through shared memory.
__global__ void product(int size, const half* a, const half* b, float* c) {
  __shared__ half tile_a[16][16 + 8], tile_b[16][64 + 8];
  int warp = threadIdx.x / 32, row = blockIdx.y * 16, column = blockIdx.x * 64;
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> fb;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::fill_fragment(sum, 0.0f);
  for (int k = 0; k < size; k += 16) {
    for (int i = threadIdx.x; i < 16 * 16; i += blockDim.x)
      tile_a[i / 16][i % 16] = a[(row + i / 16) * size + k + i % 16];
    for (int i = threadIdx.x; i < 16 * 64; i += blockDim.x)
      tile_b[i / 64][i % 64] = b[(k + i / 64) * size + column + i % 64];
    __syncthreads();
    wmma::load_matrix_sync(fa, &tile_a[0][0], 16 + 8);
    wmma::load_matrix_sync(fb, &tile_b[0][warp * 16], 64 + 8);
    wmma::mma_sync(sum, fa, fb, sum);
    __syncthreads();
  }
  wmma::store_matrix_sync(c + row * size + column + warp * 16, sum, size, wmma::mem_row_major);
}
extern "C" void multiply(int size, const half* a, const half* b, float* c) {
  product<<<dim3(size / 64, size / 16), 128>>>(size, a, b, c);
}

__global__ void saturating(const signed char* a, const signed char* b, int* d, bool saturate) {
  wmma::fragment<wmma::matrix_a, 16, 16, 16, signed char, wmma::row_major> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, signed char, wmma::row_major> fb;
  wmma::fragment<wmma::accumulator, 16, 16, 16, int> sum;
  wmma::fill_fragment(sum, 2147483647);
  wmma::load_matrix_sync(fa, a, 16);
  wmma::load_matrix_sync(fb, b, 16);
  wmma::mma_sync(sum, fa, fb, sum, saturate);
  wmma::store_matrix_sync(d, sum, 16, wmma::mem_row_major);
}
extern "C" void saturate(const signed char* a, const signed char* b, int* d, int saturate) {
  saturating<<<1, 32>>>(a, b, d, saturate);
}

// Only half of the warp comes; the others wait elsewhere.
__global__ void divergent(half* p) {
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa;
  if (threadIdx.x < 16)
    wmma::load_matrix_sync(fa, p, 16);
  else
    __syncthreads();
}
extern "C" int diverge(half* p) {
  divergent<<<1, 32>>>(p);
  return cudaDeviceSynchronize();
}

// Without its first half, which has returned, a warp has no whole tile.
__global__ void incomplete(const half* p, float* sum) {
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> fb;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> fc;
  if (threadIdx.x < 16) return;
  wmma::load_matrix_sync(fa, p, 16);
  wmma::load_matrix_sync(fb, p, 16);
  wmma::fill_fragment(fc, 0.0f);
  wmma::mma_sync(fc, fa, fb, fc);
  *sum = fc.x[0];
}
extern "C" void half_a_warp(const half* p, float* sum) { incomplete<<<1, 32>>>(p, sum); }
