"""A wrong formula that students really write, computed in float64 by the grader."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from grader.kernels.cases import Case

Array = np.ndarray


@dataclass(frozen=True)
class Formula:
    """If a wrong output equals it everywhere, the mistake has a name.

    compute: a Case -> the output (rows, cols) that the mistake would give. NaN where it is unknown,
    and wrong in any case; infinity where it may be anything.
    """

    cause: str  # completes "your output equals ..."
    hint: str
    compute: Callable[[Case], Array]
    idea: str = ""  # in grader/ideas.py
    strays: bool = False  # it writes outside of the output, too


def input_of(case: Case) -> Array:
    return case.inputs["in"].astype(np.float64)
