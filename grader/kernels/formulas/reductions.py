"""layernorm whose sums over a block leave something out: lanes of each warp, or whole warps.

The threads of a block of B share a row's columns: thread t has c = t, t + B, ... Which of them
reached the sum says which step of the reduction is wrong.
"""

from collections.abc import Callable

import numpy as np

from grader.kernels.cases import Case
from grader.kernels.formulas.formula import Array, Formula

BLOCKS = (32, 64, 128, 256, 512, 1024)
HALVES = (
    "Each step of the reduction adds what is `offset` lanes away: which offsets does a warp need?"
)
WARPS = "Does the sum of every warp reach the total?"
EVERYONE = "Who needs the total, and how does it get there?"


def partial(counts: Callable[[Array], Array]) -> Callable[[Case], Array]:
    """Only the columns with counts(c) are in the sums, which are divided by num_cols."""

    def compute(case: Case) -> Array:
        cols = case.shape[1]
        counted = counts(np.arange(cols))

        def total(x: Array) -> Array:
            return x[:, counted].sum(axis=1, keepdims=True)

        return _normalised(case, total)

    return compute


def own_columns(block: int) -> Callable[[Case], Array]:
    """Each thread has the sum of its own columns only."""

    def compute(case: Case) -> Array:
        def total(x: Array) -> Array:
            return _spread(_by_thread(x, block), x, block)

        return _normalised(case, total)

    return compute


def doubled_halves(case: Case) -> Array:
    """The first 16 lanes of each warp counted twice, the others not at all."""
    first = np.arange(case.shape[1]) % 32 < 16
    return _normalised(case, lambda x: 2 * x[:, first].sum(axis=1, keepdims=True))


def own_lanes(block: int) -> Callable[[Case], Array]:
    """Each thread has what __shfl_down_sync left in its lane: only lane 0 has its warp's sum."""

    def compute(case: Case) -> Array:
        return _normalised(case, lambda x: _spread(_lanes(_by_thread(x, block)), x, block))

    return compute


def _by_thread(x: Array, block: int) -> Array:
    """(rows, block): the sum of each thread's columns."""
    rows, cols = x.shape
    padded = np.zeros((rows, -(-cols // block) * block))
    padded[:, :cols] = x
    return padded.reshape(rows, -1, block).sum(axis=1)


def _lanes(sums: Array) -> Array:
    """After the five steps: a lane beyond the warp's end counts as one's own."""
    v = sums.reshape(len(sums), -1, 32)
    lane = np.arange(32)
    for offset in (16, 8, 4, 2, 1):
        v = v + v[:, :, np.where(lane + offset < 32, lane + offset, lane)]
    return v.reshape(sums.shape)


def _spread(values: Array, x: Array, block: int) -> Array:
    """Each thread's value at its columns: (rows, cols)."""
    return values[:, np.arange(x.shape[1]) % block]


def _normalised(case: Case, total: Callable[[Array], Array]) -> Array:
    x, weight, bias = (case.inputs[name].astype(np.float64) for name in ("in", "weight", "bias"))
    cols = x.shape[1]
    centred = x - total(x) / cols
    return centred / np.sqrt(total(centred**2) / cols + case.eps) * weight + bias


REDUCTIONS = [
    Formula(
        "layernorm with half of each warp in its sums: the first 16 lanes",
        HALVES,
        partial(lambda c: c % 32 < 16),
        "reduction",
    ),
    Formula(
        "layernorm with half of each warp in its sums, twice: the first 16 lanes",
        "A shuffle of width 16 stays within half a warp, and beyond it a lane gets its own value.",
        doubled_halves,
        "reduction",
    ),
    *(
        Formula(
            "layernorm in which each thread has what the shuffles left in its own lane, not the"
            f" total (blocks of {block})",
            "After __shfl_down_sync lane 0 alone has the sum of its warp. " + EVERYONE,
            own_lanes(block),
            "reduction",
        )
        for block in BLOCKS
    ),
    *(
        Formula(
            f"layernorm with every {word} lane in its sums",
            HALVES,
            partial(lambda c, step=step: c % step == 0),
            "reduction",
        )
        for step, word in ((2, "second"), (4, "fourth"), (8, "eighth"), (16, "sixteenth"))
    ),
    Formula(
        "layernorm with the first lane of each warp alone in its sums",
        HALVES,
        partial(lambda c: c % 32 == 0),
        "reduction",
    ),
    *(
        Formula(
            f"layernorm with the first warp alone in its sums (blocks of {block})",
            WARPS,
            partial(lambda c, block=block: c % block < 32),
            "reduction",
        )
        for block in BLOCKS[1:]
    ),
    *(
        Formula(
            f"layernorm without the last warp in its sums (blocks of {block})",
            WARPS,
            partial(lambda c, block=block: c % block < block - 32),
            "reduction",
        )
        for block in BLOCKS[2:]
    ),
    *(
        Formula(
            "layernorm in which each thread has its own columns alone in its sums, not the total"
            f" (blocks of {block})",
            EVERYONE,
            own_columns(block),
            "reduction",
        )
        for block in BLOCKS
    ),
]
