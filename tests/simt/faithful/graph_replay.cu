// CUDA graphs: a stream's work captured with a fork and a join, then replayed; a graph built node
// by node; and changes to what an executable graph does.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

__global__ void axpy(float* y, const float* x, float a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += a * x[i];
}

__global__ void sumAll(const float* x, int n, double* sum) {
  __shared__ double cache[128];
  double mine = 0;
  for (int i = threadIdx.x; i < n; i += 128) mine += x[i];
  cache[threadIdx.x] = mine;
  for (int s = 64; s > 0; s /= 2) {
    __syncthreads();
    if (threadIdx.x < s) cache[threadIdx.x] += cache[threadIdx.x + s];
  }
  if (threadIdx.x == 0) *sum = cache[0];
}

struct Log {
  int calls;
  double* result;
};

void CUDART_CB noteResult(void* data) {
  Log* log = (Log*)data;
  log->calls++;
  *log->result *= 2;
}

int main() {
  const int n = 1000, blocks = (n + 127) / 128;
  float *host, *x, *y;
  double *sum, *result;
  CHECK(cudaMallocHost(&host, n * sizeof(float)));
  CHECK(cudaMallocHost(&result, sizeof(double)));
  CHECK(cudaMalloc(&x, n * sizeof(float)));
  CHECK(cudaMalloc(&y, n * sizeof(float)));
  CHECK(cudaMalloc(&sum, sizeof(double)));
  for (int i = 0; i < n; i++) host[i] = (float)(i % 10);
  *result = -1;
  Log log = {0, result};

  cudaStream_t stream, side;
  cudaEvent_t fork, join;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CHECK(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking));
  CHECK(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
  CHECK(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));

  // --- captured: x is copied while y is cleared; then y += 2 x, y += 3 x, the sum, the host
  float factor = 2;
  cudaGraph_t graph;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  CHECK(cudaEventRecord(fork, stream));
  CHECK(cudaStreamWaitEvent(side, fork, 0));
  CHECK(cudaMemcpyAsync(x, host, n * sizeof(float), cudaMemcpyHostToDevice, stream));
  CHECK(cudaMemsetAsync(y, 0, n * sizeof(float), side));
  CHECK(cudaEventRecord(join, side));
  CHECK(cudaStreamWaitEvent(stream, join, 0));
  axpy<<<blocks, 128, 0, stream>>>(y, x, factor, n);
  factor = 3;  // the launch above keeps its 2
  axpy<<<blocks, 128, 0, stream>>>(y, x, factor, n);
  sumAll<<<1, 128, 0, stream>>>(y, n, sum);
  CHECK(cudaMemcpyAsync(result, sum, sizeof(double), cudaMemcpyDeviceToHost, stream));
  CHECK(cudaLaunchHostFunc(stream, noteResult, &log));
  cudaStreamCaptureStatus status;
  CHECK(cudaStreamIsCapturing(side, &status));
  CHECK(cudaStreamEndCapture(stream, &graph));
  size_t nodes = 0;
  CHECK(cudaGraphGetNodes(graph, NULL, &nodes));
  printf("captured = %d nodes, side %d, result still %g\n", (int)nodes, status, *result);

  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  CHECK(cudaGraphUpload(exec, stream));
  for (int i = 0; i < 3; i++) {
    CHECK(cudaGraphLaunch(exec, stream));
    CHECK(cudaStreamSynchronize(stream));
    printf("replay %d = %.0f, %d calls\n", i, *result, log.calls);
    host[0] += 1000;  // read anew at each replay
  }
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));

  // --- built by hand: clear y, then y += a x, then the sum and the copy
  CHECK(cudaGraphCreate(&graph, 0));
  cudaGraphNode_t clear, add, total, copy;
  cudaMemsetParams clearParams = {};
  clearParams.dst = y;
  clearParams.elementSize = sizeof(float);
  clearParams.width = n;
  clearParams.height = 1;
  CHECK(cudaGraphAddMemsetNode(&clear, graph, NULL, 0, &clearParams));
  float a = 1;
  int count = n;
  void *addArgs[] = {&y, &x, &a, &count}, *sumArgs[] = {&y, &count, &sum};
  cudaKernelNodeParams addParams = {}, sumParams = {};
  addParams.func = (void*)axpy;
  addParams.gridDim = dim3(blocks);
  addParams.blockDim = dim3(128);
  addParams.kernelParams = addArgs;
  CHECK(cudaGraphAddKernelNode(&add, graph, &clear, 1, &addParams));
  sumParams.func = (void*)sumAll;
  sumParams.gridDim = dim3(1);
  sumParams.blockDim = dim3(128);
  sumParams.kernelParams = sumArgs;
  CHECK(cudaGraphAddKernelNode(&total, graph, &add, 1, &sumParams));
  CHECK(cudaGraphAddMemcpyNode1D(&copy, graph, &total, 1, result, sum, sizeof(double),
                                 cudaMemcpyDeviceToHost));
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  printf("built = %.0f\n", *result);
  a = 10;
  CHECK(cudaGraphExecKernelNodeSetParams(exec, add, &addParams));
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  printf("changed = %.0f\n", *result);
  cudaGraphNodeType type;
  CHECK(cudaGraphNodeGetType(copy, &type));
  printf("type = %d\n", type == cudaGraphNodeTypeMemcpy);

  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
  CHECK(cudaStreamDestroy(stream));
  CHECK(cudaStreamDestroy(side));
  CHECK(cudaEventDestroy(fork));
  CHECK(cudaEventDestroy(join));
  CHECK(cudaFreeHost(host));
  CHECK(cudaFreeHost(result));
  CHECK(cudaFree(x));
  CHECK(cudaFree(y));
  CHECK(cudaFree(sum));
}
