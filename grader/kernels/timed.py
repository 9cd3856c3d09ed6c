"""The calls that kernels are timed with: GPT-2's (124M) shapes, a run of many calls, and its check.

gelu and layernorm get a whole text or four, so that a call takes longer than launching it.
"""

import math
from dataclasses import dataclass

import numpy as np

from grader.kernels.reference import REFERENCES
from grader.kernels.runs import wrong

POOL = 1 << 24  # floats, 64 MB: more than what most GPUs keep in their L2
ALIGN = 64  # floats: 256 bytes, as cudaMalloc aligns
SLOTS = 4  # outputs that are kept
ROWS = 16  # of an output that are checked


@dataclass(frozen=True)
class Work:
    """Calls of one function with the same sizes."""

    function: str
    shape: tuple[int, int]  # of the output
    sizes: tuple[int, ...]  # the integer arguments
    inputs: tuple[tuple[int, ...], ...]  # the shapes of in, weight, bias
    eps: float | None = None

    @property
    def name(self) -> str:
        return f"{self.function} {'×'.join(map(str, self.sizes))}"

    @property
    def bytes(self) -> int:
        """Of the inputs and the output: what a call must move."""
        return 4 * sum(math.prod(shape) for shape in (self.shape, *self.inputs))


def gelu(rows: int, cols: int) -> Work:
    return Work("gelu", (rows, cols), (rows, cols), ((rows, cols),))


def layernorm(rows: int, cols: int) -> Work:
    inputs = ((rows, cols), (cols,), (cols,))
    return Work("layernorm", (rows, cols), (rows, cols), inputs, 1e-5)


def linear(m: int, n: int, k: int) -> Work:
    return Work("linear", (m, n), (m, n, k), ((m, k), (n, k), (n,)))


WORKS = (
    gelu(1024, 3072),
    layernorm(4096, 768),
    linear(64, 768, 768),
    linear(64, 3072, 768),
)


@dataclass(frozen=True)
class Run:
    """A run of N calls. places (N, inputs): where in the pool inputs begin; slots (N): outputs."""

    work: Work
    places: np.ndarray
    slots: np.ndarray

    @staticmethod
    def draw(work: Work, count: int, pool: int, rng: np.random.Generator) -> "Run":
        """`count` calls at places of their own in a pool of so many floats."""
        last = [(pool - int(np.prod(shape))) // ALIGN for shape in work.inputs]
        places = ALIGN * np.stack([rng.integers(0, n + 1, count) for n in last], axis=1)
        return Run(work, places, rng.integers(0, SLOTS, count))

    def is_wrong(
        self, out: np.ndarray, slot: int, pool: np.ndarray, slack: float, rng: np.random.Generator
    ) -> bool:
        """Whether rows drawn now, of what was last written to a slot, are not what they must be."""
        work = self.work
        call = int(np.flatnonzero(self.slots == slot)[-1])
        x, *rest = (
            pool[place : place + int(np.prod(shape))].reshape(shape)
            for place, shape in zip(self.places[call], work.inputs, strict=True)
        )
        rows = rng.integers(0, work.shape[0], ROWS)
        extra = [] if work.eps is None else [work.eps]
        expected, bound = REFERENCES[work.function](x[rows], *rest, *extra, slack)
        return bool(wrong(out.reshape(work.shape)[rows], expected, bound).any())
