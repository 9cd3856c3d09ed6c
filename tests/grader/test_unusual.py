"""Right solutions that look different from ours: none of them may lose a point."""

import pytest

INCLUDE = '#include "gpt.h"\n'
GELU = "  gelu_kernel<<<(n + block - 1) / block, block, 0, stream>>>(out, in, n);\n"
LAYERNORM = (
    "  layernorm_kernel<<<num_rows, 256, 0, stream>>>(out, in, weight, bias, eps, num_cols);\n"
)
LINEAR = "  linear_kernel<<<grid, block, 0, stream>>>(out, in, weight, bias, m, n, k);\n"

# name: (check, code before the functions, the launch that it replaces, the launch)
UNUSUAL = {
    "gelu in a grid-stride loop, by exp of a negative number": (
        "gelu",
        """__global__ void other(float* out, const float* in, int n) {
             for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x *
             blockDim.x) {
               float x = in[i], u = 0.7978845608f * (x + 0.044715f * x * x * x);
               float e = expf(-2.0f * fabsf(u)), t = (1.0f - e) / (1.0f + e);
               out[i] = 0.5f * x * (1.0f + copysignf(t, u));
             }
           }""",
        GELU,
        "other<<<2, 96, 0, stream>>>(out, in, n);\n",
    ),
    "layernorm with one thread a row": (
        "layernorm",
        """__global__ void other(float* out, const float* in, const float* weight, const float*
        bias,
                                 float eps, int rows, int cols) {
             int r = blockIdx.x * blockDim.x + threadIdx.x;
             if (r >= rows) return;
             const float* x = in + r * cols;
             float sum = 0.0f, squares = 0.0f;
             for (int c = 0; c < cols; c++) sum += x[c];
             float mean = sum / cols;
             for (int c = 0; c < cols; c++) squares += (x[c] - mean) * (x[c] - mean);
             float std = sqrtf(squares / cols + eps);
             for (int c = 0; c < cols; c++) out[r * cols + c] = (x[c] - mean) / std * weight[c] +
             bias[c];
           }""",
        LAYERNORM,
        (
            "other<<<(num_rows + 63) / 64, 64, 0, stream>>>(out, in, weight, bias, eps, num_rows,"
            " num_cols);"
        ),
    ),
    "layernorm by Welford's update": (
        "layernorm",
        """__global__ void other(float* out, const float* in, const float* weight, const float*
        bias,
                                 float eps, int cols) {
             const float* x = in + blockIdx.x * cols;
             float mean = 0.0f, m2 = 0.0f;
             for (int c = 0; c < cols; c++) {
               float delta = x[c] - mean;
               mean += delta / (c + 1);
               m2 += delta * (x[c] - mean);
             }
             for (int c = threadIdx.x; c < cols; c += 32)
               out[blockIdx.x * cols + c] = (x[c] - mean) * rsqrtf(m2 / cols + eps) * weight[c] +
               bias[c];
           }""",
        LAYERNORM,
        "other<<<num_rows, 32, 0, stream>>>(out, in, weight, bias, eps, num_cols);\n",
    ),
    "linear with one thread an output": (
        "linear",
        """__global__ void other(float* out, const float* in, const float* weight, const float*
        bias,
                                 int m, int n, int k) {
             int i = blockIdx.x * blockDim.x + threadIdx.x;
             if (i >= m * n) return;
             float sum = bias ? bias[i % n] : 0.0f;
             for (int j = k - 1; j >= 0; j--) sum = fmaf(in[i / n * k + j], weight[i % n * k + j],
             sum); out[i] = sum;
           }""",
        LINEAR,
        (
            "(void)grid; other<<<(m * n + 127) / 128, 128, 0, stream>>>(out, in, weight, bias, m,"
            " n, k);\n"
        ),
    ),
    "linear with k split over blocks and atomicAdd": (
        "linear",
        """__global__ void other(float* out, const float* in, const float* weight, const float*
        bias,
                                 int m, int n, int k) {
             int i = blockIdx.x * blockDim.x + threadIdx.x;
             if (i >= m * n) return;
             float sum = bias && blockIdx.y == 0 ? bias[i % n] : 0.0f;
             for (int j = blockIdx.y; j < k; j += gridDim.y) sum += in[i / n * k + j] * weight[i %
             n * k + j]; atomicAdd(out + i, sum);
           }""",
        LINEAR,
        (
            "(void)grid; cudaMemsetAsync(out, 0, sizeof(float) * m * n, stream);\n  other<<<dim3((m"
            " * n + 63) / 64, 3), 64, 0, stream>>>(out, in, weight, bias, m, n, k);\n"
        ),
    ),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_no_false_alarm(name, variant, graded):
    check, code, old, new = UNUSUAL[name]
    results = graded(variant("gpt.cu", (INCLUDE, INCLUDE + code + "\n"), (old, new)), check)
    assert results[check].status == "passed", results["build"].message + results[check].message
