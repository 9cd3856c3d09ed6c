// streams.cpp: streams and events. Work is done when it is given to a stream; capture.h has the
// exception.
#include <chrono>
#include <mutex>
#include <unordered_set>

#include "capture.h"

namespace simt {

constexpr int kLeastPriority = 0, kGreatestPriority = -5;

std::recursive_mutex streams_mutex;
static std::unordered_set<simt_stream*> streams;
static std::unordered_set<simt_event*> events;
static simt_stream legacy;
static thread_local simt_stream per_thread;

using Lock = std::lock_guard<std::recursive_mutex>;

long long nanoseconds() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

simt_stream* find_stream(cudaStream_t stream) {
  if (!stream || stream == cudaStreamLegacy) return &legacy;
  if (stream == cudaStreamPerThread) return &per_thread;
  Lock lock(streams_mutex);
  return streams.count(stream) ? stream : nullptr;
}

bool is_legacy(const simt_stream* stream) { return stream == &legacy; }

static simt_event* find_event(cudaEvent_t event) {
  Lock lock(streams_mutex);
  return events.count(event) ? event : nullptr;
}

}  // namespace simt

using namespace simt;

// --- streams
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  if (!stream || flags > cudaStreamNonBlocking) return failed(cudaErrorInvalidValue);
  static unsigned long long last_id = 2;  // 1 and 2 are the legacy and the per-thread stream
  auto* created = new simt_stream();
  created->flags = flags;
  created->priority = std::min(std::max(priority, kGreatestPriority), kLeastPriority);
  Lock lock(streams_mutex);
  created->id = ++last_id;
  streams.insert(*stream = created);
  return sticky_error();
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  Lock lock(streams_mutex);
  if (!streams.erase(stream)) return failed(cudaErrorInvalidResourceHandle);
  leave_capture(stream);
  delete stream;
  return sticky_error();
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  Lock lock(streams_mutex);
  simt_stream* s = find_stream(stream);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if (cudaError_t error = forbid_waiting_for(s)) return error;
  return sticky_error();
}
cudaError_t cudaStreamSetAttribute(cudaStream_t stream, cudaLaunchAttributeID id,
                                   const cudaLaunchAttributeValue* value) {
  Lock lock(streams_mutex);
  simt_stream* s = find_stream(stream);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if (!value) return failed(cudaErrorInvalidValue);
  s->attributes[id] = *value;
  return sticky_error();
}
cudaError_t cudaStreamGetAttribute(cudaStream_t stream, cudaLaunchAttributeID id,
                                   cudaLaunchAttributeValue* value) {
  Lock lock(streams_mutex);
  simt_stream* s = find_stream(stream);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if (!value) return failed(cudaErrorInvalidValue);
  *value = s->attributes[id];
  return sticky_error();
}
cudaError_t cudaStreamCopyAttributes(cudaStream_t to, cudaStream_t from) {
  Lock lock(streams_mutex);
  simt_stream *target = find_stream(to), *source = find_stream(from);
  if (!target || !source) return failed(cudaErrorInvalidResourceHandle);
  target->attributes = source->attributes;
  return sticky_error();
}
cudaError_t cudaCtxResetPersistingL2Cache() { return sticky_error(); }
cudaError_t cudaStreamQuery(cudaStream_t stream) { return cudaStreamSynchronize(stream); }
cudaError_t cudaDeviceSynchronize() {
  if (capturing())
    if (cudaError_t error = forbid_waiting_for(nullptr)) return error;
  return sticky_error();
}
cudaError_t cudaThreadSynchronize() { return cudaDeviceSynchronize(); }
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  Lock lock(streams_mutex);
  simt_stream* s = find_stream(stream);
  simt_event* e = find_event(event);
  if (!s || !e) return failed(cudaErrorInvalidResourceHandle);
  return event_waited_for(s, e, flags);
}
cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned* flags) {
  simt_stream* s = find_stream(stream);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if (!flags) return failed(cudaErrorInvalidValue);
  *flags = s->flags;
  return sticky_error();
}
cudaError_t cudaStreamGetPriority(cudaStream_t stream, int* priority) {
  simt_stream* s = find_stream(stream);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if (!priority) return failed(cudaErrorInvalidValue);
  *priority = s->priority;
  return sticky_error();
}
cudaError_t cudaStreamGetId(cudaStream_t stream, unsigned long long* id) {
  simt_stream* s = find_stream(stream);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if (!id) return failed(cudaErrorInvalidValue);
  *id = s->id ? s->id : is_legacy(s) ? 1 : 2;
  return sticky_error();
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  if (least) *least = kLeastPriority;
  if (greatest) *greatest = kGreatestPriority;
  return sticky_error();
}

// --- host functions
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* user_data) {
  if (!function) return failed(cudaErrorInvalidValue);
  if (sticky_error()) return sticky_error();
  return submit(stream, cudaGraphNodeTypeHost, host_work({function, user_data}));
}
cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback,
                                  void* user_data, unsigned flags) {
  simt_stream* s = find_stream(stream);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if (!callback || flags) return failed(cudaErrorInvalidValue);
  if (cudaError_t error = forbid_waiting_for(s)) return error;
  callback(stream, sticky_error(), user_data);
  return sticky_error();
}

// --- events
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  if (!event || flags > 7) return failed(cudaErrorInvalidValue);
  auto* created = new simt_event();
  created->flags = flags;
  Lock lock(streams_mutex);
  events.insert(*event = created);
  return sticky_error();
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  Lock lock(streams_mutex);
  if (!events.erase(event)) return failed(cudaErrorInvalidResourceHandle);
  delete event;
  return sticky_error();
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  Lock lock(streams_mutex);
  simt_event* e = find_event(event);
  simt_stream* s = find_stream(stream);
  if (!e || !s) return failed(cudaErrorInvalidResourceHandle);
  return event_recorded(e, s, flags);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return cudaEventRecordWithFlags(event, stream, 0);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  Lock lock(streams_mutex);
  simt_event* e = find_event(event);
  if (!e) return failed(cudaErrorInvalidResourceHandle);
  if (e->capture) {
    e->capture->invalid = true;
    return failed(cudaErrorCapturedEvent);
  }
  return sticky_error();
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return cudaEventSynchronize(event); }
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  if (!ms) return failed(cudaErrorInvalidValue);
  Lock lock(streams_mutex);
  simt_event *from = find_event(start), *to = find_event(end);
  bool timed = from && to && !((from->flags | to->flags) & cudaEventDisableTiming);
  if (!timed || from->recorded < 0 || to->recorded < 0)
    return failed(cudaErrorInvalidResourceHandle);
  *ms = (float)(to->recorded - from->recorded) * 1e-6f;
  return sticky_error();
}
