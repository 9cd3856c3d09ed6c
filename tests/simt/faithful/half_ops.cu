// __half and __half2: arithmetic, comparisons, conversions with each rounding, shuffles, atomics.
#include <cuda_fp16.h>

#include "narrow_ops.cuh"

__global__ void narrow(const float* x, __half* rn, __half* rz, __half* ru, __half* rd) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  rn[i] = __float2half_rn(x[i]), rz[i] = __float2half_rz(x[i]);
  ru[i] = __float2half_ru(x[i]), rd[i] = __float2half_rd(x[i]);
}

__global__ void integers(int* out) {
  int i = threadIdx.x;
  float x = (i - 16) * 0.5f * (1 << i % 13);
  __half h = __float2half(x);
  int* mine = out + i * 12;
  mine[0] = __half2int_rn(h), mine[1] = __half2int_rz(h);
  mine[2] = __half2int_ru(h), mine[3] = __half2int_rd(h);
  mine[4] = __half2short_rz(h), mine[5] = (int)__half2uint_rn(h);
  mine[6] = __half2ushort_rd(h), mine[7] = (int)(__half2ll_rn(h) >> 1);
  mine[8] = __half_as_ushort(__int2half_rn(i * 4099 - 65521));
  mine[9] = __half_as_ushort(__uint2half_rn(i * 2047u));
  mine[10] = __half_as_ushort(__short2half_rn((short)(i * 1025 - 16387)));
  mine[11] = __half_as_ushort(__ll2half_rn(i * 2049ll));
}

__global__ void pairs(unsigned* words, __half* sum, __half2* sum2) {
  int i = threadIdx.x;
  __half2 a = __floats2half2_rn(i * 0.25f, -i * 1.5f), b = __float2half2_rn(0.75f);
  __half2 values[] = {__hadd2(a, b),
                      __hsub2(a, b),
                      __hmul2(a, b),
                      __hfma2(a, b, b),
                      __hneg2(a),
                      __habs2(a),
                      __hmax2(a, b),
                      __hmin2(a, b),
                      __heq2(a, b),
                      __hlt2(a, b),
                      __hge2(a, b),
                      a + b * b,  // b * b is exact: fused or not
                      __lowhigh2highlow(a),
                      __low2half2(a),
                      __high2half2(a),
                      __lows2half2(a, b),
                      __highs2half2(b, a),
                      __halves2half2(__high2half(a), __low2half(b)),
                      __half2half2(a.y),
                      __float22half2_rn(make_float2(i * 0.1f, i * 100.1f)),
                      __shfl_xor_sync(0xffffffffu, a, 5),
                      h2floor(a),
                      __hadd2_sat(a, b)};
  unsigned hash = 2166136261u;  // FNV-1a
  for (__half2 v : values)
    hash = (hash ^ (__half_as_ushort(v.x) | (unsigned)__half_as_ushort(v.y) << 16)) * 16777619u;
  words[96 + i] = hash;
  words[i] = __hbeq2(a, b) + 2 * __hbge2(a, b) + 4 * __hbltu2(a, b) + (__hle2_mask(a, b) & 0x30030);

  __half h = __float2half(i), shifted = __shfl_down_sync(0xffffffffu, h, 3);
  words[32 + i] = __half_as_ushort(shifted);
  h += shifted;
  h = h * h - h / shifted;
  words[64 + i] = (h > shifted) + 2 * (h == h) + 4 * (-h < h);
  // Whole numbers up to 256: exact in any order.
  atomicAdd(sum, __float2half(i % 8));
  atomicAdd(sum2, __floats2half2_rn(1.0f, i % 4));
}

int main() {
  // The unit in the last place of half: 2^-10.
  Program<__half> program(0x7c00, 2e-3);
  program.run_all();

  std::vector<float> floats = hard_floats<__half>();
  float* x;
  __half* rounded;
  cudaMalloc(&x, kCount * sizeof(float));
  cudaMalloc(&rounded, 4 * kCount * sizeof(__half));
  cudaMemcpy(x, floats.data(), kCount * sizeof(float), cudaMemcpyHostToDevice);
  narrow<<<kCount / kThreads, kThreads>>>(x, rounded, rounded + kCount, rounded + 2 * kCount,
                                          rounded + 3 * kCount);
  const char* const modes[] = {"rn", "rz", "ru", "rd"};
  for (int mode = 0; mode < 4; mode++) {
    std::vector<unsigned short> results(kCount);
    cudaMemcpy(results.data(), rounded + mode * kCount, kCount * 2, cudaMemcpyDeviceToHost);
    printf("__float2half_%s = %04x %04x %04x %016llx\n", modes[mode], results[1], results[4000],
           results[9001], hash(results, 0x7c00));
  }

  int *device_ints, ints[32 * 12];
  cudaMalloc(&device_ints, sizeof ints);
  integers<<<1, 32>>>(device_ints);
  cudaMemcpy(ints, device_ints, sizeof ints, cudaMemcpyDeviceToHost);
  for (int i = 0; i < 32; i++) {
    printf("integers%d =", i);
    for (int j = 0; j < 12; j++) printf(" %d", ints[i * 12 + j]);
    printf("\n");
  }

  unsigned *device_words, words[128];
  __half *sum, host_sum;
  __half2 *sum2, host_sum2;
  cudaMalloc(&device_words, sizeof words);
  cudaMalloc(&sum, sizeof *sum), cudaMalloc(&sum2, sizeof *sum2);
  cudaMemset(sum, 0, sizeof *sum), cudaMemset(sum2, 0, sizeof *sum2);
  pairs<<<1, 32>>>(device_words, sum, sum2);
  cudaMemcpy(words, device_words, sizeof words, cudaMemcpyDeviceToHost);
  cudaMemcpy(&host_sum, sum, sizeof host_sum, cudaMemcpyDeviceToHost);
  cudaMemcpy(&host_sum2, sum2, sizeof host_sum2, cudaMemcpyDeviceToHost);
  printf("words =");
  for (unsigned w : words) printf(" %u", w);
  printf("\natomics = %g %g %g\n", __half2float(host_sum), __low2float(host_sum2),
         __high2float(host_sum2));
  return cudaDeviceSynchronize() != cudaSuccess;
}
