"""Call a kernel's function while its stream only records; run what was recorded later."""

import ctypes

import numpy as np

from grader.worker import kernels as host
from mingpt.errors import KernelError

NON_BLOCKING, RELAXED = 1, 2  # cudaStreamNonBlocking, cudaStreamCaptureModeRelaxed


class Simt:
    """A stream of simt's, which records from now on. (The runtime is in the library.)"""

    def __init__(self):
        self._cuda = ctypes.CDLL(str(host.library.path))
        self._stream, self._graph = ctypes.c_void_p(), ctypes.c_void_p()
        self._cuda.cudaStreamCreateWithFlags(ctypes.byref(self._stream), NON_BLOCKING)
        self._cuda.cudaStreamBeginCapture(self._stream, RELAXED)
        self.address = self._stream.value

    def end(self) -> bool:
        """Record no more. Whether all could be recorded."""
        return self._cuda.cudaStreamEndCapture(self._stream, ctypes.byref(self._graph)) == 0

    def run(self) -> None:
        """What was recorded."""
        made = ctypes.c_void_p()
        self._cuda.cudaGraphInstantiate(ctypes.byref(made), self._graph, ctypes.c_ulonglong(0))
        self._cuda.cudaGraphLaunch(made, self._stream)
        self._cuda.cudaStreamSynchronize(self._stream)


class Gpu:
    """The same on a GPU, by torch: a stream is the driver's, whoever has made it."""

    def __init__(self):
        import torch

        self._stream, self._graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
        self._stream.wait_stream(torch.cuda.current_stream())
        torch.cuda.synchronize()
        with torch.cuda.stream(self._stream):
            self._graph.capture_begin(capture_error_mode="relaxed")
        self.address = self._stream.cuda_stream

    def end(self) -> bool:
        import torch

        try:
            with torch.cuda.stream(self._stream):
                self._graph.capture_end()
            torch.cuda.synchronize()  # what was not recorded runs at once
        except RuntimeError:
            return False
        return True

    def run(self) -> None:
        self._graph.replay()


_recorded: tuple | None = None  # of the last call_captured: recording, memory


def call_captured(
    *buffers: np.ndarray,
    function: str,
    starts: list[int],
    sizes: list[int],
    eps: float | None,
    null_bias: bool,
) -> tuple[dict, list]:
    """Call `function` with a stream that records its work and runs none: the buffers afterwards.

    What has changed in them was not done on that stream. {"recorded"}: whether it could be: a
    function that waits for the stream can't.
    """
    global _recorded
    memory = [host.to_device(buffer) for buffer in buffers]
    pointers = [p + 4 * start for (_, p), start in zip(memory, starts, strict=True)]
    pointers += [None] * null_bias
    scalars = sizes if eps is None else [eps, *sizes]
    run = host.library.function(function)
    recording = Simt() if host.library.device == "cpu" else Gpu()
    run(*pointers, *scalars, recording.address)
    recorded = recording.end()
    try:
        host.library.check(function)
    except KernelError:
        host.library.clear()  # a call that can't be recorded is no mistake
    _recorded = (recording, memory) if recorded else None
    return {"recorded": recorded}, [host.to_host(array) for array, _ in memory]


def launch_captured(*buffers: np.ndarray) -> tuple[dict, list]:
    """Put these into the memory of the last call_captured, and run what was recorded there.

    Raises KernelError.
    """
    recording, memory = _recorded
    for (array, _), buffer in zip(memory, buffers, strict=True):
        host.fill(array, buffer)
    recording.run()
    host.finish("what was recorded")
    return {}, [host.to_host(array) for array, _ in memory]
