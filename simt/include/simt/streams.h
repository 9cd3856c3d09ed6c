// Streams and events (CUDA Runtime API, "Stream Management" and "Event Management").
//
// Work is done when it is given to a stream, before the call returns. So every stream is always
// done with all it has, and an event's time is the moment of its cudaEventRecord. Only a stream
// that is being captured keeps its work for later: see graphs.h.
#pragma once
#include "errors.h"

typedef struct simt_stream* cudaStream_t;
typedef struct simt_event* cudaEvent_t;
#define cudaStreamLegacy ((cudaStream_t)1)     // the stream 0 that all threads share
#define cudaStreamPerThread ((cudaStream_t)2)  // each host thread's own

enum { cudaStreamDefault = 0, cudaStreamNonBlocking = 1 };
enum {
  cudaEventDefault = 0,
  cudaEventBlockingSync = 1,
  cudaEventDisableTiming = 2,
  cudaEventInterprocess = 4
};
enum { cudaEventRecordDefault = 0, cudaEventRecordExternal = 1 };
enum { cudaEventWaitDefault = 0, cudaEventWaitExternal = 1 };

// --- streams
SIMT_EXPORT cudaError_t cudaDeviceSynchronize();
SIMT_EXPORT cudaError_t cudaStreamCreate(cudaStream_t* stream);
SIMT_EXPORT cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
SIMT_EXPORT cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags,
                                                     int priority);
SIMT_EXPORT cudaError_t cudaStreamDestroy(cudaStream_t stream);
SIMT_EXPORT cudaError_t cudaStreamSynchronize(cudaStream_t stream);
SIMT_EXPORT cudaError_t cudaStreamQuery(cudaStream_t stream);
SIMT_EXPORT cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event,
                                            unsigned flags = 0);
SIMT_EXPORT cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned* flags);
SIMT_EXPORT cudaError_t cudaStreamGetPriority(cudaStream_t stream, int* priority);
SIMT_EXPORT cudaError_t cudaStreamGetId(cudaStream_t stream, unsigned long long* id);
// A smaller number is more urgent. Priorities are kept, and change nothing.
SIMT_EXPORT cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest);

// --- host functions among a stream's work. They may not call CUDA.
typedef void (*cudaHostFn_t)(void* user_data);
typedef void (*cudaStreamCallback_t)(cudaStream_t stream, cudaError_t status, void* user_data);
SIMT_EXPORT cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function,
                                           void* user_data);
SIMT_EXPORT cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback,
                                              void* user_data, unsigned flags);
#define CUDART_CB  // the calling convention of callbacks, on systems that have several

// --- events
SIMT_EXPORT cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
SIMT_EXPORT cudaError_t cudaEventCreate(cudaEvent_t* event);
SIMT_EXPORT cudaError_t cudaEventDestroy(cudaEvent_t event);
SIMT_EXPORT cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = nullptr);
SIMT_EXPORT cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream = nullptr,
                                                 unsigned flags = 0);
SIMT_EXPORT cudaError_t cudaEventSynchronize(cudaEvent_t event);
SIMT_EXPORT cudaError_t cudaEventQuery(cudaEvent_t event);
SIMT_EXPORT cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end);

inline cudaError_t cudaEventCreate(cudaEvent_t* event, unsigned flags) {
  return cudaEventCreateWithFlags(event, flags);
}
