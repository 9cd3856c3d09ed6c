"""One case through a worker, in buffers that show every stray access.

    guard | the array | guard

Guards and outputs are filled with NaNs that carry a number of their own in their low bits. An
element of the output that still has its bits was never written; a guard that has changed was
written to; and a NaN in the result often tells by its bits where it was read (x86 passes them on
through arithmetic; a GPU doesn't, and then only the NaN itself is seen).
"""

from dataclasses import dataclass, field

import numpy as np

from grader.client import Worker
from grader.kernels.cases import Case
from grader.kernels.reference import REFERENCES
from grader.outcome import Failure

QUIET_NAN = 0x7FC00000
OUTPUT_MARK = QUIET_NAN | 0x0B0E
GUARD_MARKS = {"out": 0x0A01, "in": 0x0A02, "weight": 0x0A03, "bias": 0x0A04}
ALIGN = 64  # floats: 256 bytes, as cudaMalloc aligns


@dataclass(frozen=True)
class Overrun:
    """Writes outside of a buffer."""

    buffer: str
    side: str  # "after" or "before"
    count: int  # elements changed
    farthest: int  # elements beyond the edge


@dataclass
class Outcome:
    """What one case gave, and what it should have given. Arrays are (rows, cols) as the output."""

    case: Case
    expected: np.ndarray  # float64
    bound: np.ndarray  # float64, the absolute error allowed
    out: np.ndarray  # float32, threads of a block run in their usual order
    reversed_out: np.ndarray | None  # the same in reverse order, on the CPU
    overruns: list[Overrun] = field(default_factory=list)
    changed_inputs: list[str] = field(default_factory=list)
    adds_to_out: bool = False  # what it left as it was changes if there are zeros in it before

    def __post_init__(self):
        self.unwritten = self.out.view(np.uint32) == OUTPUT_MARK
        self.wrong = wrong(self.out, self.expected, self.bound)
        self.reversed_wrong = (
            self.wrong
            if self.reversed_out is None
            else wrong(self.reversed_out, self.expected, self.bound)
        )

    @property
    def ok(self) -> bool:
        stray = self.overruns or self.changed_inputs
        return not (stray or self.wrong.any() or self.reversed_wrong.any())

    @property
    def order_matters(self) -> bool:
        """The two orders gave different results, by more than rounding, and not both are right."""
        if self.reversed_out is None or not (self.wrong.any() or self.reversed_wrong.any()):
            return False
        a, b = self.out.astype(np.float64), self.reversed_out.astype(np.float64)
        with np.errstate(invalid="ignore"):  # inf - inf
            same = (np.abs(a - b) <= self.bound) | (a == b) | (np.isnan(a) & np.isnan(b))
        return not same.all()


def wrong(out: np.ndarray, expected: np.ndarray, bound: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        return ~(np.abs(out.astype(np.float64) - expected) <= bound)  # NaN is wrong


class Guarded:
    """An array between two guards: `memory` is float32, the array starts at `start`."""

    def __init__(self, name: str, array: np.ndarray | None, shape: tuple[int, ...], guard: int):
        self.name, self.shape, self.size = name, shape, int(np.prod(shape))
        self.start = -(-guard // ALIGN) * ALIGN
        self.memory = np.empty(self.start + self.size + guard, np.float32)
        self._fill = np.uint32(QUIET_NAN | GUARD_MARKS[name])
        bits = self.memory.view(np.uint32)
        bits[:] = self._fill
        if array is None:
            bits[self.start : self.start + self.size] = OUTPUT_MARK
        else:
            self.memory[self.start : self.start + self.size] = array.ravel()

    def array_of(self, memory: np.ndarray) -> np.ndarray:
        return memory[self.start : self.start + self.size].reshape(self.shape)

    def overruns_in(self, memory: np.ndarray) -> list[Overrun]:
        bits = memory.view(np.uint32)
        end = self.start + self.size
        found = []
        after = np.flatnonzero(bits[end:] != self._fill)
        if after.size:
            found.append(Overrun(self.name, "after", after.size, int(after[-1]) + 1))
        before = np.flatnonzero(bits[: self.start] != self._fill)
        if before.size:
            found.append(Overrun(self.name, "before", before.size, self.start - int(before[0])))
        return found


def guarded(case: Case, guard: int) -> list[Guarded]:
    """The output and the inputs of a case, with so many floats on either side."""
    inputs = [Guarded(n, a, a.shape, guard) for n, a in case.inputs.items() if a is not None]
    return [Guarded("out", None, case.shape, guard), *inputs]


def run(worker: Worker, case: Case, slack: float, limit: float, on_cpu: bool) -> Outcome:
    """Run a case in a worker that has loaded the library. Raises RequestFailed or WorkerFailed.

    On a CPU it is run in both orders of threads; and if it is wrong once more, strictly: threads
    that return before a barrier are let pass on a GPU, but are often why the result is wrong.
    """
    arguments = [a for a in case.inputs.values() if a is not None]
    extra = (case.eps,) if case.eps is not None else ()
    reference_inputs = [*case.inputs.values(), *extra]
    expected, bound = REFERENCES[case.function](*reference_inputs, slack)
    # Room for the commonest overrun: a block's worth of elements, or a tile's worth of rows.
    guard = 2048 + 32 * min(case.shape[1], 512)
    buffers = guarded(case, guard)

    def call(reverse: bool = False, strict: bool = False) -> list[np.ndarray]:
        _, arrays = worker.ask(
            "call",
            *(buffer.memory for buffer in buffers),
            limit=limit,
            starts=[buffer.start for buffer in buffers],
            **case.call,
            reverse=reverse,
            strict=strict,
        )
        if [(a.dtype, a.shape) for a in arrays] != [
            (b.memory.dtype, b.memory.shape) for b in buffers
        ]:
            raise Failure("the worker sent back something else than the buffers it was given")
        return arrays

    memories = call()
    reversed_out = buffers[0].array_of(call(reverse=True)[0]) if on_cpu else None
    outcome = Outcome(
        case,
        expected,
        bound,
        buffers[0].array_of(memories[0]),
        reversed_out,
        overruns=[
            o for b, memory in zip(buffers, memories, strict=True) for o in b.overruns_in(memory)
        ],
        changed_inputs=[
            buffer.name
            for buffer, memory, before in zip(buffers[1:], memories[1:], arguments, strict=True)
            if not np.array_equal(buffer.array_of(memory), before)
        ],
    )
    if outcome.unwritten.any():
        out = buffers[0].array_of(buffers[0].memory)
        out[:] = 0
        zeroed = buffers[0].array_of(call()[0])
        outcome.adds_to_out = bool((zeroed[outcome.unwritten] != 0).any())
    if on_cpu and not outcome.ok:
        call(strict=True)
    return outcome
