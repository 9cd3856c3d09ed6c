"""Which elements are wrong, in words; and a first and a worst one to look at."""

import numpy as np

from grader.kernels.runs import GUARD_MARKS, OUTPUT_MARK, QUIET_NAN, Outcome

PAYLOAD = 0x003FFFFF  # the bits of a quiet NaN that say where it comes from


def describe(mask: np.ndarray) -> str:
    """The set bits of a mask (rows, cols), not empty: "the last 3 columns", "the last row", ..."""
    rows, cols = mask.shape
    flat = mask.ravel()
    count, first = int(flat.sum()), int(flat.argmax())
    if count == flat.size:
        return "every element"
    bad_rows, bad_cols = mask.any(axis=1), mask.any(axis=0)
    if mask[bad_rows].all():  # whole rows
        n, start = int(bad_rows.sum()), int(bad_rows.argmax())
        if start + n == rows:
            return "every row but the first" if n == rows - 1 and n > 1 else _some("last", n, "row")
        return (
            _some("first", n, "row") if start == 0 and bad_rows[:n].all() else f"{n} of {rows} rows"
        )
    if mask[:, bad_cols].all():  # whole columns
        n, start = int(bad_cols.sum()), int(bad_cols.argmax())
        if start + n == cols:
            return _some("last", n, "column") + (" of each row" if rows > 1 else "")
        if start == 0 and bad_cols[:n].all():
            return _some("first", n, "column") + (" of each row" if rows > 1 else "")
        return f"{n} of {cols} columns"
    if flat[first:].all():
        return f"the last {count} elements"
    return f"{count} of {flat.size} elements, scattered"


def _some(which: str, n: int, what: str) -> str:
    return f"the {which} {what}" if n == 1 else f"the {which} {n} {what}s"


def is_tail(mask: np.ndarray) -> bool:
    """Set from some element to the end, as when the grid is too small."""
    flat = mask.ravel()
    return bool(flat.any() and flat[flat.argmax() :].all())


def element(outcome: Outcome, flat_index: int, out: np.ndarray) -> str:
    """out[1][2] = 0.5, expected 0.25"""
    row, col = (int(i) for i in np.unravel_index(flat_index, out.shape))
    got, expected = float(out[row, col]), float(outcome.expected[row, col])
    shown = "never written" if outcome.unwritten[row, col] and out is outcome.out else f"{got:.8g}"
    return f"out[{row}][{col}] = {shown}, expected {expected:.8g}"


def summary(outcome: Outcome) -> tuple[str, dict]:
    """Two lines for the message (first and worst wrong element), and figures for the report."""
    out, wrong = outcome.out, outcome.wrong
    if not wrong.any():
        out, wrong = outcome.reversed_out, outcome.reversed_wrong
    error = np.abs(out.astype(np.float64) - outcome.expected)
    error = np.where(np.isnan(error), np.inf, error)
    first = int(wrong.ravel().argmax())
    excess = np.where(wrong, error / outcome.bound, 0)
    worst = int(excess.argmax())
    count = int(wrong.sum())
    where = describe(wrong)
    text = f"{count} of {wrong.size} elements are wrong"
    text += "." if "scattered" in where else f": {where}."
    text += f"\nFirst: {element(outcome, first, out)}."
    finite = np.isfinite(error.ravel()[worst])
    if finite and worst != first:
        size = error.ravel()[worst]
        text += (
            f"\nWorst: {element(outcome, worst, out)} (off by {size:.3g}, allowed"
            f" {outcome.bound.ravel()[worst]:.1g})."
        )
    figures = {
        "case": outcome.case.name,
        "wrong_elements": count,
        "elements": int(wrong.size),
        "first_wrong": [int(i) for i in np.unravel_index(first, wrong.shape)],
        "worst_error": float(error.ravel()[worst]),
        "allowed_there": float(outcome.bound.ravel()[worst]),
    }
    return text, figures


def nan_origins(outcome: Outcome) -> dict[str, np.ndarray]:
    """For each origin that a NaN's bits name, where those NaNs are. "": origin unknown."""
    nan = np.isnan(outcome.out) & ~outcome.unwritten
    payload = outcome.out.view(np.uint32) & PAYLOAD
    origins = {}
    for name, mark in [*GUARD_MARKS.items(), ("old out", OUTPUT_MARK & ~QUIET_NAN)]:
        found = nan & (payload == mark)
        if found.any():
            origins[name] = found
        nan = nan & ~found
    if nan.any():
        origins[""] = nan
    return origins
