// Random numbers, as a library for tests/simt/test_random.py: each thread draws `each` numbers.
#include <curand_kernel.h>

#define DRAW(prefix, State, Number, name, expression)                                              \
  __global__ void prefix##_##name##_kernel(unsigned long long seed, unsigned long long sequence,   \
                                           unsigned long long offset, int each, Number* out) {     \
    int thread = blockIdx.x * blockDim.x + threadIdx.x;                                            \
    State state;                                                                                   \
    curand_init(seed, sequence + thread, offset, &state);                                          \
    for (int i = 0; i < each; i++) out[thread * each + i] = expression;                            \
  }                                                                                                \
  extern "C" void prefix##_##name(unsigned long long seed, unsigned long long sequence,            \
                                  unsigned long long offset, int each, Number* out, int threads) { \
    prefix##_##name##_kernel<<<1, threads>>>(seed, sequence, offset, each, out);                   \
  }
#define DRAWS(prefix, State)                                                     \
  DRAW(prefix, State, unsigned, bits, curand(&state))                            \
  DRAW(prefix, State, float, uniform, curand_uniform(&state))                    \
  DRAW(prefix, State, double, uniform_double, curand_uniform_double(&state))     \
  DRAW(prefix, State, float, normal, curand_normal(&state))                      \
  DRAW(prefix, State, float2, normal2, curand_normal2(&state))                   \
  DRAW(prefix, State, double, normal_double, curand_normal_double(&state))       \
  DRAW(prefix, State, float, log_normal, curand_log_normal(&state, 0.5f, 0.25f)) \
  DRAW(prefix, State, unsigned, poisson_small, curand_poisson(&state, 3.5))      \
  DRAW(prefix, State, unsigned, poisson_large, curand_poisson(&state, 10000.0))
DRAWS(xorwow, curandState)
DRAWS(philox, curandStatePhilox4_32_10_t)
DRAW(philox, curandStatePhilox4_32_10_t, uint4, bits4, curand4(&state))
DRAW(philox, curandStatePhilox4_32_10_t, float4, uniform4, curand_uniform4(&state))
DRAW(philox, curandStatePhilox4_32_10_t, float4, normal4, curand_normal4(&state))

extern "C" void philox_block(const unsigned* in, unsigned* out) {
  uint4 block = simt::random::philox({in[0], in[1], in[2], in[3]}, {in[4], in[5]});
  out[0] = block.x, out[1] = block.y, out[2] = block.z, out[3] = block.w;
}

// By steps one at a time, what skipahead() jumps.
template <class State>
int skips_as_many(unsigned long long n) {
  State walks, jumps, starts;
  curand_init(7, 3, 0, &walks);
  curand_init(7, 3, 0, &jumps);
  curand_init(7, 3, n, &starts);
  for (unsigned long long i = 0; i < n; i++) curand(&walks);
  skipahead(n, &jumps);
  bool same = true;
  for (int i = 0; i < 9; i++) {
    unsigned expected = curand(&walks);
    same = same && curand(&jumps) == expected && curand(&starts) == expected;
  }
  skipahead_sequence(2, &jumps);
  curand_init(7, 5, n + 9, &starts);
  return same && curand(&jumps) == curand(&starts);
}
extern "C" int xorwow_skips(unsigned long long n) { return skips_as_many<curandState>(n); }
extern "C" int philox_skips(unsigned long long n) {
  return skips_as_many<curandStatePhilox4_32_10_t>(n);
}
