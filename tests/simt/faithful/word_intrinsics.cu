// Arithmetic on the parts of a word, other integer intrinsics, and inverses of special functions.
#include <cstdio>

__device__ const unsigned kWords[] = {0x00000000, 0xffffffff, 0x7f80017f, 0x80ff7f01, 0x12345678};

#define SHOW(f) printf(#f " = %08x %08x\n", f##2(a, b), f##4(a, b))
#define SHOW_ONE(f) printf(#f " = %08x %08x\n", f##2(a), f##4(a))

__global__ void parts() {
  for (unsigned a : kWords)
    for (unsigned b : kWords) {
      SHOW(__vadd), SHOW(__vsub), SHOW(__vaddss), SHOW(__vaddus), SHOW(__vsubss), SHOW(__vsubus);
      SHOW(__vavgs), SHOW(__vavgu), SHOW(__vhaddu), SHOW(__vabsdiffs), SHOW(__vabsdiffu);
      SHOW(__vmins), SHOW(__vminu), SHOW(__vmaxs), SHOW(__vmaxu), SHOW(__vsads), SHOW(__vsadu);
      SHOW(__vcmpeq), SHOW(__vcmpne), SHOW(__vcmpges), SHOW(__vcmpgtu), SHOW(__vcmpleu);
      SHOW(__vsetlts), SHOW(__vsetgeu), SHOW(__vseteq);
      SHOW_ONE(__vabs), SHOW_ONE(__vabsss), SHOW_ONE(__vneg), SHOW_ONE(__vnegss);
    }
}

__global__ void integers() {
  for (unsigned a : kWords) {
    printf("halves = %d %d %u %u\n", __dp2a_lo((int)a, 0x01ff7f80, 3),
           __dp2a_hi((int)a, 0x01ff7f80, 3), __dp2a_lo(a, 0x01ff7f80u, 3u),
           __dp2a_hi(a, 0x01ff7f80u, 3u));
    printf("averages = %u %u\n", __uhadd(a, 0xfffffff0u), __urhadd(a, 0xfffffff0u));
    for (unsigned n : {0u, 1u, 31u, 32u, 40u})
      printf("shifts = %08x %08x\n", __funnelshift_lc(a, ~a, n), __funnelshift_rc(a, ~a, n));
    printf("nth bit = %d %d %d\n", __fns(a, 3, 2), __fns(a, 20, -1), __fns(a, 7, 0));
  }
  printf("long = %lld %lld %llu %llu\n", llmin(-1, 2), llmax(-1, 2), ullmin(~0ull, 2),
         ullmax(~0ull, 2));
}

// Special functions differ in the last digits.
__global__ void inverses() {
  for (float x : {-0.999f, -0.5f, -1e-4f, 0.0f, 0.25f, 0.75f, 0.9999f})
    printf("erfinv ~1e-6 = %.9g %.9g\n", erfinvf(x), erfinv((double)x));
  for (float x : {1e-20f, 0.01f, 0.5f, 1.0f, 1.9f})
    printf("erfcinv ~1e-6 = %.9g %.9g\n", erfcinvf(x), erfcinv((double)x));
  for (float x : {1e-6f, 0.1f, 0.5f, 0.975f})
    printf("normcdfinv ~1e-6 = %.9g %.9g\n", normcdfinvf(x), normcdfinv((double)x));
  for (float x : {0.0f, 0.5f, -2.0f, 5.0f})
    printf("bessel ~1e-6 = %.9g %.9g\n", cyl_bessel_i0f(x), cyl_bessel_i1f(x));
}

int main() {
  parts<<<1, 1>>>();
  integers<<<1, 1>>>();
  inverses<<<1, 1>>>();
  return cudaDeviceSynchronize();
}
