// What half_ops.cu and bfloat16_ops.cu have in common: the functions that both types have, over
// many operands. Results that are exact are printed as a few samples and a hash of all of them.
#pragma once
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

constexpr int kCount = 1 << 14, kThreads = 256;

template <class T>
__host__ __device__ T from_bits(unsigned short bits) {
  T x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
template <class T>
__host__ __device__ unsigned short to_bits(T x) {
  unsigned short bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

// --- the functions, by number

// clang-format off
#define UNARY(F) F(__hneg) F(__habs) F(hceil) F(hfloor) F(htrunc) F(hrint)
#define BINARY(F)                                                                     \
  F(__hadd) F(__hsub) F(__hmul) F(__hadd_rn) F(__hmul_rn) F(__hadd_sat) F(__hmul_sat) \
  F(__hmax) F(__hmin) F(__hmax_nan) F(__hmin_nan)
#define TERNARY(F) F(__hfma) F(__hfma_sat) F(__hfma_relu)
#define COMPARISON(F)                                   \
  F(__heq) F(__hne) F(__hlt) F(__hle) F(__hgt) F(__hge) \
  F(__hequ) F(__hneu) F(__hltu) F(__hleu) F(__hgtu) F(__hgeu)
// clang-format on
// Not exact: a GPU takes these from float functions of its own, which may be 2 units off.
#define MATH(F) \
  F(hsqrt) F(hrsqrt) F(hrcp) F(hexp) F(hexp2) F(hexp10) F(hlog) F(hlog2) F(hlog10) F(hsin) F(hcos)

#define NAME(f) #f,
static const char* const kUnaryNames[] = {UNARY(NAME)};
static const char* const kBinaryNames[] = {BINARY(NAME)};
static const char* const kTernaryNames[] = {TERNARY(NAME)};
static const char* const kComparisonNames[] = {COMPARISON(NAME)};
static const char* const kMathNames[] = {MATH(NAME)};
#undef NAME

template <class T>
__device__ T unary(int function, T a) {
  int number = 0;
#define CASE(f) \
  if (function == number++) return f(a);
  UNARY(CASE)
  return a;
#undef CASE
}
template <class T>
__device__ T math(int function, T a) {
  int number = 0;
#define CASE(f) \
  if (function == number++) return f(a);
  MATH(CASE)
  return a;
#undef CASE
}
template <class T>
__device__ T binary(int function, T a, T b) {
  int number = 0;
#define CASE(f) \
  if (function == number++) return f(a, b);
  BINARY(CASE)
  return a;
#undef CASE
}
template <class T>
__device__ T ternary(int function, T a, T b, T c) {
  int number = 0;
#define CASE(f) \
  if (function == number++) return f(a, b, c);
  TERNARY(CASE)
  return a;
#undef CASE
}
template <class T>
__device__ bool comparison(int function, T a, T b) {
  int number = 0;
#define CASE(f) \
  if (function == number++) return f(a, b);
  COMPARISON(CASE)
  return false;
#undef CASE
}

enum Kind { Unary, Binary, Ternary, Comparison, Math, Divide };

template <class T>
__global__ void calculate(Kind kind, int function, const unsigned short* operands,
                          unsigned short* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  T a = from_bits<T>(operands[i]), b = from_bits<T>(operands[kCount + i]),
    c = from_bits<T>(operands[2 * kCount + i]);
  if (kind == Unary) out[i] = to_bits(unary(function, a));
  if (kind == Math) out[i] = to_bits(math(function, a));
  if (kind == Binary) out[i] = to_bits(binary(function, a, b));
  if (kind == Ternary) out[i] = to_bits(ternary(function, a, b, c));
  if (kind == Comparison) out[i] = comparison(function, a, b);
  if (kind == Divide) out[i] = to_bits(__hdiv(a, b));
}

// --- printing

// Any NaN counts as the same one.
inline unsigned long long hash(const std::vector<unsigned short>& values, unsigned infinity) {
  unsigned long long h = 14695981039346656037ull;  // FNV-1a
  for (unsigned x : values) h = (h ^ ((x & 0x7fff) > infinity ? 0x7fff : x)) * 1099511628211ull;
  return h;
}

template <class T>
struct Program {
  unsigned short infinity;
  double tolerance;
  unsigned short *operands, *out;
  std::vector<unsigned short> results = std::vector<unsigned short>(kCount);

  Program(unsigned short infinity, double tolerance) : infinity(infinity), tolerance(tolerance) {
    cudaMalloc(&operands, 3 * kCount * sizeof(unsigned short));
    cudaMalloc(&out, kCount * sizeof(unsigned short));
  }

  void run(Kind kind, int function) {
    calculate<T><<<kCount / kThreads, kThreads>>>(kind, function, operands, out);
    cudaMemcpy(results.data(), out, kCount * sizeof(unsigned short), cudaMemcpyDeviceToHost);
  }
  void exact(const char* name, Kind kind, int function) {
    run(kind, function);
    printf("%s =", name);
    for (int i = 0; i < 8; i++) {
      unsigned x = results[i * 37];
      printf(" %04x", (x & 0x7fff) > infinity ? 0x7fff : x);
    }
    printf(" %016llx\n", hash(results, infinity));
  }
  void rounded(const char* name, Kind kind, int function) {
    run(kind, function);
    printf("%s ~%g =", name, tolerance);
    for (int i = 0; i < 32; i++) printf(" %.9g", (float)from_bits<T>(results[i]));
    printf("\n");
  }

  // Edge cases paired with one another, then any bits.
  void any_operands() {
    unsigned last = infinity - 1u, one = to_bits(T(1.0f)), least_normal = infinity & -infinity;
    unsigned edges[16] = {0,
                          1,
                          2,
                          least_normal - 1,
                          least_normal,
                          one - 1,
                          one,
                          one + 1,
                          one * 3 / 4,
                          last,
                          infinity,
                          infinity + 1u,
                          0x8000,
                          0x8001,
                          0x8000u | one,
                          0x8000u | infinity};
    std::vector<unsigned short> all(3 * kCount);
    unsigned random = 1;
    for (int i = 0; i < 3 * kCount; i++) {
      random = random * 1664525 + 1013904223;
      int at = i % kCount;
      unsigned edge = i < kCount ? at % 16 : i < 2 * kCount ? at / 16 % 16 : at / 5 % 16;
      all[i] = at < 256 ? edges[edge] : random >> 16;
    }
    cudaMemcpy(operands, all.data(), all.size() * sizeof all[0], cudaMemcpyHostToDevice);
  }
  // Of a size that all functions have room for.
  void moderate_operands() {
    std::vector<unsigned short> all(3 * kCount);
    for (int i = 0; i < 3 * kCount; i++)
      all[i] = to_bits(T(0.0625f * (i % 61 + 1) + 0.03125f * (i / kCount)));
    cudaMemcpy(operands, all.data(), all.size() * sizeof all[0], cudaMemcpyHostToDevice);
  }

  void run_all() {
    any_operands();
    int i = 0;
    for (const char* name : kUnaryNames) exact(name, Unary, i++);
    i = 0;
    for (const char* name : kBinaryNames) exact(name, Binary, i++);
    i = 0;
    for (const char* name : kTernaryNames) exact(name, Ternary, i++);
    i = 0;
    for (const char* name : kComparisonNames) exact(name, Comparison, i++);
    moderate_operands();
    i = 0;
    for (const char* name : kMathNames) rounded(name, Math, i++);
    rounded("__hdiv", Divide, 0);
  }
};

// Floats that are hard to round: numbers of T, what lies half way between two, and just beside.
template <class T>
std::vector<float> hard_floats() {
  std::vector<float> all;
  for (int bits = 0; bits < 65536; bits += 37) {
    float x = (float)from_bits<T>((unsigned short)bits);
    float next = (float)from_bits<T>((unsigned short)(bits + 1));
    for (float y : {x, x + (next - x) / 2, -x * 1.3f}) {
      all.push_back(y);
      all.push_back(std::nextafterf(y, INFINITY));
      all.push_back(std::nextafterf(y, -INFINITY));
    }
  }
  all.resize(kCount);
  return all;
}
