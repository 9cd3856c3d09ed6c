// tile.cuh: a tile of weights (16 rows, 16 columns) times 16 elements of x, in each weight type.
//
// bfloat16 and int8: the tile is the A operand of an mma, and x its B. x is float32, and must not
// lose digits: it goes in as two bfloat16, hi = x rounded and lo = x - hi rounded, 16 bits of its
// 24. They are columns of B, hi in the even ones and lo in the odd ones, so that the sum of two
// neighbouring columns of D is what we want. (6 of the 8 columns are copies. Nobody waits for
// them.) int8: the same with half instead of bfloat16, because an int8 becomes a half in fewer
// instructions; it is exact, and the scale of its row is applied to the sum.
// float32: a lane multiplies on its own, 4 columns of rows g and g + 8, and the four lanes of a
// group add up later.
//
// Lane 4 g + q has, of a tile, rows g and g + 8, columns 4 q to 4 q + 3. For an mma they are
// columns 2 q, 2 q + 1, 2 q + 8 and 2 q + 9 (../common/mma.cuh); but the sum over columns doesn't
// mind their order, if it is the same in A and in B.
#pragma once
#include <cstring>

#include "ptx.cuh"
#include "shape.cuh"

namespace hopper {

__device__ __forceinline__ float4 as_floats(uint4 v) {
  return make_float4(__uint_as_float(v.x), __uint_as_float(v.y), __uint_as_float(v.z),
                     __uint_as_float(v.w));
}
__device__ __forceinline__ uint4 as_words(float4 v) {
  return make_uint4(__float_as_uint(v.x), __float_as_uint(v.y), __float_as_uint(v.z),
                    __float_as_uint(v.w));
}

template <typename Pair>
__device__ __forceinline__ unsigned bits_of(Pair pair) {
  unsigned bits;
  memcpy(&bits, &pair, sizeof bits);
  return bits;
}
__device__ __forceinline__ __half2 halves_of(unsigned bits) {
  __half2 pair;
  memcpy(&pair, &bits, sizeof bits);
  return pair;
}

// a and b as pairs of bfloat16, or of half: rounded, and what is left.
__device__ __forceinline__ uint2 split(float a, float b) {
  if constexpr (sizeof(Weight) == 1) {
    __half2 hi = __floats2half2_rn(a, b);
    float2 f = __half22float2(hi);
    return make_uint2(bits_of(hi), bits_of(__floats2half2_rn(a - f.x, b - f.y)));
  } else {
    __nv_bfloat162 hi = __floats2bfloat162_rn(a, b);
    float2 f = __bfloat1622float2(hi);
    return make_uint2(bits_of(hi), bits_of(__floats2bfloat162_rn(a - f.x, b - f.y)));
  }
}

// Two int8 as halves: bytes 2 i and 2 i + 1 of a word, to which 128 has been added (pack.cuh). Such
// a byte below that of 1024, 0x64, is 1024 + 128 + the int8.
template <int I>
__device__ __forceinline__ unsigned widen(unsigned bytes) {
  unsigned pair = __byte_perm(bytes, 0x64646464, I == 0 ? 0x4140 : 0x4342);
  return bits_of(__hsub2(halves_of(pair), halves_of(0x64806480)));  // 1152
}

// ------------------------------------------------------------------------------- by type

template <typename W>
struct TileOf {
  uint4 a;  // the A operand of an mma
};
template <>
struct TileOf<float> {
  float4 row, row_8;  // columns 4q to 4q + 3 of rows g and g + 8
};
using Tile = TileOf<Weight>;

// This lane's part of the tile at `tile`.
__device__ __forceinline__ void load(TileOf<float>& t, const unsigned char* tile, int lane) {
  auto* from = reinterpret_cast<const float4*>(tile) + lane;
  t.row = from[0], t.row_8 = from[32];
}
__device__ __forceinline__ void load(TileOf<__nv_bfloat16>& t, const unsigned char* tile,
                                     int lane) {
  t.a = reinterpret_cast<const uint4*>(tile)[lane];
}
__device__ __forceinline__ void load(TileOf<int8_t>& t, const unsigned char* tile, int lane) {
  uint2 w = reinterpret_cast<const uint2*>(tile)[lane];
  t.a = make_uint4(widen<0>(w.x), widen<1>(w.x), widen<0>(w.y), widen<1>(w.y));
}

// COUNT tiles of 8 rows (the values of query, key and value), with no rows 8 to 15.
template <int COUNT>
__device__ __forceinline__ void load_halves(TileOf<float> (&t)[COUNT], const unsigned char* tiles,
                                            int lane) {
#pragma unroll
  for (int i = 0; i < COUNT; i++) {
    t[i].row = reinterpret_cast<const float4*>(tiles)[i * 32 + lane];
    t[i].row_8 = make_float4(0, 0, 0, 0);
  }
}
// A lane has those of two tiles side by side.
template <int COUNT>
__device__ __forceinline__ void load_halves(TileOf<__nv_bfloat16> (&t)[COUNT],
                                            const unsigned char* tiles, int lane) {
#pragma unroll
  for (int i = 0; i < COUNT; i += 2) {
    uint4 w = reinterpret_cast<const uint4*>(tiles)[i / 2 * 32 + lane];
    t[i].a = make_uint4(w.x, 0, w.y, 0), t[i + 1].a = make_uint4(w.z, 0, w.w, 0);
  }
}
template <int COUNT>
__device__ __forceinline__ void load_halves(TileOf<int8_t> (&t)[COUNT], const unsigned char* tiles,
                                            int lane) {
#pragma unroll
  for (int i = 0; i < COUNT; i += 2) {
    uint2 w = reinterpret_cast<const uint2*>(tiles)[i / 2 * 32 + lane];
    t[i].a = make_uint4(widen<0>(w.x), 0, widen<1>(w.x), 0);
    t[i + 1].a = make_uint4(widen<0>(w.y), 0, widen<1>(w.y), 0);
  }
}

// 4 elements of x, in 16 bytes, as they lie in shared memory; and a lane's part of them, number q
// of a tile's 4.
__device__ __forceinline__ uint4 prepared(float4 x) {
  if constexpr (sizeof(Weight) == 4) return as_words(x);
  uint2 a = split(x.x, x.y), b = split(x.z, x.w);
  return make_uint4(a.x, b.x, a.y, b.y);
}
template <typename W>
struct InputOf {
  uint2 b;
  __device__ __forceinline__ InputOf(const uint4* quad, int lane) {
    b = reinterpret_cast<const uint2*>(quad + (lane & 3))[lane >> 2 & 1];  // hi or lo
  }
};
template <>
struct InputOf<float> {
  float4 x;
  __device__ __forceinline__ InputOf(const uint4* quad, int lane) : x(as_floats(quad[lane & 3])) {}
};
using Input = InputOf<Weight>;

// What a lane has of 16 sums: rows g (d[0], d[1]) and g + 8 (d[2], d[3]), each in two parts: by hi
// and by lo, or by even and odd columns.
struct Sums {
  float d[4] = {0, 0, 0, 0};
  __device__ __forceinline__ void operator+=(const Sums& other) {
#pragma unroll
    for (int i = 0; i < 4; i++) d[i] += other.d[i];
  }
};

template <typename W>
__device__ __forceinline__ void multiply(Sums& sums, const TileOf<W>& tile,
                                         const InputOf<W>& input) {
  mma<W>(sums.d, tile.a, input.b);
}
__device__ __forceinline__ void multiply(Sums& sums, const TileOf<float>& tile,
                                         const InputOf<float>& input) {
  float4 x = input.x;
  sums.d[0] += tile.row.x * x.x, sums.d[1] += tile.row.y * x.y;
  sums.d[0] += tile.row.z * x.z, sums.d[1] += tile.row.w * x.w;
  sums.d[2] += tile.row_8.x * x.x, sums.d[3] += tile.row_8.y * x.y;
  sums.d[2] += tile.row_8.z * x.z, sums.d[3] += tile.row_8.w * x.w;
}

// The value that lane ^ mask has.
__device__ __forceinline__ float of_lane(float v, int mask) {
  return __shfl_xor_sync(0xffffffff, v, mask);
}

// Of rows g and g + 8, in all four lanes of a group.
__device__ __forceinline__ float2 totals(const Sums& s) {
  float a = s.d[0] + s.d[1], b = s.d[2] + s.d[3];
  if constexpr (sizeof(Weight) == 4) {
    a += of_lane(a, 1), b += of_lane(b, 1);
    a += of_lane(a, 2), b += of_lane(b, 2);
  }
  return make_float2(a, b);
}

// Of two tiles, a row a lane of the group: q = 0: row g, 1: row g + 8 of the first tile; 2: row g,
// 3: row g + 8 of the second.
__device__ __forceinline__ float total_by_lane(const Sums& s, const Sums& t, int lane) {
  bool upper = lane & 2, odd = lane & 1;
  float a = s.d[0] + s.d[1], b = s.d[2] + s.d[3], c = t.d[0] + t.d[1], d = t.d[2] + t.d[3];
  if constexpr (sizeof(Weight) < 4) return upper ? (odd ? d : c) : (odd ? b : a);
  float keep_0 = upper ? c : a, keep_1 = upper ? d : b;  // and give the others away
  keep_0 += of_lane(upper ? a : c, 2), keep_1 += of_lane(upper ? b : d, 2);
  return (odd ? keep_1 : keep_0) + of_lane(odd ? keep_0 : keep_1, 1);
}

}  // namespace hopper
