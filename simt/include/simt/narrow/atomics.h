// atomicAdd of a narrow type, by way of the integer with the same bits (CUDA C++ Programming Guide,
// "atomicAdd"). Included once for each type. A pair is added in one step here; on a GPU each of its
// elements is.

SIMT_INLINE SIMT_T atomicAdd(SIMT_T* address, SIMT_T value) {
  SIMT_ATOMIC(address);
  auto add = [value](unsigned short old) { return SIMT_RAW(SIMT_T(SIMT_RAW{old}) + value).x; };
  return SIMT_RAW{simt::atomic_update(reinterpret_cast<unsigned short*>(address), add)};
}
SIMT_INLINE SIMT_T2 atomicAdd(SIMT_T2* address, SIMT_T2 value) {
  SIMT_ATOMIC(address);
  auto add = [value](unsigned old) {
    return simt::bits<unsigned>(simt::bits<SIMT_T2>(old) + value);
  };
  return simt::bits<SIMT_T2>(simt::atomic_update(reinterpret_cast<unsigned*>(address), add));
}
