"""Runs a case in one of simt's instrumented builds, in a worker, always on the CPU."""

from pathlib import Path

import numpy as np

from grader import building
from grader.client import RequestFailed, Worker
from grader.kernels.cases import Case
from grader.kernels.reference import REFERENCES
from grader.kernels.runs import wrong
from grader.outcome import Failure
from simt.lines import MOST_SAID, Run
from simt.tracing import Trace, read_traces

MAX_TEXT = 8 << 20  # bytes of what simt says of one kernel; a large kernel's takes 100 KB


def build(worker: Worker, submission: Path, mode: str, limit: float) -> Path:
    """The library of submission/gpt.cu in simt's mode "check" or "profile"."""
    return building.build(worker, submission, "cpu", limit, mode)


def load(worker: Worker, library: Path, limit: float) -> None:
    worker.ask("load_library", path=worker.show(library), device="cpu", limit=limit)


def run(worker: Worker, op: str, case: Case, limit: float) -> tuple[np.ndarray, str]:
    """The output, and what simt says of it (JSON), by the worker's `op`: "checked" or "profiled".

    Raises RequestFailed or WorkerFailed, and Failure for an answer of another form.
    """
    _, out, text = _call(worker, op, case, limit)
    return out, text


def steps(
    worker: Worker, library: Path, case: Case, limit: float, most: int
) -> tuple[np.ndarray, list[Trace], dict[str, int]]:
    """The output, what each launch did step by step, and the address of each of gpt.h's buffers.

    library: a "profile" build, which the worker has loaded. most: numbers that a recording may
    hold. Raises as `run` does.
    """
    header, out, text = _call(worker, "traced", case, limit, most=most)
    names = ["out", *(name for name, array in case.inputs.items() if array is not None)]
    addresses = header["addresses"]
    if len(addresses) != len(names):
        raise Failure("The worker sent back something else than where the buffers were.")
    try:
        launches = read_traces(text, library, tools(worker, limit))
    except ValueError as error:
        raise Failure(f"What came back as simt's recording can't be read. {error}") from None
    return out, launches, dict(zip(names, addresses, strict=True))


def tools(worker: Worker, limit: float) -> Run:
    """Where simt's tools look at the library that a worker has loaded: there. Who wrote it may have
    written it for them."""

    def run(tool: str, library: Path, given: str) -> str:
        sent = np.frombuffer(given.encode(), np.uint8)
        try:
            _, (said,) = worker.ask("tool", sent, name=tool, limit=limit)
        except RequestFailed as error:
            raise ValueError(f"the library can't be looked at: {error.message[:200]}") from None
        if said.size > MOST_SAID:
            raise ValueError(f"{tool} says more than {MOST_SAID >> 20} MB")
        return said.tobytes().decode(errors="replace")

    return run


def _call(
    worker: Worker, op: str, case: Case, limit: float, **more
) -> tuple[dict, np.ndarray, str]:
    header, arrays = worker.ask(
        op,
        *(array for array in case.inputs.values() if array is not None),
        limit=limit,
        shape=list(case.shape),
        **case.call,
        **more,
    )
    forms = [(array.dtype.name, array.ndim) for array in arrays]
    if forms != [("float32", 2), ("uint8", 1)] or arrays[0].shape != case.shape:
        raise Failure("The worker sent back something else than an output and simt's word on it.")
    if arrays[1].size > MAX_TEXT:
        raise Failure(f"What simt says of {case.name} is longer than {MAX_TEXT >> 20} MB.")
    return header, arrays[0], arrays[1].tobytes().decode(errors="replace")


def is_wrong(case: Case, out: np.ndarray, slack: float) -> bool:
    """Whether any element is: code that is built otherwise must still compute the same."""
    extra = (case.eps,) if case.eps is not None else ()
    expected, bound = REFERENCES[case.function](*case.inputs.values(), *extra, slack)
    return bool(wrong(out, expected, bound).any())
