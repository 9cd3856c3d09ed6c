// Tiles of each type and shape: exact on small whole numbers; on others, sums in another order.
#include <mma.h>

#include <cstdio>
#include <type_traits>
#include <vector>
using namespace nvcuda;

// d = scale * (a b + c), for one tile. a and b as their layouts say, c and d by rows.
template <int m, int n, int k, class T, class LayoutA, class LayoutB, class Sum, class Value>
__global__ void tile(const Value* a, const Value* b, const Sum* c, Sum* d, Sum scale) {
  wmma::fragment<wmma::matrix_a, m, n, k, T, LayoutA> fa;
  wmma::fragment<wmma::matrix_b, m, n, k, T, LayoutB> fb;
  wmma::fragment<wmma::accumulator, m, n, k, Sum> fc, fd;
  wmma::load_matrix_sync(fa, a, std::is_same<LayoutA, wmma::row_major>::value ? k : m);
  wmma::load_matrix_sync(fb, b, std::is_same<LayoutB, wmma::row_major>::value ? n : k);
  wmma::load_matrix_sync(fc, c, n, wmma::mem_row_major);
  if constexpr (std::is_same<T, wmma::precision::tf32>::value) {
    for (auto& x : fa.x) x = wmma::__float_to_tf32(x);
    for (auto& x : fb.x) x = wmma::__float_to_tf32(x);
  }
  wmma::mma_sync(fd, fa, fb, fc);
  for (int i = 0; i < fd.num_elements; i++) fd.x[i] = fd.x[i] * scale;
  wmma::store_matrix_sync(d, fd, n, wmma::mem_row_major);
}

template <class T>
T* on_device(const std::vector<T>& values) {
  T* p;
  cudaMalloc(&p, values.size() * sizeof(T));
  cudaMemcpy(p, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice);
  return p;
}

template <class T>
std::vector<T> numbers(int count, int seed, float unit, bool negative = true) {
  std::vector<T> values;
  unsigned random = seed;
  for (int i = 0; i < count; i++) {
    random = random * 1664525 + 1013904223;
    int whole = (int)(random >> 16) % 15 - (negative ? 7 : 0);
    values.push_back(T((float)whole * unit));
  }
  return values;
}

// unit 1: whole numbers. Otherwise the numbers have more bits.
template <int m, int n, int k, class T, class LayoutA, class LayoutB, class Sum, class Value>
void show(const char* label, float unit = 1, bool negative = true) {
  std::vector<Sum> d(m * n);
  Value* a = on_device(numbers<Value>(m * k, 1, unit, negative));
  Value* b = on_device(numbers<Value>(k * n, 2, unit, negative));
  Sum* c = on_device(numbers<Sum>(m * n, 3, unit));
  Sum* result = on_device(d);
  tile<m, n, k, T, LayoutA, LayoutB><<<1, 32>>>(a, b, c, result, Sum(2.0f));
  cudaMemcpy(d.data(), result, m * n * sizeof(Sum), cudaMemcpyDeviceToHost);
  printf("%s =", label);
  for (int i = 0; i < m * n; i += unit == 1 ? 1 : 5) printf(" %.9g", (double)(float)d[i]);
  printf("\n");
  cudaFree(a), cudaFree(b), cudaFree(c), cudaFree(result);
}

// A whole matrix product by 4 warps, the tiles of A by way of shared memory.
__global__ void product(const half* a, const half* b, float* c) {
  constexpr int size = 64;
  __shared__ __align__(32) half rows[16][size];
  int warp = threadIdx.x / 32;
  for (int i = threadIdx.x; i < 16 * size; i += blockDim.x)
    rows[i / size][i % size] = a[blockIdx.x * 16 * size + i];
  __syncthreads();
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> fb;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::fill_fragment(sum, 0.0f);
  for (int k = 0; k < size; k += 16) {
    wmma::load_matrix_sync(fa, &rows[0][k], size);
    wmma::load_matrix_sync(fb, b + k * size + warp * 16, size);
    wmma::mma_sync(sum, fa, fb, sum);
  }
  wmma::store_matrix_sync(c + blockIdx.x * 16 * size + warp * 16, sum, size, wmma::mem_row_major);
}

int main() {
  using Row = wmma::row_major;
  using Col = wmma::col_major;
  using tf32 = wmma::precision::tf32;
  using bfloat16 = __nv_bfloat16;
  using int8 = signed char;
  using uint8 = unsigned char;
  show<16, 16, 16, half, Row, Row, float, half>("half_float_16x16x16_row_row");
  show<16, 16, 16, half, Row, Col, float, half>("half_float_16x16x16_row_col");
  show<16, 16, 16, half, Col, Row, float, half>("half_float_16x16x16_col_row");
  show<16, 16, 16, half, Col, Col, half, half>("half_half_16x16x16_col_col");
  show<32, 8, 16, half, Row, Col, float, half>("half_float_32x8x16");
  show<8, 32, 16, half, Col, Row, half, half>("half_half_8x32x16");
  show<16, 16, 16, bfloat16, Row, Col, float, bfloat16>("bfloat16_float_16x16x16");
  show<32, 8, 16, bfloat16, Col, Col, float, bfloat16>("bfloat16_float_32x8x16");
  show<8, 32, 16, bfloat16, Row, Row, float, bfloat16>("bfloat16_float_8x32x16");
  show<16, 16, 8, tf32, Row, Col, float, float>("tf32_float_16x16x8");
  show<16, 16, 16, int8, Row, Col, int, int8>("int8_int_16x16x16");
  show<32, 8, 16, uint8, Row, Col, int, uint8>("uint8_int_32x8x16", 1, false);
  show<8, 8, 4, double, Row, Col, double, double>("double_double_8x8x4");

  // Products have 22 bits, sums more than a float: rounded on the way, in an order of the GPU's
  // own.
  const float unit = 0.3f;
  show<16, 16, 16, half, Row, Col, float, half>("half_float_rounded ~1e-4", unit);
  show<16, 16, 16, half, Row, Col, half, half>("half_half_rounded ~2e-3", unit);
  show<16, 16, 16, bfloat16, Row, Col, float, bfloat16>("bfloat16_float_rounded ~1e-4", unit);
  show<16, 16, 8, tf32, Row, Col, float, float>("tf32_float_rounded ~1e-4", unit);

  std::vector<float> c(64 * 64);
  float* result = on_device(c);
  product<<<4, 128>>>(on_device(numbers<half>(64 * 64, 4, 1)),
                      on_device(numbers<half>(64 * 64, 5, 1)), result);
  cudaMemcpy(c.data(), result, c.size() * sizeof(float), cudaMemcpyDeviceToHost);
  printf("product =");
  for (int i = 0; i < 64 * 64; i += 61) printf(" %g", c[i]);
  printf("\n");
  return cudaDeviceSynchronize() != cudaSuccess;
}
