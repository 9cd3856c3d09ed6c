"""Crashes, hangs, exceptions, and what simt reports of a kernel that could not go on."""

import json

from grader.client import RequestFailed, WorkerDied, WorkerFailed, WorkerTimeout, printable
from grader.outcome import Failure


def explain(error: RequestFailed | WorkerFailed) -> Failure:
    """A failed request as a Failure to raise."""
    if isinstance(error, RequestFailed):
        return request_failed(error)
    if isinstance(error, WorkerTimeout):
        return Failure(
            _sentence(error),
            "Look for a loop that never ends, or for far too much work.",
            {"seconds": error.seconds},
        )
    if isinstance(error, WorkerDied):
        if error.signal == "SIGSEGV":
            hint = "A bad pointer or index: check each index against the size of what it indexes."
        elif error.signal:
            hint = "Memory that was overwritten, or too much of it, ends a process like this."
        else:
            hint = "Your code must return; it must not end the process."
        return Failure(_sentence(error), hint)
    return Failure(_sentence(error))


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:] + "."


def request_failed(error: RequestFailed) -> Failure:
    """By the kind of error: see worker/errors.py."""
    if error.kind == "kernel":
        return kernel_fault(error)
    if error.kind == "exit":
        return Failure(
            "Your code called exit().", "Let functions return; the caller goes on." + _at(error)
        )
    if error.kind in ("build", "submission"):
        return Failure(error.message)
    text = error.type + (f": {error.message}" if error.message else "")
    return Failure(
        f"{text}{_at(error)}", "The exception names the problem; the line is where it arose."
    )


def _at(error: RequestFailed) -> str:
    """The student's own file, line and source."""
    where = error.where
    if not where:
        return ""
    file, line, source = (printable(str(where.get(key, ""))) for key in ("file", "line", "source"))
    return f"\n  {file}:{line}: {source}"


# The idea to revisit, by simt's kind of report.
BARRIER = (
    "Every thread of a block must reach the same barrier. An early return, or a barrier inside an"
    " if, leaves the others waiting for ever."
)
ADDRESS = "Check each index against the size of what it indexes, and each pointer that may be NULL."
HINTS = {
    "barrier_divergence": BARRIER,
    "warp_divergence": "All lanes named in the mask of a warp operation must reach it. " + BARRIER,
    "warp_mask": (
        "The mask of a warp operation names the lanes that take part: is this one among them?"
    ),
    "endless_loop": (
        "What makes the loop end? Check what its condition reads and what a step changes."
    ),
    "null_pointer": ADDRESS,
    "illegal_address": ADDRESS,
    "stack_overflow": "Very deep recursion, or very large local arrays, overflow a thread's stack.",
    "division_by_zero": "An integer division or remainder by 0: which size can be 0 here?",
    "too_much_shared_memory": (
        "A block has 48 KB of shared memory: how large is the tile, in bytes?"
    ),
    "assert": "An assert of your own failed: print what it tests.",
}
# By words in CUDA's error, where there is no report.
WORDS = {
    "configuration": (
        "Threads in a block: 1 to 1024. Blocks: at least 1. Shared memory: at most 48 KB."
    ),
    "invalid argument": "Threads in a block: 1 to 1024. Blocks: at least 1.",
    "illegal memory access": ADDRESS,
    "misaligned": "A vector load (float4) needs an address that is a multiple of its size.",
    "timeout": HINTS["endless_loop"],
}
ADDRESS_FAULTS = ("null_pointer", "illegal_address", "illegal memory access")


def kernel_fault(error: RequestFailed) -> Failure:
    """A launch that failed: simt's report where there is one, else CUDA's error."""
    try:
        report = json.loads(error.report or "{}")
    except ValueError:
        report = {}
    kind = report.get("kind") if isinstance(report, dict) else None
    if kind in HINTS:
        return Failure(error.message, HINTS[kind], {"fault": kind})
    for words, hint in WORDS.items():
        if words in error.message.lower():
            return Failure(error.message, hint, {"fault": words})
    hint = "The launch itself failed: look up the error's name in the CUDA runtime API."
    return Failure(error.message, hint, {"fault": "unknown"})
