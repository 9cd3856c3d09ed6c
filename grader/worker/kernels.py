"""Call one kernel on the buffers that the grader laid out. No torch on a CPU: it starts at once."""

import ctypes
from pathlib import Path

import numpy as np

from mingpt.errors import KernelError
from mingpt.kernels import KernelLibrary

library: KernelLibrary | None = None
_memory: list = []  # of the last call: the next one of these sizes has the same addresses
ALIGN = 64  # floats: 256 bytes, as cudaMalloc aligns


def load_library(path: str, device: str) -> tuple[dict, list]:
    """dlopen: runs its constructors. {"decoder"}: whether it has decoder.h's functions."""
    global library
    library = KernelLibrary(Path(path), device)
    return {"decoder": library.exports("gpt_open")}, []


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

    Buffers as large as those of the call before have their addresses too: an address says nothing
    about what is there.

    Each is a flat float32 array in which the real one begins at element starts[i]: out, in, and
    then weight and bias where there are any. reverse: threads run last to first; strict: a barrier
    that threads have left out by returning is an error (both on a CPU only). Raises KernelError,
    and BuildError for a function that isn't there.
    """
    global _memory
    if [array.size for array, _ in _memory] != [buffer.size for buffer in buffers]:
        _memory = []  # freed before there is more
        _memory = [empty(buffer.size) for buffer in buffers]
    memory = _memory
    for (array, _), buffer in zip(memory, buffers, strict=True):
        fill(array, buffer)
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
    finish(function)
    return {}, [to_host(array) for array, _ in memory]


def finish(function: str) -> None:
    """Wait for the kernel. Raises KernelError."""
    library.check(function)
    if library.device == "cuda":
        import torch

        try:
            torch.cuda.synchronize()
        except RuntimeError as error:
            first = str(error).splitlines()[0]  # then comes advice for those who debug torch
            raise KernelError(f"{function} failed on the GPU.\n{first}") from None


def empty(size: int):
    """Room for `size` floats in the memory that kernels use, aligned as cudaMalloc does it, and its
    address."""
    if library.device == "cpu":
        room = np.empty(size + ALIGN, np.float32)
        skip = (-room.ctypes.data // 4) % ALIGN
        room = room[skip : skip + size]
        return room, room.ctypes.data
    import torch

    room = torch.empty(size, device="cuda")
    return room, room.data_ptr()


def to_device(buffer: np.ndarray):
    """A copy (flat, float32) in that memory, and its address."""
    room, address = empty(buffer.size)
    fill(room, buffer)
    return room, address


def fill(room, buffer: np.ndarray) -> None:
    """Copy a buffer (flat, float32) into room of its size in that memory."""
    if library.device == "cpu":
        room[:] = buffer
    else:
        import torch

        room.copy_(torch.from_numpy(buffer.copy()))


def to_host(array) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()
