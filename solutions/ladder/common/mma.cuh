// mma.cuh: tensor cores, lane by lane. One instruction multiplies a tile of 16 x 32 bytes by one of
// 8 x 32 bytes: D (16, 8) += A (16, k) . B (8, k)^T, k = 16 bfloat16 or 8 TF32.
//
// nvcuda::wmma hides which lane has which element, and reads bfloat16 from shared memory a word at
// a time. Here both are plain (PTX ISA, "mma.m16n8k16" and "ldmatrix"). Lane l = 4 g + t has
//   of A, 4 words:   rows g and g + 8, word t of the first 16 bytes; the same of the last 16
//   of B, 2 words:   row g, word t of the first 16 bytes; of the last 16
//   of D, 4 floats:  row g, columns 2t and 2t + 1; the same of row g + 8
// For GPUs since Ampere. On a CPU the same is done with loads and shuffles.
#pragma once
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define HAS_MMA
#endif

#ifdef HAS_MMA
// Four tiles of 8 rows of 16 bytes from shared memory: lane l gives the address of row l % 8 of
// tile l / 8, and gets word t of row g of each.
__device__ __forceinline__ void load_matrices(unsigned (&words)[4], const void* row) {
#ifdef __CUDA_ARCH__
  unsigned address = __cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(address)
               : "memory");
#else
  for (int tile = 0; tile < 4; tile++) {
    int lane = 8 * tile + threadIdx.x % 32 / 4;
    auto from = __shfl_sync(0xffffffff, reinterpret_cast<unsigned long long>(row), lane);
    words[tile] = reinterpret_cast<const unsigned*>(from)[threadIdx.x % 4];
  }
#endif
}

// The same of 16-bit elements, with rows and columns exchanged.
__device__ __forceinline__ void load_transposed(unsigned (&words)[4], const void* row) {
#ifdef __CUDA_ARCH__
  unsigned address = __cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(address)
               : "memory");
#else
  for (int tile = 0; tile < 4; tile++) {
    unsigned short half[2];
    for (int i = 0; i < 2; i++) {
      int lane = 8 * tile + 2 * (threadIdx.x % 4) + i;
      auto from = __shfl_sync(0xffffffff, reinterpret_cast<unsigned long long>(row), lane);
      half[i] = reinterpret_cast<const unsigned short*>(from)[threadIdx.x % 32 / 4];
    }
    words[tile] = half[0] | (unsigned)half[1] << 16;
  }
#endif
}

// The products of a word of A and a word of B, added up: where there is no tensor core.
__device__ __forceinline__ float product(unsigned a, unsigned b, __nv_bfloat16) {
  return __uint_as_float(a << 16) * __uint_as_float(b << 16) +
         __uint_as_float(a & 0xffff0000) * __uint_as_float(b & 0xffff0000);
}
__device__ __forceinline__ float product(unsigned a, unsigned b, float) {
  return __uint_as_float(a) * __uint_as_float(b);
}
template <typename T>
__device__ __forceinline__ void mma_by_lanes(float (&d)[4], const unsigned (&a)[4], unsigned b0,
                                             unsigned b1, T type) {
  int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  for (int lane = 0; lane < 4; lane++)  // along k
    for (int upper = 0; upper < 2; upper++) {
      unsigned of_a[2], of_b[2];
      for (int i = 0; i < 2; i++) {
        of_a[i] = __shfl_sync(0xffffffff, a[2 * upper + i], 4 * g + lane);
        of_b[i] = __shfl_sync(0xffffffff, upper ? b1 : b0, 4 * (2 * t + i) + lane);
      }
      for (int i = 0; i < 4; i++) d[i] += product(of_a[i / 2], of_b[i % 2], type);
    }
}

// D += A . B^T. The last argument says what the words hold.
__device__ __forceinline__ void mma(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1,
                                    __nv_bfloat16 type) {
#ifdef __CUDA_ARCH__
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  mma_by_lanes(d, a, b0, b1, type);
#endif
}
__device__ __forceinline__ void mma(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1,
                                    float type) {
#ifdef __CUDA_ARCH__
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  mma_by_lanes(d, a, b0, b1, type);
#endif
}

// bfloat16 as it is; float32 becomes TF32, to the nearest. (mma takes no notice of the last 13
// bits.)
template <typename T>
__device__ __forceinline__ void round_words(unsigned (&words)[4]) {
  if constexpr (sizeof(T) == 4)
    for (unsigned& word : words) word = (word + 0x1000) & 0xffffe000;
}

// A (16 rows of 32 bytes, `stride` elements apart), as mma wants it.
template <typename T>
__device__ __forceinline__ void load_a(unsigned (&words)[4], const T* tile, int stride) {
  int lane = threadIdx.x % 32;
  load_matrices(words, tile + lane % 16 * stride + lane / 16 * (16 / sizeof(T)));
  round_words<T>(words);
}
// Two Bs, one below the other (16 rows of 32 bytes): words 0 and 1, words 2 and 3.
template <typename T>
__device__ __forceinline__ void load_b(unsigned (&words)[4], const T* tile, int stride) {
  int lane = threadIdx.x % 32;
  load_matrices(words,
                tile + (lane / 16 * 8 + lane % 8) * stride + lane / 8 % 2 * (16 / sizeof(T)));
  round_words<T>(words);
}
// The same of a matrix that is stored the other way round: tile has 16 rows of k, and 16 columns.
__device__ __forceinline__ void load_b_transposed(unsigned (&words)[4], const __nv_bfloat16* tile,
                                                  int stride) {
  int lane = threadIdx.x % 32;
  load_transposed(words, tile + lane % 16 * stride + lane / 16 * 8);
}
#endif
