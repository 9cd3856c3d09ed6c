// copies.cpp: copies and fills, of bytes in a row, of rows, and of boxes. All are done by
// copy_box() and fill_box(): a row is a box of height and depth 1.
#include "capture.h"
#include "trace.h"

namespace simt {

cudaError_t copy(void* to, const void* from, size_t size, cudaMemcpyKind kind) {
  if (sticky_error()) return sticky_error();
  if ((unsigned)kind > cudaMemcpyDefault) return failed(cudaErrorInvalidMemcpyDirection);
  if (size && (!to || !from)) return failed(cudaErrorInvalidValue);
  if (traced_run()) {
    trace_source(to, from, size, size, size ? 1 : 0);
    trace_copy(to, from, size, kind);
  }
  if (size) memmove(to, from, size);
  return cudaSuccess;
}

static char* row(const cudaPitchedPtr& p, const cudaPos& at, size_t y, size_t z) {
  return static_cast<char*>(p.ptr) + ((at.z + z) * p.ysize + at.y + y) * p.pitch + at.x;
}

cudaError_t copy_box(const cudaMemcpy3DParms& p) {
  if (sticky_error()) return sticky_error();
  if (p.srcArray || p.dstArray) return failed(cudaErrorNotSupported);
  if ((unsigned)p.kind > cudaMemcpyDefault) return failed(cudaErrorInvalidMemcpyDirection);
  const cudaExtent& e = p.extent;
  if (!e.width || !e.height || !e.depth) return cudaSuccess;
  if (!p.srcPtr.ptr || !p.dstPtr.ptr) return failed(cudaErrorInvalidValue);
  bool one_row = e.height == 1 && e.depth == 1;
  if (!one_row && (p.srcPos.x + e.width > p.srcPtr.pitch || p.dstPos.x + e.width > p.dstPtr.pitch))
    return failed(cudaErrorInvalidPitchValue);
  if (traced_run()) {
    size_t rows = e.depth == 1 || p.srcPtr.ysize == e.height ? e.height * e.depth : e.height;
    trace_source(row(p.dstPtr, p.dstPos, 0, 0), row(p.srcPtr, p.srcPos, 0, 0), e.width,
                 p.srcPtr.pitch, rows);
  }
  for (size_t z = 0; z < e.depth; z++)
    for (size_t y = 0; y < e.height; y++) {
      char *to = row(p.dstPtr, p.dstPos, y, z), *from = row(p.srcPtr, p.srcPos, y, z);
      if (traced_run()) trace_copy(to, from, e.width, p.kind);
      memmove(to, from, e.width);
    }
  return cudaSuccess;
}

static cudaMemcpy3DParms rows(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind) {
  cudaMemcpy3DParms p = {};
  p.srcPtr = {const_cast<void*>(from), from_pitch, width, height};
  p.dstPtr = {to, to_pitch, width, height};
  p.extent = {width, height, 1};
  p.kind = kind;
  return p;
}

static cudaError_t fill_box(const cudaPitchedPtr& p, int byte, const cudaExtent& e) {
  if (sticky_error()) return sticky_error();
  if (!e.width || !e.height || !e.depth) return cudaSuccess;
  if (!p.ptr) return failed(cudaErrorInvalidValue);
  if (e.width > p.pitch && e.height * e.depth > 1) return failed(cudaErrorInvalidValue);
  for (size_t z = 0; z < e.depth; z++)
    for (size_t y = 0; y < e.height; y++) {
      char* to = row(p, {0, 0, 0}, y, z);
      if (traced_run()) trace_fill(to, e.width);
      memset(to, byte, e.width);
    }
  return cudaSuccess;
}

// What cudaMemcpy and its like do: for the legacy stream, which waits for all others.
static cudaError_t may_copy_now() { return capturing() ? forbid_synchronous_copy() : cudaSuccess; }

static cudaPitchedPtr bytes(void* p, size_t size) { return {p, size, size, 1}; }

}  // namespace simt

using namespace simt;

// --- bytes in a row
cudaError_t cudaMemcpy(void* to, const void* from, size_t size, cudaMemcpyKind kind) {
  cudaError_t error = may_copy_now();
  return error ? error : copy(to, from, size, kind);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  auto work = [=] { return copy(to, from, size, kind); };
  return submit(stream, cudaGraphNodeTypeMemcpy, work);
}
cudaError_t cudaMemset(void* p, int byte, size_t size) {
  cudaError_t error = may_copy_now();
  return error ? error : fill_box(bytes(p, size), byte, {size, 1, 1});
}
cudaError_t cudaMemsetAsync(void* p, int byte, size_t size, cudaStream_t stream) {
  auto work = [=] { return fill_box(bytes(p, size), byte, {size, 1, 1}); };
  return submit(stream, cudaGraphNodeTypeMemset, work);
}

// --- rows
cudaError_t cudaMallocPitch(void** p, size_t* pitch, size_t width, size_t height) {
  if (!p || !pitch) return failed(cudaErrorInvalidValue);
  *pitch = (width + kPitchAlignment - 1) / kPitchAlignment * kPitchAlignment;
  return cudaMalloc(p, *pitch * height);
}
cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                         size_t width, size_t height, cudaMemcpyKind kind) {
  cudaError_t error = may_copy_now();
  return error ? error : copy_box(rows(to, to_pitch, from, from_pitch, width, height, kind));
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  cudaMemcpy3DParms p = rows(to, to_pitch, from, from_pitch, width, height, kind);
  return submit(stream, cudaGraphNodeTypeMemcpy, [p] { return copy_box(p); });
}
cudaError_t cudaMemset2D(void* p, size_t pitch, int byte, size_t width, size_t height) {
  cudaError_t error = may_copy_now();
  return error ? error : fill_box({p, pitch, width, height}, byte, {width, height, 1});
}
cudaError_t cudaMemset2DAsync(void* p, size_t pitch, int byte, size_t width, size_t height,
                              cudaStream_t stream) {
  auto work = [=] { return fill_box({p, pitch, width, height}, byte, {width, height, 1}); };
  return submit(stream, cudaGraphNodeTypeMemset, work);
}

// --- boxes
cudaError_t cudaMalloc3D(cudaPitchedPtr* p, cudaExtent extent) {
  if (!p) return failed(cudaErrorInvalidValue);
  *p = {nullptr, 0, extent.width, extent.height};
  return cudaMallocPitch(&p->ptr, &p->pitch, extent.width, extent.height * extent.depth);
}
cudaError_t cudaMemcpy3D(const cudaMemcpy3DParms* parameters) {
  if (!parameters) return failed(cudaErrorInvalidValue);
  cudaError_t error = may_copy_now();
  return error ? error : copy_box(*parameters);
}
cudaError_t cudaMemcpy3DAsync(const cudaMemcpy3DParms* parameters, cudaStream_t stream) {
  if (!parameters) return failed(cudaErrorInvalidValue);
  auto work = [p = *parameters] { return copy_box(p); };
  return submit(stream, cudaGraphNodeTypeMemcpy, work);
}
cudaError_t cudaMemset3D(cudaPitchedPtr p, int byte, cudaExtent extent) {
  cudaError_t error = may_copy_now();
  return error ? error : fill_box(p, byte, extent);
}
cudaError_t cudaMemset3DAsync(cudaPitchedPtr p, int byte, cudaExtent extent, cudaStream_t stream) {
  return submit(stream, cudaGraphNodeTypeMemset, [=] { return fill_box(p, byte, extent); });
}

// --- between devices, and by the name of a variable
cudaError_t cudaMemcpyPeer(void* to, int to_device, const void* from, int from_device,
                           size_t size) {
  if (to_device != 0 || from_device != 0) return failed(cudaErrorInvalidDevice);
  return cudaMemcpy(to, from, size, cudaMemcpyDeviceToDevice);
}
cudaError_t cudaMemcpyPeerAsync(void* to, int to_device, const void* from, int from_device,
                                size_t size, cudaStream_t stream) {
  if (to_device != 0 || from_device != 0) return failed(cudaErrorInvalidDevice);
  return cudaMemcpyAsync(to, from, size, cudaMemcpyDeviceToDevice, stream);
}
cudaError_t simt_copy_symbol(void* to, const void* from, size_t size, size_t offset,
                             size_t symbol_size, cudaMemcpyKind kind, cudaStream_t stream,
                             int asynchronous) {
  if (offset > symbol_size || size > symbol_size - offset) return failed(cudaErrorInvalidValue);
  return asynchronous ? cudaMemcpyAsync(to, from, size, kind, stream)
                      : cudaMemcpy(to, from, size, kind);
}
