"""What reports draw, as small plain data in a check's `evidence`.

docs/grading.md and report/schema.json describe the forms; report/drawings.py draws them.
"""

from dataclasses import asdict

import numpy as np

from grader.kernels.cases import Case
from grader.kernels.traffic import Traffic
from grader.scoring import Place
from simt.profiling import Access

CELLS = 64  # of an error map, along a side at most
LANES = 32
MOST_ACCESSES = 3  # of a function, in its traffic
LONGEST = 80  # characters of a name from a submission


def errors(case: str, wrong: np.ndarray) -> dict:
    """{"errors": ...}: where an output (rows, cols) is wrong, as a coarse map.

    A cell has 1, 2, 4, ... elements along each side, so that the edges of tiles are edges of cells.
    It is one character of its row's text: "." none wrong, "1" to "9" some, "#" all.
    """
    rows, cols = wrong.shape
    cell = [cell_size(rows), cell_size(cols)]
    starts = [range(0, size, step) for size, step in zip(wrong.shape, cell, strict=True)]

    def total(mask: np.ndarray) -> np.ndarray:
        by_rows = np.add.reduceat(mask.astype(np.int64), starts[0], axis=0)
        return np.add.reduceat(by_rows, starts[1], axis=1)

    shares = total(wrong) / total(np.ones_like(wrong))
    first = np.unravel_index(int(wrong.ravel().argmax()), wrong.shape)
    return {
        "errors": {
            "case": case,
            "shape": [rows, cols],
            "cell": cell,
            "first": [int(i) for i in first],
            "cells": ["".join(_letter(share) for share in row) for row in shares],
        }
    }


def cell_size(elements: int) -> int:
    """The smallest power of two that needs no more than CELLS cells."""
    size = 1
    while elements > size * CELLS:
        size *= 2
    return size


def _letter(share: float) -> str:
    return "." if share == 0 else "#" if share == 1 else str(1 + int(9 * share))


def curve(places: list[Place], full: float, zero: float, precision: float = 0.0) -> dict:
    """{"curve": ...}: from ratio to points, and the places on it.

    precision: to which a ratio must be known for the benefit of the doubt.
    """
    ends = {"full_ratio": full, "zero_ratio": zero, "precision": precision}
    return {"curve": {**ends, "places": [asdict(place) for place in places]}}


def ladder(rung: str, student: float, reference: float, ratio: float) -> dict:
    """{"ladder": ...}: tokens/s beside those of a rung, on the same machine.

    ratio: the median of the pairs', which is not quite that of the medians.
    """
    return {
        "ladder": {
            "rung": rung,
            "tokens_per_s": float(student),
            "reference_tokens_per_s": float(reference),
            "ratio": float(ratio),
        }
    }


def memory_traffic(
    cases: list[Case], student: dict[str, Traffic], reference: dict[str, Traffic]
) -> dict:
    """{"traffic": [...]}: of each function, with the requests that cost most."""
    return {
        "traffic": [
            {
                "function": case.function,
                "case": case.name,
                "sectors": student[case.function].sectors,
                "extra_passes": student[case.function].extra_passes,
                "reference_sectors": reference[case.function].sectors,
                "ratio": student[case.function].cost / reference[case.function].cost,
                "flops": student[case.function].flops,
                "array_bytes": array_bytes(case),
                "accesses": [_plain(access) for access in costliest(student[case.function])],
            }
            for case in cases
        ]
    }


def array_bytes(case: Case) -> int:
    """Of inputs and output: what must be moved at least."""
    inputs = sum(array.nbytes for array in case.inputs.values() if array is not None)
    return inputs + 4 * case.shape[0] * case.shape[1]


def costliest(traffic: Traffic) -> list[Access]:
    """The access with most sectors; those with most waste and most bank conflicts, if any."""
    lines = [traffic.most]
    lines += [line for line in (traffic.most_wasted, traffic.most_extra) if line and line.amount]
    found: list[Access] = []
    for line in lines:
        if line and line.access not in found:
            found.append(line.access)
    return found


def _plain(access: Access) -> dict:
    """The fields of an Access. Names are a submission's, and so is whatever else is in them."""
    data = asdict(access)
    for name in ("line", "array"):
        data[name] = data[name][:LONGEST]
    sample = data["sample"] if isinstance(data["sample"], list) else []
    data["sample"] = [offset for offset in sample[:LANES] if type(offset) is int]
    return data
