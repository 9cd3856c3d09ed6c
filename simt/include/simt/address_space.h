// Which memory does a pointer lead to? (CUDA Programming Guide, "Address Space Predicate Functions"
// and "Address Space Conversion Functions".) In a kernel only. Constants count as global here.
#pragma once
#include "qualifiers.h"

namespace simt {
enum class Space { Global, Shared, Local };
SIMT_HIDDEN Space space_of(const void* p);
SIMT_HIDDEN char* shared_start();
SIMT_HIDDEN bool in_kernel();  // whether a kernel is what runs in this OS thread
}  // namespace simt

inline unsigned __isGlobal(const void* p) { return simt::space_of(p) == simt::Space::Global; }
inline unsigned __isShared(const void* p) { return simt::space_of(p) == simt::Space::Shared; }
inline unsigned __isLocal(const void* p) { return simt::space_of(p) == simt::Space::Local; }
inline unsigned __isConstant(const void*) { return 0; }
inline unsigned __isGridConstant(const void*) { return 0; }

// Shared addresses are offsets into the block's shared memory; the others are what they were.
inline size_t __cvta_generic_to_global(const void* p) { return (size_t)p; }
inline size_t __cvta_generic_to_local(const void* p) { return (size_t)p; }
inline size_t __cvta_generic_to_constant(const void* p) { return (size_t)p; }
inline size_t __cvta_generic_to_shared(const void* p) {
  return (size_t)((const char*)p - simt::shared_start());
}
inline void* __cvta_global_to_generic(size_t p) { return (void*)p; }
inline void* __cvta_local_to_generic(size_t p) { return (void*)p; }
inline void* __cvta_constant_to_generic(size_t p) { return (void*)p; }
inline void* __cvta_shared_to_generic(size_t p) { return simt::shared_start() + p; }
