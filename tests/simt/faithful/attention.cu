// Causal attention of one head: naive (scores, softmax, product, by three kernels), and in tiles
// with an online softmax that never writes the scores, as FlashAttention does.
#include <cuda_runtime.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define T 50  // tokens
#define D 32  // width of the head
#define TILE 16

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

__global__ void scores(const float* Q, const float* K, float* S) {
  int q = blockIdx.y * blockDim.y + threadIdx.y, k = blockIdx.x * blockDim.x + threadIdx.x;
  if (q >= T || k >= T) return;
  float sum = 0.0f;
  for (int d = 0; d < D; d++) sum += Q[q * D + d] * K[k * D + d];
  S[q * T + k] = k <= q ? sum / sqrtf((float)D) : -INFINITY;
}

__global__ void softmax(float* S) {
  int q = blockIdx.x * blockDim.x + threadIdx.x;
  if (q >= T) return;
  float maximum = -INFINITY, sum = 0.0f;
  for (int k = 0; k <= q; k++) maximum = fmaxf(maximum, S[q * T + k]);
  for (int k = 0; k <= q; k++) sum += expf(S[q * T + k] - maximum);
  for (int k = 0; k < T; k++) S[q * T + k] = k <= q ? expf(S[q * T + k] - maximum) / sum : 0.0f;
}

__global__ void weighted(const float* S, const float* V, float* O) {
  int q = blockIdx.x, d = threadIdx.x;
  float sum = 0.0f;
  for (int k = 0; k < T; k++) sum += S[q * T + k] * V[k * D + d];
  O[q * D + d] = sum;
}

// A block has TILE queries, one a thread; keys and values come in tiles. m: the maximum so far, l:
// the sum of exp(score - m), by which the output so far is corrected when m grows.
__global__ void flash(const float* Q, const float* K, const float* V, float* O) {
  extern __shared__ float shared[];
  float (*Ks)[D] = reinterpret_cast<float (*)[D]>(shared);
  float (*Vs)[D] = reinterpret_cast<float (*)[D]>(shared + TILE * D);
  int q = blockIdx.x * TILE + threadIdx.x;
  float query[D], out[D] = {0.0f}, m = -INFINITY, l = 0.0f;
  for (int d = 0; d < D; d++) query[d] = q < T ? Q[q * D + d] : 0.0f;
  int last = min(T, (int)(blockIdx.x + 1) * TILE);  // keys beyond are hidden from all of the block
  for (int first = 0; first < last; first += TILE) {
    __syncthreads();
    for (int i = threadIdx.x; i < TILE * D; i += blockDim.x) {
      int k = first + i / D;
      Ks[i / D][i % D] = k < T ? K[k * D + i % D] : 0.0f;
      Vs[i / D][i % D] = k < T ? V[k * D + i % D] : 0.0f;
    }
    __syncthreads();
    for (int j = 0; j < TILE && first + j <= q && first + j < T; j++) {
      float score = 0.0f;
      for (int d = 0; d < D; d++) score += query[d] * Ks[j][d];
      score *= rsqrtf((float)D);
      float m_new = fmaxf(m, score), correction = expf(m - m_new), p = expf(score - m_new);
      l = l * correction + p;
      for (int d = 0; d < D; d++) out[d] = out[d] * correction + p * Vs[j][d];
      m = m_new;
    }
  }
  if (q < T)
    for (int d = 0; d < D; d++) O[q * D + d] = out[d] / l;
}

int main() {
  const size_t size = T * D * sizeof(float);
  float host[3][T * D], naive[T * D], tiled[T * D];
  for (int m = 0; m < 3; m++)
    for (int i = 0; i < T * D; i++) host[m][i] = (float)((i * (31 + 12 * m)) % 61) / 30.0f - 1.0f;
  float *Q, *K, *V, *O, *S;
  CHECK(cudaMalloc(&Q, size));
  CHECK(cudaMalloc(&K, size));
  CHECK(cudaMalloc(&V, size));
  CHECK(cudaMalloc(&O, size));
  CHECK(cudaMalloc(&S, T * T * sizeof(float)));
  CHECK(cudaMemcpy(Q, host[0], size, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(K, host[1], size, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(V, host[2], size, cudaMemcpyHostToDevice));

  dim3 block(16, 16), grid((T + 15) / 16, (T + 15) / 16);
  scores<<<grid, block>>>(Q, K, S);
  softmax<<<(T + 31) / 32, 32>>>(S);
  weighted<<<T, D>>>(S, V, O);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(naive, O, size, cudaMemcpyDeviceToHost));

  CHECK(cudaMemset(O, 0, size));
  size_t sharedBytes = 2 * TILE * D * sizeof(float);
  CHECK(cudaFuncSetAttribute(flash, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)sharedBytes));
  flash<<<(T + TILE - 1) / TILE, TILE, sharedBytes>>>(Q, K, V, O);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(tiled, O, size, cudaMemcpyDeviceToHost));

  float worst = 0;
  for (int i = 0; i < T * D; i++) worst = fmaxf(worst, fabsf(naive[i] - tiled[i]));
  // expf and sums in another order.
  printf("naive ~1e-5 = %.9g %.9g %.9g\n", naive[0], naive[20 * D + 3], naive[T * D - 1]);
  printf("flash ~1e-5 = %.9g %.9g %.9g\n", tiled[0], tiled[20 * D + 3], tiled[T * D - 1]);
  printf("agree = %d\n", worst < 1e-5f);
  CHECK(cudaFree(Q));
  CHECK(cudaFree(K));
  CHECK(cudaFree(V));
  CHECK(cudaFree(O));
  CHECK(cudaFree(S));
}
