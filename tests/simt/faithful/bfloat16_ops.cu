// __nv_bfloat16 and __nv_bfloat162: arithmetic, comparisons, conversions with each rounding,
// shuffles, atomics.
#include <cuda_bf16.h>

#include "narrow_ops.cuh"

__global__ void narrow(const float* x, __nv_bfloat16* rn, __nv_bfloat16* rz, __nv_bfloat16* ru,
                       __nv_bfloat16* rd) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  rn[i] = __float2bfloat16_rn(x[i]), rz[i] = __float2bfloat16_rz(x[i]);
  ru[i] = __float2bfloat16_ru(x[i]), rd[i] = __float2bfloat16_rd(x[i]);
}

__global__ void integers(int* out) {
  int i = threadIdx.x;
  float x = (i - 16) * 0.5f * (1 << i % 13);
  __nv_bfloat16 h = __float2bfloat16(x);
  int* mine = out + i * 12;
  mine[0] = __bfloat162int_rn(h), mine[1] = __bfloat162int_rz(h);
  mine[2] = __bfloat162int_ru(h), mine[3] = __bfloat162int_rd(h);
  mine[4] = __bfloat162short_rz(h), mine[5] = (int)__bfloat162uint_rn(h);
  mine[6] = __bfloat162ushort_rd(h), mine[7] = (int)(__bfloat162ll_rn(h) >> 1);
  mine[8] = __bfloat16_as_ushort(__int2bfloat16_rn(i * 4099 - 65521));
  mine[9] = __bfloat16_as_ushort(__uint2bfloat16_rn(i * 2047u));
  mine[10] = __bfloat16_as_ushort(__short2bfloat16_rn((short)(i * 1025 - 16387)));
  mine[11] = __bfloat16_as_ushort(__ll2bfloat16_rn(i * 2049ll));
}

__global__ void pairs(unsigned* words, __nv_bfloat16* sum, __nv_bfloat162* sum2) {
  int i = threadIdx.x;
  __nv_bfloat162 a = __floats2bfloat162_rn(i * 0.25f, -i * 1.5f), b = __float2bfloat162_rn(0.75f);
  __nv_bfloat162 values[] = {__hadd2(a, b),
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
                             __low2bfloat162(a),
                             __high2bfloat162(a),
                             __lows2bfloat162(a, b),
                             __highs2bfloat162(b, a),
                             __halves2bfloat162(__high2bfloat16(a), __low2bfloat16(b)),
                             __bfloat162bfloat162(a.y),
                             __float22bfloat162_rn(make_float2(i * 0.1f, i * 100.1f)),
                             __shfl_xor_sync(0xffffffffu, a, 5),
                             h2floor(a),
                             __hadd2_sat(a, b)};
  unsigned hash = 2166136261u;  // FNV-1a
  for (__nv_bfloat162 v : values)
    hash = (hash ^ (__bfloat16_as_ushort(v.x) | (unsigned)__bfloat16_as_ushort(v.y) << 16)) *
           16777619u;
  words[96 + i] = hash;
  words[i] = __hbeq2(a, b) + 2 * __hbge2(a, b) + 4 * __hbltu2(a, b) + (__hle2_mask(a, b) & 0x30030);

  __nv_bfloat16 h = __float2bfloat16(i), shifted = __shfl_down_sync(0xffffffffu, h, 3);
  words[32 + i] = __bfloat16_as_ushort(shifted);
  h += shifted;
  h = h * h - h / shifted;
  words[64 + i] = (h > shifted) + 2 * (h == h) + 4 * (-h < h);
  // Whole numbers up to 256: exact in any order.
  atomicAdd(sum, __float2bfloat16(i % 8));
  atomicAdd(sum2, __floats2bfloat162_rn(1.0f, i % 4));
}

int main() {
  // The unit in the last place of bfloat16: 2^-7.
  Program<__nv_bfloat16> program(0x7f80, 2e-2);
  program.run_all();

  std::vector<float> floats = hard_floats<__nv_bfloat16>();
  float* x;
  __nv_bfloat16* rounded;
  cudaMalloc(&x, kCount * sizeof(float));
  cudaMalloc(&rounded, 4 * kCount * sizeof(__nv_bfloat16));
  cudaMemcpy(x, floats.data(), kCount * sizeof(float), cudaMemcpyHostToDevice);
  narrow<<<kCount / kThreads, kThreads>>>(x, rounded, rounded + kCount, rounded + 2 * kCount,
                                          rounded + 3 * kCount);
  const char* const modes[] = {"rn", "rz", "ru", "rd"};
  for (int mode = 0; mode < 4; mode++) {
    std::vector<unsigned short> results(kCount);
    cudaMemcpy(results.data(), rounded + mode * kCount, kCount * 2, cudaMemcpyDeviceToHost);
    printf("__float2bfloat16_%s = %04x %04x %04x %016llx\n", modes[mode], results[1], results[4000],
           results[9001], hash(results, 0x7f80));
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
  __nv_bfloat16 *sum, host_sum;
  __nv_bfloat162 *sum2, host_sum2;
  cudaMalloc(&device_words, sizeof words);
  cudaMalloc(&sum, sizeof *sum), cudaMalloc(&sum2, sizeof *sum2);
  cudaMemset(sum, 0, sizeof *sum), cudaMemset(sum2, 0, sizeof *sum2);
  pairs<<<1, 32>>>(device_words, sum, sum2);
  cudaMemcpy(words, device_words, sizeof words, cudaMemcpyDeviceToHost);
  cudaMemcpy(&host_sum, sum, sizeof host_sum, cudaMemcpyDeviceToHost);
  cudaMemcpy(&host_sum2, sum2, sizeof host_sum2, cudaMemcpyDeviceToHost);
  printf("words =");
  for (unsigned w : words) printf(" %u", w);
  printf("\natomics = %g %g %g\n", __bfloat162float(host_sum), __low2float(host_sum2),
         __high2float(host_sum2));
  return cudaDeviceSynchronize() != cudaSuccess;
}
