// The runtime API's answers to what is wrong: one line a group, of error numbers.
#include <cstdio>

static void show(const char* group, std::initializer_list<int> codes) {
  printf("%s", group);
  for (int code : codes) printf(" %d", code);
  printf("\n");
  cudaGetLastError();
}

__global__ void touch(int* x) { *x = 1; }
static void on_host(void* count) { ++*(int*)count; }

// What a call does to a capture of `stream`: {the call's error, that of cudaStreamEndCapture}.
template <class Call>
static void in_capture(const char* name, cudaStream_t stream, Call call,
                       cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal) {
  cudaGraph_t graph;
  cudaStreamBeginCapture(stream, mode);
  int error = call();
  int ended = cudaStreamEndCapture(stream, &graph);
  show(name, {error, ended, graph != nullptr});
  if (graph) cudaGraphDestroy(graph);
}

int main() {
  int *x, *pinned, host[8], number;
  float ms;
  cudaMalloc(&x, 64);
  cudaMallocHost(&pinned, 64);
  cudaStream_t stream, other, gone;
  cudaStreamCreate(&stream), cudaStreamCreate(&other), cudaStreamCreate(&gone);
  cudaStreamDestroy(gone);
  cudaEvent_t event, untimed;
  cudaEventCreate(&event), cudaEventCreateWithFlags(&untimed, cudaEventDisableTiming);

  // Calls in a row, in the order of their evaluation.
  show("streams", {cudaStreamDestroy(gone), cudaStreamSynchronize(gone), cudaStreamDestroy(0),
                   cudaMemcpyAsync(x, host, 4, cudaMemcpyDefault, gone),
                   cudaStreamCreateWithFlags(&gone, 77), cudaStreamQuery(stream)});
  cudaEventRecord(untimed);
  show("events",
       {cudaEventRecord(nullptr), cudaEventQuery(event), cudaEventRecord(event),
        cudaEventElapsedTime(&ms, event, untimed), cudaEventElapsedTime(&ms, event, event),
        cudaEventElapsedTime(nullptr, event, event), cudaEventDestroy(nullptr)});
  show("frees", {cudaFree(pinned), cudaFreeHost(x), cudaFree(host), cudaFreeAsync(nullptr, 0),
                 cudaFreeHost(pinned)});
  show("rows", {cudaMemcpy2D(x, 8, host, 8, 4, 4, cudaMemcpyHostToDevice),
                cudaMemcpy2D(x, 2, host, 8, 4, 4, cudaMemcpyHostToDevice),
                cudaMemcpy2D(nullptr, 8, host, 8, 4, 4, cudaMemcpyHostToDevice),
                cudaMemcpy2D(x, 8, host, 8, 0, 4, cudaMemcpyHostToDevice)});
  show("managed",
       {cudaMemPrefetchAsync(x, 64, 0), cudaMemPrefetchAsync(x, 64, 5),
        cudaMemAdvise(x, 64, cudaMemAdviseSetReadMostly, 0), cudaMallocManaged(&pinned, 0)});
  show("device",
       {cudaSetDevice(1), cudaDeviceCanAccessPeer(&number, 0, 1), cudaDeviceEnablePeerAccess(0, 0),
        cudaMemcpyPeer(x, 1, x, 0, 4), cudaDeviceGetAttribute(&number, (cudaDeviceAttr)9999, 0),
        cudaDeviceSetLimit((cudaLimit)99, 1)});
  cudaLaunchAttribute cluster;  // there are none of several blocks
  cluster.id = cudaLaunchAttributeClusterDimension;
  cudaLaunchConfig_t config = {};
  config.gridDim = config.blockDim = dim3(4), config.attrs = &cluster, config.numAttrs = 1;
  cluster.val.clusterDim = {1, 1, 4};
  int of_four = cudaLaunchKernelEx(&config, touch, x);
  cluster.val.clusterDim = {1, 1, 1};
  int of_one = cudaLaunchKernelEx(&config, touch, x);
  cudaDeviceGetAttribute(&number, cudaDevAttrClusterLaunch, 0);
  show("clusters", {of_four, of_one, number});
  show("functions",
       {cudaFuncSetAttribute(touch, cudaFuncAttributeMaxDynamicSharedMemorySize, -1),
        cudaFuncSetAttribute(touch, cudaFuncAttributeMaxDynamicSharedMemorySize, 1 << 20),
        cudaLaunchKernel((const void*)&number, dim3(1), dim3(1), nullptr),
        cudaLaunchKernel(touch, dim3(1), dim3(1), nullptr)});
  bool unknown = !strcmp(cudaGetErrorName((cudaError_t)12345), "unrecognized error code");
  bool text = strstr(cudaGetErrorString(cudaErrorCapturedEvent), "capturing stream");
  show("names", {unknown, text});

  // --- captures
  cudaGraph_t graph;
  show("begin", {cudaStreamBeginCapture(0, cudaStreamCaptureModeGlobal),
                 cudaStreamEndCapture(stream, &graph)});
  in_capture("nothing", stream, [] { return cudaSuccess; });
  in_capture("again", stream,
             [&] { return cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal); });
  in_capture("malloc", stream, [&] { return cudaMalloc(&pinned, 4); });
  in_capture(
      "malloc_relaxed", stream, [&] { return cudaMalloc(&pinned, 4); },
      cudaStreamCaptureModeRelaxed);
  in_capture("synchronize", stream, [&] { return cudaStreamSynchronize(stream); });
  in_capture("other_stream", stream, [&] { return cudaStreamSynchronize(other); });
  in_capture(
      "device_synchronize", stream, [] { return cudaDeviceSynchronize(); },
      cudaStreamCaptureModeRelaxed);
  in_capture("memcpy", stream, [&] { return cudaMemcpy(x, host, 4, cudaMemcpyDefault); });
  in_capture("legacy", stream, [&] {
    touch<<<1, 1>>>(x);
    return cudaGetLastError();
  });
  in_capture("malloc_async", stream, [&] { return cudaMallocAsync(&pinned, 4, stream); });
  in_capture("after_an_error", stream, [&] {
    cudaStreamSynchronize(stream);
    touch<<<1, 1, 0, stream>>>(x);
    return cudaGetLastError();
  });
  in_capture("unjoined", stream, [&] {
    cudaEventRecord(event, stream);
    cudaStreamWaitEvent(other, event, 0);
    return cudaMemsetAsync(x, 0, 4, other);
  });
  in_capture("captured_event", stream, [&] {
    cudaEventRecord(event, stream);
    return cudaEventSynchronize(event);
  });
  cudaEventRecord(event, other);
  in_capture("isolation", stream, [&] { return cudaStreamWaitEvent(stream, event, 0); });
  in_capture("unmatched", stream, [&] {
    cudaEventRecord(event, stream);
    cudaStreamWaitEvent(other, event, 0);
    return cudaStreamEndCapture(other, &graph);
  });
  in_capture("merge", stream, [&] {
    cudaStreamBeginCapture(other, cudaStreamCaptureModeGlobal);
    cudaEventRecord(event, stream);
    cudaError_t error = cudaStreamWaitEvent(other, event, 0);
    cudaStreamEndCapture(other, &graph);
    return error;
  });

  // --- graphs
  cudaGraphExec_t exec;
  cudaGraphNode_t a, b;
  int count = 0;
  cudaHostNodeParams call = {on_host, &count};
  cudaGraphCreate(&graph, 0);
  cudaGraphAddHostNode(&a, graph, nullptr, 0, &call);
  cudaGraphAddHostNode(&b, graph, &a, 1, &call);
  cudaGraph_t clone, larger;
  cudaGraphClone(&clone, graph);
  cudaGraphClone(&larger, graph);
  cudaGraphAddEmptyNode(&b, larger, nullptr, 0);
  show("graph", {cudaGraphAddHostNode(&b, clone, &a, 1, &call),  // a is not the clone's
                 cudaGraphInstantiate(&exec, graph, nullptr, nullptr, 0),
                 cudaGraphLaunch(exec, stream), cudaGraphLaunch(exec, gone), count});
  cudaGraphExecUpdateResultInfo info;
  show("update", {cudaGraphExecUpdate(exec, clone, &info), info.result,
                  cudaGraphExecUpdate(exec, larger, &info), info.result});
  cudaGraphNode_t nodes[2];
  size_t room = 2;
  cudaGraphGetNodes(graph, nodes, &room);
  cudaGraphAddDependencies(graph, &nodes[1], &nodes[0], 1);  // a circle
  show("circle", {cudaGraphInstantiate(&exec, graph, 0)});
}
