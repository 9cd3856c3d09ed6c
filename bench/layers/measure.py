"""The time of a call: of a CUDA graph of many calls, over their number; all take turns.

The calls of a graph rotate over sets of buffers that together outgrow the L2 cache, so that each
finds its inputs in device memory, as a decode step finds its weights. (Where a set is so small that
even a hundred are not enough, at one row of gelu or layernorm, they stay in the cache.)
"""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from bench.gpu import has_crashed, once, reason, spread
from bench.layers.cases import Buffers, Case, relative_error
from bench.layers.implementations import Implementation
from mingpt.errors import KernelError, LabError

FEWEST_CALLS = 20  # in a graph, unless they take longer than Effort.seconds


@dataclass(frozen=True)
class Effort:
    rounds: int
    seconds: float  # that a graph should take, at most


FULL, QUICK = Effort(9, 0.05), Effort(3, 0.01)


@dataclass
class Entry:
    """An implementation of a case."""

    implementation: Implementation
    run: Callable[[], object] | None = None  # `calls` calls
    calls: int = 1
    error: float = math.nan  # relative
    seconds: list[float] = field(default_factory=list)  # of a call, one a round
    failure: str = ""

    def result(self, case: Case) -> dict:
        about = {"layer": case.layer, "m": case.m, "n": case.n, "k": case.k}
        about["name"] = self.implementation.name
        if self.failure or not self.seconds:
            return about | {"failure": self.failure or "not measured"}
        median = statistics.median(self.seconds)
        return about | {
            "seconds": median,
            "spread": spread(self.seconds),
            "bytes_per_s": case.bytes / median,
            "flops_per_s": case.flops / median,
            "relative_error": None if math.isinf(self.implementation.tolerance) else self.error,
            "calls": self.calls,
        }


def measure(
    case: Case,
    everyone: list[Implementation],
    effort: Effort,
    device: str,
    rng: np.random.Generator,
) -> list[dict]:
    """The results of all that have the layer. Raises LabError after a crash of the GPU."""
    cache = torch.cuda.get_device_properties(0).L2_cache_size if device == "cuda" else 0
    buffers = [Buffers.of(case, device) for _ in range(case.copies(cache))]
    entries = [Entry(i) for i in everyone if i.has(case)]
    for entry in entries:
        attempt(entry, case, device, lambda e=entry: prepare(e, case, buffers, effort, device))
    for _ in range(effort.rounds):
        for i in rng.permutation(len(entries)):
            entry = entries[i]
            attempt(entry, case, device, lambda e=entry: time_once(e, device))
    return [entry.result(case) for entry in entries]


def attempt(entry: Entry, case: Case, device: str, action: Callable) -> None:
    """action(), unless the entry is out. What goes wrong in it puts it out."""
    if entry.failure:
        return
    try:
        action()
    except Exception as e:
        entry.failure = reason(e)
        if has_crashed(device):
            raise LabError(
                f"{entry.implementation.name}, {case.layer} {case.name}, crashed the GPU, and "
                f"nothing can run after that.\n{entry.failure}"
            ) from None


def time_once(entry: Entry, device: str) -> None:
    entry.seconds.append(once(entry.run, device) / entry.calls)


def prepare(entry: Entry, case: Case, buffers: list[Buffers], effort: Effort, device: str) -> None:
    """Check the values of a call, see how long it takes, and record a graph of many.

    Raises KernelError for wrong values.
    """
    i = entry.implementation
    first = buffers[0]
    first.out.fill_(float("nan"))
    got = i.call(case, first)
    i.check(case)
    entry.error = relative_error(got, first.expected(case.layer))  # waits for the device
    if not (entry.error <= i.tolerance or math.isinf(i.tolerance)):
        raise KernelError(f"Wrong values: relative error {entry.error:.1e} (up to {i.tolerance}).")
    estimate = min(once(lambda b=b: i.call(case, b), device) for b in buffers[:2])
    wanted = max(FEWEST_CALLS, len(buffers))
    entry.calls = int(min(wanted, max(2, effort.seconds / max(estimate, 1e-7))))

    def calls() -> None:
        for n in range(entry.calls):
            i.call(case, buffers[n % len(buffers)])

    entry.run = calls if device == "cpu" else recorded(calls)
    once(entry.run, device)
    i.check(case)


def recorded(calls: Callable[[], None]) -> Callable[[], None]:
    """The launches of calls() as one CUDA graph: its replay."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        calls()
    return graph.replay
