"""Call one kernel in an instrumented build of simt's, and pass on what the runtime says of it.

The buffers come from the library's own cudaMalloc and are exactly as large as the arrays: simt then
knows where each of them ends, and that nobody has written the output yet.
"""

import ctypes
from contextlib import contextmanager

import numpy as np

from grader.worker import kernels as host
from mingpt.errors import KernelError
from simt.lines import output_of

TO_DEVICE, TO_HOST = 1, 2  # cudaMemcpyKind


def checked(*inputs: np.ndarray, **call) -> tuple[dict, list]:
    """Call a function of a "check" build: its output, and all reports so far (JSON, as bytes)."""
    simt = _simt()
    out, _ = _run(simt, inputs, **call)
    return {}, [out, _bytes(simt.simt_reports())]


def profiled(*inputs: np.ndarray, **call) -> tuple[dict, list]:
    """Call a function of a "profile" build: its output, and its kernels' profiles (JSON)."""
    simt = _simt()
    simt.simt_forget_profiles()
    out, _ = _run(simt, inputs, **call)
    return {}, [out, _bytes(simt.simt_profiles())]


def traced(*inputs: np.ndarray, most: int, **call) -> tuple[dict, list]:
    """Call a function of a "profile" build: its output, and what it did step by step (JSON).

    {"addresses"}: where the output and each input were. most: numbers that a recording may hold.
    Raises KernelError.
    """
    simt = _simt()
    simt.simt_record(ctypes.c_long(most))
    out, addresses = _run(simt, inputs, **call)
    host.library.check(call["function"])
    return {"addresses": addresses}, [out, _bytes(simt.simt_recordings())]


def tool(given: np.ndarray, name: str) -> tuple[dict, list]:
    """What one of binutils says of the library. Raises ValueError."""
    said = output_of(name, host.library.path, given.tobytes().decode())
    return {}, [_bytes(said.encode())]


def _simt() -> ctypes.CDLL:
    simt = ctypes.CDLL(str(host.library.path))  # the handle there is already
    for name in ("simt_reports", "simt_profiles", "simt_recordings", "cudaGetErrorString"):
        getattr(simt, name).restype = ctypes.c_char_p
    return simt


def _run(
    simt: ctypes.CDLL,
    inputs: tuple[np.ndarray, ...],
    function: str,
    shape: list[int],
    sizes: list[int],
    eps: float | None,
    null_bias: bool,
) -> tuple[np.ndarray, list[int]]:
    """out, of `shape`, and the addresses of all buffers. A launch that failed leaves out as it was:
    the reports say why."""
    out = np.zeros(shape, np.float32)
    scalars = sizes if eps is None else [eps, *sizes]
    with _allocated(simt, out, *inputs) as addresses:
        on_device, *pointers = addresses
        for pointer, array in zip(pointers, inputs, strict=True):
            _copy(simt, pointer, array.ctypes.data, array.nbytes, TO_DEVICE)
        pointers += [None] * null_bias
        host.library.function(function)(on_device, *pointers, *scalars, None)
        simt.cudaDeviceSynchronize()
        _copy(simt, out.ctypes.data, on_device, out.nbytes, TO_HOST)
    return out, addresses


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
