"""Call one kernel in an instrumented build of simt's, and pass on what the runtime says of it.

The buffers come from the library's own cudaMalloc and are exactly as large as the arrays: simt then
knows where each of them ends, and that nobody has written the output yet.
"""

import ctypes
from contextlib import contextmanager

import numpy as np

from grader.worker import kernels as host
from mingpt.errors import KernelError

TO_DEVICE, TO_HOST = 1, 2  # cudaMemcpyKind


def checked(*inputs: np.ndarray, **call) -> tuple[dict, list]:
    """Call a function of a "check" build: its output, and all reports so far (JSON, as bytes)."""
    simt = _simt()
    out = _run(simt, inputs, **call)
    return {}, [out, _bytes(simt.simt_reports())]


def profiled(*inputs: np.ndarray, **call) -> tuple[dict, list]:
    """Call a function of a "profile" build: its output, and its kernels' profiles (JSON)."""
    simt = _simt()
    simt.simt_forget_profiles()
    out = _run(simt, inputs, **call)
    return {}, [out, _bytes(simt.simt_profiles())]


def _simt() -> ctypes.CDLL:
    simt = ctypes.CDLL(str(host.library.path))  # the handle there is already
    for function in (simt.simt_reports, simt.simt_profiles, simt.cudaGetErrorString):
        function.restype = ctypes.c_char_p
    return simt


def _run(
    simt: ctypes.CDLL,
    inputs: tuple[np.ndarray, ...],
    function: str,
    shape: list[int],
    sizes: list[int],
    eps: float | None,
    null_bias: bool,
) -> np.ndarray:
    """out, of `shape`. A launch that failed leaves it as it was: the reports say why."""
    out = np.zeros(shape, np.float32)
    scalars = sizes if eps is None else [eps, *sizes]
    with _allocated(simt, out, *inputs) as (on_device, *pointers):
        for pointer, array in zip(pointers, inputs, strict=True):
            _copy(simt, pointer, array.ctypes.data, array.nbytes, TO_DEVICE)
        pointers += [None] * null_bias
        host.library.function(function)(on_device, *pointers, *scalars, None)
        simt.cudaDeviceSynchronize()
        _copy(simt, out.ctypes.data, on_device, out.nbytes, TO_HOST)
    return out


@contextmanager
def _allocated(simt: ctypes.CDLL, *arrays: np.ndarray):
    """The addresses of as much device memory as each array takes."""
    pointers = [ctypes.c_void_p() for _ in arrays]
    for pointer, array in zip(pointers, arrays, strict=True):
        if error := simt.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(array.nbytes)):
            raise KernelError(f"cudaMalloc failed: {simt.cudaGetErrorString(error).decode()}")
    try:
        yield [pointer.value for pointer in pointers]
    finally:
        for pointer in pointers:
            simt.cudaFree(pointer)


def _copy(simt: ctypes.CDLL, to: int, source: int, size: int, kind: int) -> None:
    simt.cudaMemcpy(ctypes.c_void_p(to), ctypes.c_void_p(source), ctypes.c_size_t(size), kind)


def _bytes(text: bytes) -> np.ndarray:
    return np.frombuffer(text, np.uint8)
