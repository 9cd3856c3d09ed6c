"""Crashes, hangs, exceptions, and what simt reports of a kernel that could not go on."""

import json

from grader.client import RequestFailed, WorkerDied, WorkerFailed, WorkerTimeout, printable
from grader.framework import Failure


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


# simt's kinds of report, with the idea to revisit.
HINTS = {
    "deadlock": (
        "Every thread of a block must reach the same barrier. An early return, or a barrier inside "
        "an if, leaves the others waiting for ever."
    ),
    "timeout": (
        "What makes the loop end? Check what its condition reads and what each step changes."
    ),
    "address": (
        "Check each index against the size of what it indexes, and each pointer that may be NULL."
    ),
    "stack": "Very deep recursion, or very large local arrays, overflow a thread's stack.",
    "assert": "Your own assert failed.",
    "configuration": (
        "Threads in a block: 1 to 1024. Blocks: at least 1. Shared memory: at most 48 KB."
    ),
}
WORDS = {
    "deadlock": ("deadlock", "barrier", "divergence"),
    "timeout": ("endless", "timeout", "hang"),
    "stack": ("stack",),
    "address": ("address", "null", "access", "segv"),
    "assert": ("assert",),
    "configuration": ("configuration", "argument", "launch_config"),
}


def kernel_fault(error: RequestFailed) -> Failure:
    """A launch that failed: simt's report where there is one, else CUDA's error."""
    report = {}
    if error.report:
        try:
            report = json.loads(error.report)
        except ValueError:
            report = {}
    kind = printable(str(report.get("kind", ""))) if isinstance(report, dict) else ""
    text = f"{kind} {error.message}".lower()
    for name, words in WORDS.items():
        if any(word in text for word in words):
            return Failure(error.message, HINTS[name], {"fault": name})
    return Failure(error.message, figures={"fault": kind} if kind else {})
