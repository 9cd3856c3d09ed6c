// gelu with float4
__device__ float one(float x) {
  return 0.5f * x * (1.0f + tanhf(0.7978845608f * (x + 0.044715f * x * x * x)));
}

__global__ void other(float* out, const float* in, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (4 * i + 3 < n) {
    float4 x = reinterpret_cast<const float4*>(in)[i];
    reinterpret_cast<float4*>(out)[i] = make_float4(one(x.x), one(x.y), one(x.z), one(x.w));
  } else {
    for (int j = 4 * i; j < n; j++) out[j] = one(in[j]);
  }
}

void gelu(float* out, const float* in, int num_rows, int num_cols, cudaStream_t stream) {
  int n = num_rows * num_cols;
  other<<<(n + 1023) / 1024, 256, 0, stream>>>(out, in, n);
}
