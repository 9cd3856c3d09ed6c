// capture.h: streams, events and graphs, as streams.cpp, capture.cpp, graphs.cpp and graph_exec.cpp
// share them; and submit(), by which all work of a stream goes.
#pragma once
#include <functional>
#include <map>
#include <mutex>

#include "runtime.h"

namespace simt {

struct Capture;

// A launch that outlives its call: its arguments are on the heap.
struct KeptLaunch {
  Launch launch;
  void (*destroy)(void* arguments);
  std::vector<Argument> described;
  explicit KeptLaunch(const Launch& original);
  ~KeptLaunch() { destroy(launch.arguments); }
  KeptLaunch(const KeptLaunch&) = delete;
};

using Work = std::function<cudaError_t()>;

}  // namespace simt

struct simt_graph_node {
  cudaGraphNodeType type;
  simt::Work work;
  std::vector<simt_graph_node*> dependencies;
  std::shared_ptr<simt::KeptLaunch> kernel;  // of a kernel node; its work runs it
};

struct simt_graph {
  std::vector<std::unique_ptr<simt_graph_node>> nodes;
};

struct simt_stream {
  unsigned flags = 0;
  int priority = 0;
  unsigned long long id = 0;
  std::shared_ptr<simt::Capture> capture;  // that it takes part in, or null
  std::vector<simt_graph_node*> tail;      // what the next node of it depends on
  std::map<cudaLaunchAttributeID, cudaLaunchAttributeValue> attributes;
};

struct simt_event {
  unsigned flags = 0;
  long long recorded = -1;                 // nanoseconds, or never
  std::shared_ptr<simt::Capture> capture;  // if its stream was being captured; and the nodes
  std::vector<simt_graph_node*> tail;      // that come before it
};

namespace simt {

// One capture: from cudaStreamBeginCapture to cudaStreamEndCapture.
struct Capture {
  unsigned long long id;
  simt_stream* origin;
  cudaStreamCaptureMode mode;
  pthread_t thread;
  std::vector<simt_stream*> streams;  // the origin and those that joined by an event
  std::unique_ptr<simt_graph> graph{new simt_graph()};
  bool active = true, invalid = false;
};

// ---------------------------------------------------------------------------- streams.cpp

extern std::recursive_mutex streams_mutex;      // guards all of the above
simt_stream* find_stream(cudaStream_t stream);  // null: there is no such stream
bool is_legacy(const simt_stream* stream);

// ---------------------------------------------------------------------------- capture.cpp

// Adds work to a stream that may be captured. Returns true if it was dealt with (then *error says
// how), false if it is to be done now.
bool capture_work(cudaStream_t stream, cudaGraphNodeType type, Work work, cudaError_t* error);
// The work of kernel nodes, graphs: launches in it are done, whatever their stream.
cudaError_t run_uncaptured(const Work& work);
// Sets *kept to what the next launch of this thread would do, instead of doing it.
cudaError_t keep_launch(const std::function<cudaError_t()>& launch,
                        std::shared_ptr<KeptLaunch>* kept);

cudaError_t event_recorded(simt_event* event, simt_stream* stream, unsigned flags);
cudaError_t event_waited_for(simt_stream* stream, simt_event* event, unsigned flags);
cudaError_t forbid_waiting_for(simt_stream* stream);  // it is being captured: an error
void leave_capture(simt_stream* stream);              // it is destroyed

// Does work for a stream now, or captures it.
template <class W>
cudaError_t submit(cudaStream_t stream, cudaGraphNodeType type, W work) {
  cudaError_t error;
  if (capturing() && capture_work(stream, type, work, &error)) return error;
  if (stream && !find_stream(stream)) return failed(cudaErrorInvalidResourceHandle);
  return work();
}

// ----------------------------------------------------------------------------- graphs.cpp

simt_graph_node* add_node(simt_graph& graph, cudaGraphNodeType type, Work work,
                          const std::vector<simt_graph_node*>& dependencies);
cudaError_t set_kernel(const cudaKernelNodeParams* parameters, std::shared_ptr<KeptLaunch>* kernel,
                       Work* work);
Work memset_work(const cudaMemsetParams& parameters);
Work host_work(const cudaHostNodeParams& parameters);
Work graph_work(cudaGraph_t graph);  // graph_exec.cpp: all of its nodes, as they are now

}  // namespace simt
