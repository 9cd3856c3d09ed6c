/* C of long ago: math.h, #define for all, goto, a table, memset, malloc */
#include <assert.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif
static int round_up(int a, int b);
#ifdef __cplusplus
}
#endif

#define CHECK(call)                                                              \
  do {                                                                           \
    cudaError_t e = (call);                                                      \
    if (e != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(e)); \
      exit(EXIT_FAILURE);                                                        \
    }                                                                            \
  } while (0)

static int round_up(int a, int b) { return (a + b - 1) / b; }

__global__ void gelu_c(float* out, const float* in, size_t n) {
  size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
  float x;
  assert(blockDim.x > 0);
  if (i >= n) goto done;
  x = in[i];
  out[i] = 0.5f * x * (1.0f + tanhf((float)(M_2_SQRTPI * M_SQRT1_2) * (x + 0.044715f * x * x * x)));
done:
  return;
}

void gelu(float* out, const float* in, int num_rows, int num_cols, cudaStream_t stream) {
  char* note = (char*)malloc(64);
  clock_t begun = clock();
  memset(note, 0, 64);
  snprintf(note, 64, "%d rows", num_rows);
  if (strlen(note) > 60 || getenv("SHOW_TIMES")) {
    printf("%s, %f s, %g\n", note, (double)(clock() - begun) / CLOCKS_PER_SEC, fabs(-1.0));
  }
  free(note);
  gelu_c<<<round_up(num_rows * num_cols, 192), 192, 0, stream>>>(out, in,
                                                                 (size_t)num_rows * num_cols);
  CHECK(cudaGetLastError());
}
