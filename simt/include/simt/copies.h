// Copies that are more than a run of bytes: rows of a pitch, boxes, variables by name, other
// devices (CUDA Runtime API, "Memory Management").
#pragma once
#include "memory.h"

// --- rows: row y starts at p + y * pitch
SIMT_EXPORT cudaError_t cudaMallocPitch(void** p, size_t* pitch, size_t width, size_t height);
SIMT_EXPORT cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                                     size_t width, size_t height, cudaMemcpyKind kind);
SIMT_EXPORT cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from,
                                          size_t from_pitch, size_t width, size_t height,
                                          cudaMemcpyKind kind, cudaStream_t stream = nullptr);
SIMT_EXPORT cudaError_t cudaMemset2D(void* p, size_t pitch, int byte, size_t width, size_t height);
SIMT_EXPORT cudaError_t cudaMemset2DAsync(void* p, size_t pitch, int byte, size_t width,
                                          size_t height, cudaStream_t stream = nullptr);

// --- boxes: slice z starts at p + z * pitch * ysize. Widths are in bytes.
struct cudaExtent {
  size_t width, height, depth;
};
struct cudaPos {
  size_t x, y, z;
};
struct cudaPitchedPtr {
  void* ptr;
  size_t pitch, xsize, ysize;
};
typedef struct simt_array* cudaArray_t;  // a texture's memory: there is none here
struct cudaMemcpy3DParms {
  cudaArray_t srcArray;
  cudaPos srcPos;
  cudaPitchedPtr srcPtr;
  cudaArray_t dstArray;
  cudaPos dstPos;
  cudaPitchedPtr dstPtr;
  cudaExtent extent;
  cudaMemcpyKind kind;
};
inline cudaExtent make_cudaExtent(size_t width, size_t height, size_t depth) {
  return {width, height, depth};
}
inline cudaPos make_cudaPos(size_t x, size_t y, size_t z) { return {x, y, z}; }
inline cudaPitchedPtr make_cudaPitchedPtr(void* p, size_t pitch, size_t xsize, size_t ysize) {
  return {p, pitch, xsize, ysize};
}
SIMT_EXPORT cudaError_t cudaMalloc3D(cudaPitchedPtr* p, cudaExtent extent);
SIMT_EXPORT cudaError_t cudaMemcpy3D(const cudaMemcpy3DParms* parameters);
SIMT_EXPORT cudaError_t cudaMemcpy3DAsync(const cudaMemcpy3DParms* parameters,
                                          cudaStream_t stream = nullptr);
SIMT_EXPORT cudaError_t cudaMemset3D(cudaPitchedPtr p, int byte, cudaExtent extent);
SIMT_EXPORT cudaError_t cudaMemset3DAsync(cudaPitchedPtr p, int byte, cudaExtent extent,
                                          cudaStream_t stream = nullptr);

// --- between devices: there is one
SIMT_EXPORT cudaError_t cudaMemcpyPeer(void* to, int to_device, const void* from, int from_device,
                                       size_t size);
SIMT_EXPORT cudaError_t cudaMemcpyPeerAsync(void* to, int to_device, const void* from,
                                            int from_device, size_t size,
                                            cudaStream_t stream = nullptr);

// --- variables: __device__ float table[64];  cudaMemcpyToSymbol(table, host, sizeof host);
SIMT_EXPORT cudaError_t simt_copy_symbol(void* to, const void* from, size_t size, size_t offset,
                                         size_t symbol_size, cudaMemcpyKind kind,
                                         cudaStream_t stream, int asynchronous);

namespace simt {
template <class T>
inline char* symbol_address(const T& symbol) {
  return const_cast<char*>(&reinterpret_cast<const volatile char&>(symbol));
}
}  // namespace simt

template <class T>
inline cudaError_t cudaMemcpyToSymbol(const T& symbol, const void* from, size_t size,
                                      size_t offset = 0,
                                      cudaMemcpyKind kind = cudaMemcpyHostToDevice) {
  return simt_copy_symbol(simt::symbol_address(symbol) + offset, from, size, offset, sizeof(T),
                          kind, nullptr, false);
}
template <class T>
inline cudaError_t cudaMemcpyToSymbolAsync(const T& symbol, const void* from, size_t size,
                                           size_t offset = 0,
                                           cudaMemcpyKind kind = cudaMemcpyHostToDevice,
                                           cudaStream_t stream = nullptr) {
  return simt_copy_symbol(simt::symbol_address(symbol) + offset, from, size, offset, sizeof(T),
                          kind, stream, true);
}
template <class T>
inline cudaError_t cudaMemcpyFromSymbol(void* to, const T& symbol, size_t size, size_t offset = 0,
                                        cudaMemcpyKind kind = cudaMemcpyDeviceToHost) {
  return simt_copy_symbol(to, simt::symbol_address(symbol) + offset, size, offset, sizeof(T), kind,
                          nullptr, false);
}
template <class T>
inline cudaError_t cudaMemcpyFromSymbolAsync(void* to, const T& symbol, size_t size,
                                             size_t offset = 0,
                                             cudaMemcpyKind kind = cudaMemcpyDeviceToHost,
                                             cudaStream_t stream = nullptr) {
  return simt_copy_symbol(to, simt::symbol_address(symbol) + offset, size, offset, sizeof(T), kind,
                          stream, true);
}
template <class T>
inline cudaError_t cudaGetSymbolAddress(void** p, const T& symbol) {
  *p = simt::symbol_address(symbol);
  return cudaSuccess;
}
template <class T>
inline cudaError_t cudaGetSymbolSize(size_t* size, const T&) {
  *size = sizeof(T);
  return cudaSuccess;
}

// --- C++ forms
template <class T>
inline cudaError_t cudaMallocPitch(T** p, size_t* pitch, size_t width, size_t height) {
  return cudaMallocPitch(reinterpret_cast<void**>(p), pitch, width, height);
}
