// capture.cpp: the capture of a stream's work into a graph (CUDA Programming Guide, "Creating a
// Graph Using Stream Capture", with the rules for what may not be done meanwhile).
#include "capture.h"

#include <algorithm>
#include <mutex>
#include <unordered_set>

namespace simt {

std::atomic<int> captures_active{0};  // and threads that keep their next launch

static std::vector<std::shared_ptr<Capture>> captures;  // those that are active
static unsigned long long last_id;
static thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;
static thread_local std::shared_ptr<KeptLaunch>* keep_next;
static thread_local bool uncaptured;

using Lock = std::lock_guard<std::recursive_mutex>;

KeptLaunch::KeptLaunch(const Launch& original) : launch(original) {
  KeptArguments kept = original.keep(original.arguments);
  launch.arguments = kept.arguments;
  launch.call = kept.call;
  destroy = kept.destroy;
}

static cudaError_t invalidate(Capture& capture, cudaError_t error) {
  capture.invalid = true;
  return failed(error);
}

// ----------------------------------------------------------------------- what is forbidden

// The legacy stream waits for all blocking streams, so a captured one would hold it up.
static bool holds_up_legacy(const Capture& capture) {
  for (simt_stream* stream : capture.streams)
    if (!(stream->flags & cudaStreamNonBlocking)) return true;
  return false;
}

static cudaError_t forbid_legacy() {
  cudaError_t error = cudaSuccess;
  for (auto& capture : captures)
    if (holds_up_legacy(*capture)) error = invalidate(*capture, cudaErrorStreamCaptureImplicit);
  return error;
}

// Calls like cudaMalloc may wait for the device. Who is forbidden to is said by the modes.
static bool forbids_waiting(const Capture& capture) {
  if (thread_mode == cudaStreamCaptureModeRelaxed) return false;
  if (pthread_equal(capture.thread, pthread_self()))
    return capture.mode != cudaStreamCaptureModeRelaxed;
  return thread_mode == cudaStreamCaptureModeGlobal && capture.mode == cudaStreamCaptureModeGlobal;
}

cudaError_t forbid_unsafe_call() {
  Lock lock(streams_mutex);
  cudaError_t error = cudaSuccess;
  for (auto& capture : captures)
    if (forbids_waiting(*capture)) error = invalidate(*capture, cudaErrorStreamCaptureUnsupported);
  return error;
}

cudaError_t forbid_synchronous_copy() {
  Lock lock(streams_mutex);
  cudaError_t error = forbid_legacy();
  return error ? error : forbid_unsafe_call();
}

cudaError_t forbid_waiting_for(simt_stream* stream) {
  Lock lock(streams_mutex);
  if (stream && is_legacy(stream)) return forbid_legacy();
  if (stream) {
    if (!stream->capture) return cudaSuccess;
    return invalidate(*stream->capture, cudaErrorStreamCaptureUnsupported);
  }
  cudaError_t error = cudaSuccess;
  for (auto& capture : captures) error = invalidate(*capture, cudaErrorStreamCaptureUnsupported);
  return error;
}

// -------------------------------------------------------------------------- what is captured

// The stream's capture takes a node, on which the stream's next one will depend.
static cudaError_t add(simt_stream& stream, cudaGraphNodeType type, Work work,
                       std::shared_ptr<KeptLaunch> kernel = nullptr) {
  Capture& capture = *stream.capture;
  if (capture.invalid) return failed(cudaErrorStreamCaptureInvalidated);
  simt_graph_node* node = add_node(*capture.graph, type, std::move(work), stream.tail);
  node->kernel = std::move(kernel);
  stream.tail = {node};
  return cudaSuccess;
}

bool capture_work(cudaStream_t stream, cudaGraphNodeType type, Work work, cudaError_t* error) {
  Lock lock(streams_mutex);
  simt_stream* s = find_stream(stream);
  if (!s)
    *error = failed(cudaErrorInvalidResourceHandle);
  else if (is_legacy(s))
    return (*error = forbid_legacy()) != cudaSuccess;
  else if (!s->capture)
    return false;
  else
    *error = add(*s, type, std::move(work));
  return true;
}

bool stream_is_captured(cudaStream_t stream) {
  Lock lock(streams_mutex);
  simt_stream* s = find_stream(stream);
  return s && s->capture;
}

bool capture_launch(const Launch& launch, cudaError_t* error) {
  if (uncaptured) return false;
  if (keep_next) {
    *keep_next = std::make_shared<KeptLaunch>(launch);
    *error = cudaSuccess;
    return true;
  }
  Lock lock(streams_mutex);
  simt_stream* s = find_stream(launch.config.stream);
  if (!s || !s->capture)
    return capture_work(launch.config.stream, cudaGraphNodeTypeKernel, nullptr, error);
  auto kernel = std::make_shared<KeptLaunch>(launch);
  *error = add(*s, cudaGraphNodeTypeKernel, [=] { return run(kernel->launch); }, kernel);
  return true;
}

cudaError_t run_uncaptured(const Work& work) {
  bool before = uncaptured;
  uncaptured = true;
  cudaError_t error = work();
  uncaptured = before;
  return error;
}

cudaError_t keep_launch(const std::function<cudaError_t()>& launch,
                        std::shared_ptr<KeptLaunch>* kept) {
  keep_next = kept;
  captures_active++;
  cudaError_t error = launch();
  captures_active--;
  keep_next = nullptr;
  return error;
}

// ----------------------------------------------------------------------- fork and join by events

cudaError_t event_recorded(simt_event* event, simt_stream* stream, unsigned flags) {
  if (!stream->capture) {
    if (capturing() && is_legacy(stream))
      if (cudaError_t error = forbid_legacy()) return error;
    event->capture = nullptr;
    event->recorded = nanoseconds();
    return sticky_error();
  }
  if (stream->capture->invalid) return failed(cudaErrorStreamCaptureInvalidated);
  if (flags & cudaEventRecordExternal)  // recorded for those outside, whenever the graph runs
    return add(*stream, cudaGraphNodeTypeEventRecord, [event] {
      event->recorded = nanoseconds();
      return cudaSuccess;
    });
  event->capture = stream->capture;
  event->tail = stream->tail;
  return cudaSuccess;
}

cudaError_t event_waited_for(simt_stream* stream, simt_event* event, unsigned flags) {
  std::shared_ptr<Capture> from =
      event->capture && event->capture->active ? event->capture : nullptr;
  if (!from) {
    if (!stream->capture || event->recorded < 0) return sticky_error();
    if (flags & cudaEventWaitExternal)
      return add(*stream, cudaGraphNodeTypeWaitEvent, [] { return cudaSuccess; });
    return invalidate(*stream->capture, cudaErrorStreamCaptureIsolation);
  }
  if (from->invalid) return failed(cudaErrorStreamCaptureInvalidated);
  if (is_legacy(stream)) return invalidate(*from, cudaErrorStreamCaptureImplicit);
  if (stream->capture && stream->capture != from) {
    stream->capture->invalid = true;
    return invalidate(*from, cudaErrorStreamCaptureMerge);
  }
  if (!stream->capture) {
    stream->capture = from;
    from->streams.push_back(stream);
    stream->tail.clear();
  }
  for (simt_graph_node* node : event->tail)
    if (std::find(stream->tail.begin(), stream->tail.end(), node) == stream->tail.end())
      stream->tail.push_back(node);
  return cudaSuccess;
}

// ---------------------------------------------------------------------------- begin and end

// Whether all that was forked off has been joined again: whether the origin's last work depends on
// the last work of every stream.
static bool is_joined(const Capture& capture) {
  std::unordered_set<simt_graph_node*> joined;
  std::vector<simt_graph_node*> open = capture.origin->tail;
  while (!open.empty()) {
    simt_graph_node* node = open.back();
    open.pop_back();
    if (joined.insert(node).second)
      open.insert(open.end(), node->dependencies.begin(), node->dependencies.end());
  }
  for (simt_stream* stream : capture.streams)
    for (simt_graph_node* node : stream->tail)
      if (!joined.count(node)) return false;
  return true;
}

static void finish(const std::shared_ptr<Capture>& capture) {
  capture->active = false;
  for (simt_stream* stream : capture->streams) {
    stream->capture = nullptr;
    stream->tail.clear();
  }
  captures.erase(std::find(captures.begin(), captures.end(), capture));
  captures_active--;
}

void leave_capture(simt_stream* stream) {
  if (!stream->capture) return;
  std::shared_ptr<Capture> capture = stream->capture;
  if (capture->origin == stream) return finish(capture);  // nobody can end it any more
  capture->invalid = true;
  auto& those = capture->streams;
  those.erase(std::find(those.begin(), those.end(), stream));
}

}  // namespace simt

using namespace simt;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  Lock lock(streams_mutex);
  simt_stream* s = find_stream(stream);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if ((unsigned)mode > cudaStreamCaptureModeRelaxed) return failed(cudaErrorInvalidValue);
  if (is_legacy(s)) return failed(cudaErrorStreamCaptureUnsupported);
  if (s->capture) return failed(cudaErrorIllegalState);
  s->capture = std::make_shared<Capture>();
  s->tail.clear();
  s->capture->id = ++last_id;
  s->capture->origin = s;
  s->capture->mode = mode;
  s->capture->thread = pthread_self();
  s->capture->streams = {s};
  captures.push_back(s->capture);
  captures_active++;
  return sticky_error();
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  Lock lock(streams_mutex);
  simt_stream* s = find_stream(stream);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if (!graph) return failed(cudaErrorInvalidValue);
  *graph = nullptr;
  if (!s->capture) return failed(cudaErrorIllegalState);
  std::shared_ptr<Capture> capture = s->capture;
  if (capture->origin != s) return invalidate(*capture, cudaErrorStreamCaptureUnmatched);
  if (capture->mode != cudaStreamCaptureModeRelaxed &&
      !pthread_equal(capture->thread, pthread_self()))
    return failed(cudaErrorStreamCaptureWrongThread);
  cudaError_t error = cudaSuccess;
  if (capture->invalid)
    error = cudaErrorStreamCaptureInvalidated;
  else if (!is_joined(*capture))
    error = cudaErrorStreamCaptureUnjoined;
  else
    *graph = capture->graph.release();
  finish(capture);
  return error ? failed(error) : sticky_error();
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status,
                                     unsigned long long* id) {
  Lock lock(streams_mutex);
  simt_stream* s = find_stream(stream);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if (!status) return failed(cudaErrorInvalidValue);
  *status = !s->capture           ? cudaStreamCaptureStatusNone
            : s->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                  : cudaStreamCaptureStatusActive;
  if (id && s->capture) *id = s->capture->id;
  return sticky_error();
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return cudaStreamGetCaptureInfo(stream, status, nullptr);
}
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  if (!mode || (unsigned)*mode > cudaStreamCaptureModeRelaxed) return failed(cudaErrorInvalidValue);
  std::swap(*mode, thread_mode);
  return sticky_error();
}
