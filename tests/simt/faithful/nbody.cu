// N-body: every body pulls at every other. A block loads the bodies in tiles; float4 holds the
// position and the mass.
#include <cuda_runtime.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SOFTENING 1e-3f
#define BLOCK 64

#define gpuErrchk(ans) gpuAssert((ans), __FILE__, __LINE__)
inline void gpuAssert(cudaError_t code, const char* file, int line, bool abort = true) {
  if (code != cudaSuccess) {
    fprintf(stderr, "GPUassert: %s %s %d\n", cudaGetErrorString(code), file, line);
    if (abort) exit(code);
  }
}

__host__ __device__ inline float3 operator+(float3 a, float3 b) {
  return make_float3(a.x + b.x, a.y + b.y, a.z + b.z);
}

__host__ __device__ inline float3 pull(float4 me, float4 other) {
  float dx = other.x - me.x, dy = other.y - me.y, dz = other.z - me.z;
  float distSqr = dx * dx + dy * dy + dz * dz + SOFTENING;
  float invDist = 1.0f / sqrtf(distSqr);
  float s = other.w * invDist * invDist * invDist;
  return make_float3(dx * s, dy * s, dz * s);
}

__global__ void bodyForce(const float4* position, float3* velocity, float dt, int n) {
  __shared__ float4 tile[BLOCK];
  int i = blockDim.x * blockIdx.x + threadIdx.x;
  float4 me = i < n ? position[i] : make_float4(0, 0, 0, 0);
  float3 force = {0.0f, 0.0f, 0.0f};
  for (int first = 0; first < n; first += BLOCK) {
    int j = first + threadIdx.x;
    tile[threadIdx.x] = j < n ? position[j] : make_float4(0, 0, 0, 0);  // no mass, no pull
    __syncthreads();
#pragma unroll 8
    for (int k = 0; k < BLOCK; k++) force = force + pull(me, tile[k]);
    __syncthreads();
  }
  if (i >= n) return;
  velocity[i].x += dt * force.x;
  velocity[i].y += dt * force.y;
  velocity[i].z += dt * force.z;
}

__global__ void integrate(float4* position, const float3* velocity, float dt, int n) {
  int i = blockDim.x * blockIdx.x + threadIdx.x;
  if (i >= n) return;
  position[i].x += velocity[i].x * dt;
  position[i].y += velocity[i].y * dt;
  position[i].z += velocity[i].z * dt;
}

int main(const int argc, const char** argv) {
  int nBodies = argc > 1 ? atoi(argv[1]) : 300;
  const float dt = 0.01f;
  const int nIters = 5;
  float4* bodies = new float4[nBodies];
  unsigned seed = 7;
  auto random = [&seed]() {
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / (1 << 24) * 2 - 1;
  };
  for (int i = 0; i < nBodies; i++) {
    float x = random(), y = random(), z = random();
    bodies[i] = make_float4(x, y, z, 0.1f + 0.05f * (i % 3));
  }
  float4* position;
  float3* velocity;
  gpuErrchk(cudaMalloc(&position, nBodies * sizeof(float4)));
  gpuErrchk(cudaMalloc(&velocity, nBodies * sizeof(float3)));
  gpuErrchk(cudaMemcpy(position, bodies, nBodies * sizeof(float4), cudaMemcpyHostToDevice));
  gpuErrchk(cudaMemset(velocity, 0, nBodies * sizeof(float3)));
  int nBlocks = (nBodies + BLOCK - 1) / BLOCK;
  for (int iter = 0; iter < nIters; iter++) {
    bodyForce<<<nBlocks, BLOCK>>>(position, velocity, dt, nBodies);
    integrate<<<nBlocks, BLOCK>>>(position, velocity, dt, nBodies);
  }
  gpuErrchk(cudaPeekAtLastError());
  gpuErrchk(cudaDeviceSynchronize());
  gpuErrchk(cudaMemcpy(bodies, position, nBodies * sizeof(float4), cudaMemcpyDeviceToHost));

  // 1/sqrt and fused multiply-adds round differently, and the steps add up what differs.
  for (int i = 0; i < nBodies; i += 60)
    printf("body %d ~1e-4 = %.9g %.9g %.9g\n", i, bodies[i].x, bodies[i].y, bodies[i].z);
  printf("mass = %.9g\n", bodies[2].w);
  gpuErrchk(cudaFree(position));
  gpuErrchk(cudaFree(velocity));
  delete[] bodies;
}
