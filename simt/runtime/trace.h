// trace.h: instrumented builds. The program's code tells of each access to memory (hooks.cpp), and
// either the checker or the profiler listens.
#pragma once
#include "runtime.h"

namespace simt {

enum class Tracing { Off, Check, Profile };
extern Tracing tracing;  // set before main, by the instrumented code

extern std::atomic<bool> launches_unseen;  // some could not be checked: too many blocks before
bool strict();                             // also report what GPUs usually let pass

// What the rest of the runtime tells in such a build.
void trace_launch_begins(Job& job);
void trace_launch_ends(Job& job);
void trace_block_begins(Worker& w);
void trace_block_ends(Worker& w);
void trace_thread(Worker& w);                              // w.current goes on
void trace_barrier(Worker& w);                             // all threads have arrived
void trace_grid_barrier(Worker& w);                        // each thread, as it goes on
void trace_meeting(Worker& w, int warp, unsigned lanes);   // those lanes of the warp have met
void trace_shared(Worker& w, size_t offset, size_t size);  // there lies a variable

// What the host does with memory.
void trace_copy(void* to, const void* from, size_t size, cudaMemcpyKind kind);
void trace_source(const void* to, const void* from, size_t width, size_t pitch, size_t rows);
void trace_fill(void* p, size_t size);
void trace_bad_free(void* p);
void trace_refused_launch(const Launch& launch, cudaError_t error);
void trace_error_told();  // to the program, by cudaGetLastError and the like, on this host thread
void check_that_errors_were_told();  // when the program ends

void trace_program_ends();

inline bool traced_run() { return __builtin_expect(tracing != Tracing::Off, 0); }

}  // namespace simt
