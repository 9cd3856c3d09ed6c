// The tiles that wmma knows (mma.h): their element types, their shapes, and which go together
// (CUDA C++ Programming Guide, "Element Types and Matrix Sizes").
#pragma once
#include "../cuda_bf16.h"
#include "../cuda_fp16.h"

namespace nvcuda {
namespace wmma {
struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
enum layout_t { mem_row_major, mem_col_major };
namespace precision {
struct tf32 {};  // a float of which 10 bits of the mantissa count
}  // namespace precision
}  // namespace wmma
}  // namespace nvcuda

namespace simt {
namespace tile {
using namespace nvcuda::wmma;

// What an element is stored as, and as what its products are added up.
template <class T>
struct Element {
  using Stored = T;
  using Sum = float;
  static Sum widen(T x) { return (float)x; }
};
template <>
struct Element<precision::tf32> {
  using Stored = float;
  using Sum = float;
  static Sum widen(float x) { return bits<float>(bits<unsigned>(x) & 0xffffe000); }
};
template <>
struct Element<double> {
  using Stored = double;
  using Sum = double;
  static Sum widen(double x) { return x; }
};
template <class T>
struct IntegerElement {
  using Stored = T;
  using Sum = long long;  // has room for all of them: what the result keeps is decided at the end
  static Sum widen(T x) { return x; }
};
template <>
struct Element<signed char> : IntegerElement<signed char> {};
template <>
struct Element<unsigned char> : IntegerElement<unsigned char> {};
template <>
struct Element<int> : IntegerElement<int> {};

template <class T, class... Those>
constexpr bool is_any() {
  bool found[] = {std::is_same<T, Those>::value...};
  for (bool one : found)
    if (one) return true;
  return false;
}

template <class Use, int m, int n, int k, class T>
constexpr bool exists() {
  constexpr bool sums = std::is_same<Use, accumulator>::value;
  if (m == 8 && n == 8 && k == 4) return is_any<T, double>();
  if (m == 16 && n == 16 && k == 8)
    return is_any<T, std::conditional_t<sums, float, precision::tf32>>();
  if (k != 16 || m * n != 256 || (m != 8 && m != 16 && m != 32)) return false;
  return sums ? is_any<T, float, __half, int>()
              : is_any<T, __half, __nv_bfloat16, signed char, unsigned char>();
}

// Whether products of T may be added to a C, with a D as the result.
template <class T, class C, class D>
constexpr bool add_up() {
  if (is_any<T, __half>()) return is_any<C, float, __half>() && is_any<D, float, __half>();
  if (is_any<T, signed char, unsigned char>()) return is_any<C, int>() && is_any<D, int>();
  if (is_any<T, double>()) return is_any<C, double>() && is_any<D, double>();
  return is_any<C, float>() && is_any<D, float>();
}

template <class Use, int m, int n, int k>
constexpr int rows = std::is_same<Use, matrix_b>::value ? k : m;
template <class Use, int m, int n, int k>
constexpr int columns = std::is_same<Use, matrix_a>::value ? k : n;

// A sum as an element of the result.
template <class To, class Sum>
inline To narrowed(Sum sum, bool) {
  return To(sum);
}
template <>
inline int narrowed<int, long long>(long long sum, bool saturate) {
  if (!saturate) return (int)sum;  // wraps
  constexpr long long least = std::numeric_limits<int>::min(),
                      largest = std::numeric_limits<int>::max();
  return (int)std::min(std::max(sum, least), largest);
}

}  // namespace tile
}  // namespace simt
