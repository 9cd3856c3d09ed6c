"""A function that is called while its stream only records: its kernels run later, on other values.

So one sees what was done by whom. What is written at once was not launched on that stream. And what
is, later, right for the values that were there at the call, was computed by the function itself, on
the CPU: kernels see what is there when they run.
"""

import enum

import numpy as np

from grader.client import RequestFailed, Worker, WorkerFailed
from grader.kernels.runs import ALIGN, OUTPUT_MARK, Guarded, Outcome, guarded, wrong


class Finding(enum.Enum):
    KERNELS = "its kernels compute the result"
    ELSEWHERE = "it writes at once: on another stream, or none"
    EARLY = "the result is that of the values at the call"
    UNKNOWN = "it can't be recorded, or not run later"


def watched(worker: Worker, at_call: Outcome, later: Outcome, limit: float) -> Finding:
    """at_call, later: outcomes of cases of one size, both right, with different results.

    The worker may be gone afterwards: a function may end its process where its stream can't be
    waited for.
    """
    buffers, after = (guarded(outcome.case, ALIGN) for outcome in (at_call, later))
    starts = [buffer.start for buffer in buffers]
    try:
        reply, arrays = worker.ask(
            "call_captured",
            *(buffer.memory for buffer in buffers),
            limit=limit,
            starts=starts,
            **at_call.case.call,
        )
        if (out := _output(buffers[0], arrays)) is None:
            return Finding.UNKNOWN
        if (out.view(np.uint32) != OUTPUT_MARK).any():
            return Finding.ELSEWHERE
        if not reply["recorded"]:
            return Finding.UNKNOWN
        memories = [buffer.memory for buffer in after]
        _, arrays = worker.ask("launch_captured", *memories, limit=limit)
    except (RequestFailed, WorkerFailed):  # or memory that the function has freed on its return
        return Finding.UNKNOWN
    if (out := _output(buffers[0], arrays)) is None:
        return Finding.UNKNOWN
    if not wrong(out, later.expected, later.bound).any():
        return Finding.KERNELS
    early = not wrong(out, at_call.expected, at_call.bound).any()
    return Finding.EARLY if early else Finding.UNKNOWN


def _output(buffer: Guarded, arrays: list[np.ndarray]) -> np.ndarray | None:
    """The first of the arrays without its guards; None if it is something else."""
    if not arrays or (arrays[0].dtype, arrays[0].shape) != (np.float32, buffer.memory.shape):
        return None
    return buffer.array_of(arrays[0])
