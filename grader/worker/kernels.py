"""Call one kernel on the buffers that the grader laid out. No torch on a CPU: it starts at once."""

import ctypes
from pathlib import Path

import numpy as np

from mingpt.errors import KernelError
from mingpt.kernels import KernelLibrary

library: KernelLibrary | None = None
ALIGN = 64  # floats: 256 bytes, as cudaMalloc aligns


def load_library(path: str, device: str) -> tuple[dict, list]:
    """dlopen: runs the library's constructors."""
    global library
    library = KernelLibrary(Path(path), device)
    return {}, []


def call(
    *buffers: np.ndarray,
    function: str,
    starts: list[int],
    sizes: list[int],
    eps: float | None,
    null_bias: bool,
    reverse: bool,
    strict: bool,
) -> tuple[dict, list]:
    """Run `function` on copies of the buffers and return them as they are afterwards.

    Each is a flat float32 array in which the real one begins at element starts[i]: out, in, and
    then weight and bias where there are any. reverse: threads run last to first; strict: a barrier
    that threads have left out by returning is an error (both on a CPU only). Raises KernelError,
    and BuildError for a function that isn't there.
    """
    memory = [_to_device(buffer) for buffer in buffers]
    pointers: list[int | None] = [
        pointer + 4 * start for (_, pointer), start in zip(memory, starts, strict=True)
    ]
    if null_bias:
        pointers.append(None)
    scalars = sizes if eps is None else [eps, *sizes]
    if library.device == "cpu":
        simt = ctypes.CDLL(str(library.path))  # the handle there is already
        simt.simt_set_order(int(reverse))
        simt.simt_set_strict(int(strict))
    getattr(library, f"call_{function}")(*pointers, *scalars)
    _finish(function)
    return {}, [_to_host(array) for array, _ in memory]


def _finish(function: str) -> None:
    """Wait for the kernel. Raises KernelError."""
    library.check(function)
    if library.device == "cuda":
        import torch

        try:
            torch.cuda.synchronize()
        except RuntimeError as error:
            raise KernelError(f"The {function} kernel failed.\n{error}") from None


def _to_device(buffer: np.ndarray):
    """A copy in the memory that kernels use, aligned like cudaMalloc's, and its address."""
    if library.device == "cpu":
        room = np.empty(buffer.size + ALIGN, np.float32)
        skip = (-room.ctypes.data // 4) % ALIGN
        copy = room[skip : skip + buffer.size]
        copy[:] = buffer
        return copy, copy.ctypes.data
    import torch

    copy = torch.from_numpy(buffer.copy()).cuda()
    return copy, copy.data_ptr()


def _to_host(array) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()
