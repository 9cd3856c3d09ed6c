// pools.cpp: stream-ordered allocation. A pool counts what was taken from it.
#include "runtime.h"

struct simt_pool {
  std::atomic<uint64_t> used{0}, used_high{0}, threshold{0};
  std::atomic<int> reuse[4] = {{0}, {1}, {1}, {1}};  // by attribute; without effect
};

namespace simt {

static simt_pool default_pool;
static std::atomic<simt_pool*> current_pool{&default_pool};

void give_back(cudaMemPool_t pool, size_t size) { pool->used -= size; }

}  // namespace simt

using namespace simt;

cudaError_t cudaMallocFromPoolAsync(void** p, size_t size, cudaMemPool_t pool,
                                    cudaStream_t stream) {
  if (!pool) return failed(cudaErrorInvalidValue);
  if (capturing() && stream_is_captured(stream)) return failed(cudaErrorNotSupported);
  cudaError_t error = allocate_from(pool, p, size);
  if (error || !size) return error;
  uint64_t used = pool->used += size;
  if (used > pool->used_high) pool->used_high = used;
  return cudaSuccess;
}
cudaError_t cudaMallocAsync(void** p, size_t size, cudaStream_t stream) {
  return cudaMallocFromPoolAsync(p, size, current_pool, stream);
}
cudaError_t cudaFreeAsync(void* p, cudaStream_t stream) {
  if (!p) return failed(cudaErrorInvalidValue);
  if (capturing() && stream_is_captured(stream)) return failed(cudaErrorNotSupported);
  return cudaFree(p);
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  if (!pool) return failed(cudaErrorInvalidValue);
  if (device != 0) return failed(cudaErrorInvalidDevice);
  *pool = &default_pool;
  return sticky_error();
}
cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* pool, int device) {
  if (!pool) return failed(cudaErrorInvalidValue);
  if (device != 0) return failed(cudaErrorInvalidDevice);
  *pool = current_pool;
  return sticky_error();
}
cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool) {
  if (!pool) return failed(cudaErrorInvalidValue);
  if (device != 0) return failed(cudaErrorInvalidDevice);
  current_pool = pool;
  return sticky_error();
}
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  if (!pool || !properties) return failed(cudaErrorInvalidValue);
  *pool = new simt_pool();
  return sticky_error();
}
// The pool itself is not deleted: memory that is still in use counts in it.
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  if (!pool || pool == &default_pool) return failed(cudaErrorInvalidValue);
  if (current_pool == pool) current_pool = &default_pool;
  return sticky_error();
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t) {
  return pool ? sticky_error() : failed(cudaErrorInvalidValue);
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  if (!pool || !value) return failed(cudaErrorInvalidValue);
  if (attribute >= cudaMemPoolReuseFollowEventDependencies &&
      attribute <= cudaMemPoolReuseAllowInternalDependencies)
    pool->reuse[attribute] = *static_cast<int*>(value);
  else if (attribute == cudaMemPoolAttrReleaseThreshold)
    pool->threshold = *static_cast<uint64_t*>(value);
  else if ((attribute == cudaMemPoolAttrUsedMemHigh ||
            attribute == cudaMemPoolAttrReservedMemHigh) &&
           *static_cast<uint64_t*>(value) == 0)
    pool->used_high = pool->used.load();
  else
    return failed(cudaErrorInvalidValue);
  return sticky_error();
}
cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  if (!pool || !value) return failed(cudaErrorInvalidValue);
  auto* number = static_cast<uint64_t*>(value);
  switch (attribute) {
    case cudaMemPoolReuseFollowEventDependencies:
    case cudaMemPoolReuseAllowOpportunistic:
    case cudaMemPoolReuseAllowInternalDependencies:
      *static_cast<int*>(value) = pool->reuse[attribute];
      break;
    case cudaMemPoolAttrReleaseThreshold:
      *number = pool->threshold;
      break;
    case cudaMemPoolAttrReservedMemCurrent:
    case cudaMemPoolAttrUsedMemCurrent:
      *number = pool->used;
      break;
    case cudaMemPoolAttrReservedMemHigh:
    case cudaMemPoolAttrUsedMemHigh:
      *number = pool->used_high;
      break;
    default:
      return failed(cudaErrorInvalidValue);
  }
  return sticky_error();
}
