"""The kernels by themselves against the reference's, at GPT-2's shapes, on a GPU.

The clock is the grader's, and a timed request makes many calls, on inputs and in an order drawn at
that moment. (On a CPU a kernel's time says little about a GPU; there the check `traffic` counts.)
"""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from grader import roofline
from grader.building import build
from grader.checks.kernels import KERNELS, expected, remark
from grader.framework import Context, blameless, check
from grader.kernels.timed import POOL, SLOTS, WORKS, Run, Work
from grader.outcome import Failure, NotMeasured, Passed
from grader.timing import WAKE, judge, measure
from mingpt.paths import ROOT

SECONDS = 0.02  # that a timed request shall take: the request itself takes some 0.0002
MOST_CALLS = 5000  # in one request
SAMPLE = 64  # elements of an output that must be there when the clock stops

HINT = (
    "Which of them is slowest, and what does it wait for? bench/kernels.py compares times with what"
    " the memory allows; python -m simt profile counts the traffic by line."
)


@check("kernel_speed", needs=KERNELS, device="cuda", timed=True)
def kernel_speed(context: Context) -> Passed:
    """Speed of your kernels, against the reference's"""
    rubric, others = context.rubric, remark(context, "not timed")
    works = [work for work in WORKS if work.function in expected(context)]
    reference = ROOT / rubric.reference
    pool = context.rng.standard_normal(POOL, dtype=np.float32)
    start = time.monotonic()
    deadline = start + rubric.time_limit
    with context.worker() as worker:
        student = Caller(context, worker, context.session.library, pool, deadline)
        if not reference.is_dir():
            rates = {w.name: np.median([student.rate(w) for _ in range(9)]) for w in works}
            told = ", ".join(f"{name} {1e6 / rate:.1f} µs" for name, rate in rates.items())
            raise NotMeasured(
                f"{told}. No points are at stake here: the reference to compare with"
                f" ({rubric.reference}) is not on this machine. {others}".rstrip(),
                {f"{name}_calls_per_s": float(rate) for name, rate in rates.items()},
            )
        with context.worker(submission=reference) as other:
            library = blameless(built, rubric.reference)(context, other, reference)
            theirs = blameless(Caller, rubric.reference)
            compared = theirs(context, other, library, pool, deadline)
            rate = blameless(compared.rate, rubric.reference)
            with other.awake():
                memory = roofline.bandwidth(other, roofline.ARRAYS, context.device)
            measured = {}
            for i, work in enumerate(works):
                until = start + rubric.time_limit * (i + 1) / len(works)
                pair = partial(student.rate, work), partial(rate, work)
                measured[work.name] = measure(*pair, rubric, context.rng, until)
    told = ", ".join(f"{name} {pairs.ratio:.2f}" for name, pairs in measured.items())
    message = f"Against the reference's speed: {told}. {others}".rstrip()
    flags: tuple[str, ...] = ()
    for work in works:
        rate = float(np.median(measured[work.name].rates[:, 0]))
        flags += roofline.flags(work.name, rate, work.bytes, memory, roofline.ROOM_OF_CALLS)
    passed = judge(measured, rubric, message, HINT, "calls_per_s", flags)
    on_device = {
        f"{work.name}_device_us": 1e6 * float(np.median(seconds))
        for work, seconds in student.device_seconds.items()
    }
    return replace(passed, figures=passed.figures | on_device)


def built(context: Context, worker, reference: Path) -> Path:
    """The reference's library."""
    limit = context.session.rubric["build"].time_limit
    return build(worker, reference, context.device, limit)


class Caller:
    """Times one library's kernels in a worker of its own."""

    def __init__(self, context: Context, worker, library: Path, pool: np.ndarray, deadline: float):
        self.context, self._worker, self._pool, self._deadline = context, worker, pool, deadline
        self._seconds: dict[Work, float] = {}  # of a call, about
        self.device_seconds: dict[Work, list[float]] = {}  # of a call, by the GPU's own clock
        self._ask("load_library", path=worker.show(library), device=context.device)
        self._ask("fill_pool", pool)
        worker.pause()

    def rate(self, work: Work, core: int | None = None) -> float:
        """Calls a second, in one run. Raises Failure if an output is wrong."""
        with self._worker.awake():  # and stopped while the other one is timed
            if work not in self._seconds:
                self._seconds[work] = SECONDS / 4
                for _ in range(2):  # the first takes longer: code and memory get to their places
                    self._run(work, core)
            return self._run(work, core)

    def _run(self, work: Work, core: int | None) -> float:
        rng = self.context.rng
        count = int(np.clip(SECONDS / self._seconds[work], 1, MOST_CALLS))
        run = Run.draw(work, count + rng.integers(count // 4 + 1), self._pool.size, rng)
        elements = int(np.prod(work.shape))
        self._ask(
            *("prepare_calls", run.places, run.slots),
            **{"elements": elements, "num_slots": SLOTS, "sizes": list(work.sizes)},
            eps=work.eps,
        )
        slot, places = int(rng.choice(run.slots)), rng.integers(0, elements, SAMPLE)
        self._ask("wake", core=core, seconds=WAKE)
        start = time.perf_counter()
        reply, _ = self._worker.ask("calls", function=work.function, limit=self._limit())
        (sample,) = self._ask("peek", places, slot=slot)  # the answer alone is no result
        seconds = time.perf_counter() - start
        if reply["device_seconds"] is not None:
            each = reply["device_seconds"] / len(run.slots)
            self.device_seconds.setdefault(work, []).append(each)
        self._seconds[work] = seconds / len(run.slots)
        self._verify(run, elements, slot, places, sample)
        return len(run.slots) / seconds

    def _verify(
        self, run: Run, elements: int, slot: int, places: np.ndarray, sample: np.ndarray
    ) -> None:
        """One of the outputs, and that it was there, at these places, when the clock stopped."""
        slack = self.context.session.rubric[run.work.function].slack
        arrays = self._ask("outputs", slots=[slot])
        if [(a.dtype.name, a.shape) for a in arrays] != [("float32", (elements,))]:
            raise Failure("The worker sent back something else than an output.")
        if run.is_wrong(arrays[0], slot, self._pool, slack, self.context.rng):
            raise Failure(
                f"{run.work.name}: in a timed run of many calls, a result is wrong.",
                "Each call has inputs of its own. Does one depend on what an earlier one left?",
            )
        if not np.array_equal(sample, arrays[0][places]):
            raise Failure(
                f"{run.work.name}: in a timed run, the result came after the answer.",
                "All work of a call belongs to its stream: it is done when the stream is.",
            )

    def _ask(self, op: str, *arrays: np.ndarray, **fields) -> list[np.ndarray]:
        return self._worker.ask(op, *arrays, limit=self._limit(), **fields)[1]

    def _limit(self) -> float:
        return max(10.0, self._deadline - time.monotonic())
