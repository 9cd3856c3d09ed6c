// Atomics, math functions, intrinsics, vector types, cache hints: printed with all their digits.
#include <math_constants.h>

#include <cstdio>

__global__ void atomics(int* i, unsigned* u, unsigned long long* l, float* f, double* d) {
  int t = threadIdx.x;
  atomicAdd(i, t), atomicSub(i + 1, t), atomicMin(i + 2, -t), atomicMax(i + 3, t);
  atomicAnd(i + 4, ~(1 << t % 8)), atomicOr(i + 5, 1 << t % 8), atomicXor(i + 6, 1 << t % 8);
  atomicInc(u, 9), atomicDec(u + 1, 9), atomicAdd(u + 2, 3u), atomicMax(u + 3, 0x80000000u + t);
  atomicAdd(l, 1ull << 33), atomicMax(l + 1, 1ull << (t % 60));
  atomicAdd(f, 0.5f), atomicAdd(d, 0.25), atomicAdd(f + 1, 1);
  if (t == 0)
    i[7] = atomicExch(i + 8, 42), i[9] = atomicCAS(i + 8, 42, 43), i[10] = atomicCAS(i + 8, 7, 8);
}

#define SHOW(name, ...) printf(name " %.17g\n", (double)(__VA_ARGS__))
__global__ void show(const float* p, float* q) {
  float x = 0.7f;
  SHOW("rsqrtf", rsqrtf(2.0f));
  SHOW("expf", __expf(x));
  SHOW("logf", __logf(x));
  SHOW("powf", __powf(x, 3.0f));
  SHOW("exp10", __exp10f(2.0f));
  SHOW("sinpif", sinpif(0.25f));
  SHOW("cospi_half", cospi(0.5));
  SHOW("normcdff", normcdff(1.0f));
  SHOW("erff", erff(0.5f));
  SHOW("fdividef", __fdividef(1.0f, 3.0f));
  SHOW("fmaf", __fmaf_rn(1.5f, 2.0f, 0.25f));
  SHOW("saturate", __saturatef(1.5f) + __saturatef(-2.0f));
  SHOW("minmax", min(3, 4u) + max(2.5f, 1) + min(1.0, 2.0f) + max(-1, -2));
  SHOW("fabsf", fabsf(-2.0f) + abs(-3) + fmaxf(1, 2) + floorf(2.7f) + ceilf(2.1f));
  SHOW("popc", __popc(0xf0f0) + 100 * __clz(1) + 10000 * __ffs(8));
  SHOW("clz0", __clz(0) + 100 * __ffs(0) + 10000 * __clzll(1));
  SHOW("brev", __brev(1));
  SHOW("byte_perm", __byte_perm(0x33221100, 0x77665544, 0x7531));
  SHOW("umulhi", __umulhi(0x80000000u, 6));
  SHOW("mulhi", __mulhi(-0x40000000, 8));
  SHOW("funnel", __funnelshift_l(0x80000000u, 1, 1));
  SHOW("dp4a", __dp4a(0x01020304, 0x01010101, 5));
  SHOW("hadd", __hadd(2147483647, 2147483645));
  SHOW("as_int", __float_as_int(1.0f));
  SHOW("as_float", __int_as_float(0x40490fdb));
  SHOW("rn", __float2int_rn(2.5f) + 10 * __float2int_rz(-2.7f) + 100 * __float2int_ru(2.1f));
  SHOW("inf", CUDART_INF_F > 1e38f);
  SHOW("vectors", sizeof(float3) + 100 * alignof(float4) + 10000 * sizeof(uchar4));
  int2 v = make_int2(3, 4);
  double2 w = {1.5, 2.5};
  SHOW("fields", v.x + v.y + w.y);
  __stcs(q, __ldg(p) + __ldcs(p + 1) + __ldcg(p + 2));
  float4 four = *reinterpret_cast<const float4*>(p);
  SHOW("float4", four.x + 10 * four.w);
  float s, c;
  sincosf(0.0f, &s, &c);
  SHOW("sincos", s + 2 * c);
}

int main() {
  int* i;
  unsigned* u;
  unsigned long long* l;
  float *f, *p;
  double* d;
  cudaMalloc(&i, 64), cudaMalloc(&u, 64), cudaMalloc(&l, 64);
  cudaMalloc(&f, 64), cudaMalloc(&d, 64), cudaMalloc(&p, 64);
  cudaMemset(i, 0, 64), cudaMemset(u, 0, 64), cudaMemset(l, 0, 64);
  cudaMemset(f, 0, 64), cudaMemset(d, 0, 64);
  i[4] = 0xff;
  atomics<<<1, 64>>>(i, u, l, f, d);
  printf("int");
  for (int k = 0; k < 11; k++) printf(" %d", i[k]);
  printf("\nunsigned %u %u %u %u\nlong %llu %llu\n", u[0], u[1], u[2], u[3], l[0], l[1]);
  printf("float %.9g %.9g\ndouble %.17g\n", f[0], f[1], d[0]);
  for (int k = 0; k < 16; k++) p[k] = k + 1;
  show<<<1, 1>>>(p, f);
  printf("hints %g\n", f[0]);
}
