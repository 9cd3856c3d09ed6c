"""Wrong outputs of gelu, layernorm and linear: what was seen, and the likeliest cause."""

import numpy as np

from grader.diagnosis import patterns
from grader.diagnosis.cause import Cause
from grader.diagnosis.sizes import TAGS, by_size
from grader.kernels.formulas import FORMULAS, Formula
from grader.kernels.runs import Outcome
from grader.outcome import Failure

UNKNOWN = (
    "The cause was not recognised. Work out the first wrong element by hand and compare; printf"
    " works in a kernel."
)


def explain(outcomes: list[Outcome]) -> Failure:
    """The outcomes of all cases that ran, at least one of them not ok -> a Failure to raise."""
    bad = [outcome for outcome in outcomes if not outcome.ok]
    counts = {"cases": len(outcomes), "failed_cases": len(bad)}
    if cause := never_written(outcomes, bad):
        return Failure(cause.text, cause.hint, counts)
    cause, shown = None, bad[0]
    for rule in RULES:
        if found := rule(outcomes, bad):
            cause, shown = found
            break
    if shown.wrong.any() or shown.reversed_wrong.any():
        text, figures = patterns.summary(shown)
    else:
        text, figures = "every element of out is right, but:", {"case": shown.case.name}
    message = f"{shown.case.name}: {text}"
    if len(outcomes) > 1:
        message += f"\n{len(bad)} of {len(outcomes)} cases failed."
    message += f"\n{cause.text}" if cause else "\nCause not recognised."
    return Failure(message, cause.hint if cause else UNKNOWN, figures | counts)


def never_written(outcomes: list[Outcome], bad: list[Outcome]) -> Cause | None:
    """A stub, or a kernel that isn't launched: no element has changed in any case."""
    if len(bad) < len(outcomes) or not all(o.unwritten.all() and not o.overruns for o in bad):
        return None
    name = bad[0].case.function
    return Cause(
        f"{name} writes nothing: every element of out is as it was before the call. It is not"
        " written yet, or its kernel does not run.",
        f"If you have not written it yet: find TODO {name} in gpt.cu and follow its steps."
        " Otherwise: is the kernel launched with at least one block, and does it get past its"
        " bounds check?",
    )


# Each rule gets all outcomes and the bad ones; it returns a cause with the outcome that shows it.


def inputs_changed(outcomes, bad):
    for o in bad:
        if o.changed_inputs:
            names = " and ".join(o.changed_inputs)
            return (
                Cause(
                    f"{names} changed during the call: the kernel writes to its inputs.",
                    "Inputs belong to the caller, who uses them again. Keep intermediate values in"
                    " registers or shared memory.",
                ),
                o,
            )
    return None


OVERRUN_HINTS = {
    "gelu": (
        "The number of threads is rounded up to whole blocks, so the last block has threads without"
        " an element. What must they do? (A bounds check is missing or off by one.)"
    ),
    "layernorm": (
        "Each row has num_cols elements: where does each thread's loop over the columns end?"
    ),
    "linear": (
        "The last block of a row or column of blocks reaches over the edge of out when m or n is"
        " not a multiple of the tile. Which threads may write? (A bounds check is missing or off by"
        " one.)"
    ),
}


def wrote_outside(outcomes, bad):
    for o in bad:
        if o.overruns:
            run = max(o.overruns, key=lambda run: run.farthest)
            edge = "past the end of" if run.side == "after" else "before the start of"
            many = f"{run.count} stray elements, the farthest {run.farthest} beyond the edge"
            stray = many if run.count > 1 else f"1 stray element, {run.farthest} beyond the edge"
            text = f"The kernel writes {edge} {run.buffer}: {stray}."
            return Cause(text, OVERRUN_HINTS[o.case.function]), o
    return None


def known_formula(outcomes, bad):
    """The output equals a wrong formula everywhere that it is wrong."""
    if any(o.order_matters for o in bad):
        return None
    # Rows of one value divide rounding errors by 0: they say nothing, unless they are all there is.
    telling = [o for o in bad if "flat" not in o.case.tags] or bad
    for formula in FORMULAS[bad[0].case.function]:
        equal = [_equal_share(formula, o) for o in telling]
        if min(equal) >= 0.995:
            finite = [o for o in telling if np.isfinite(o.out).all()]
            shown = (finite or telling)[0]
            return Cause(f"Your output equals {formula.cause}.", formula.hint), shown
    return None


def _equal_share(formula: Formula, o: Outcome) -> float:
    """The share of elements that equal a formula's (or are wrong, where that is NaN)."""
    with np.errstate(all="ignore"):
        values = formula.compute(o.case)
        got = o.out.astype(np.float64)
        size = np.abs(values) + np.abs(o.expected)
        same = np.abs(got - values) <= 4 * o.bound + 1e-5 * size
    same |= ~np.isfinite(values) & o.wrong
    return float((same & ~o.unwritten).mean())


def race(outcomes, bad):
    """The result depends on the order in which the threads of a block run."""
    racing = [o for o in bad if o.order_matters]
    if not racing:
        return None
    name = racing[0].case.function
    hint = (
        "Between a write to shared memory and a read by another thread, all threads must meet. "
        "The same holds between a read and the next write to the same place."
    )
    if name == "linear":
        single = any(o.case.sizes["k"] <= 8 or o.case.sizes["k"] in (29, 31, 32) for o in racing)
        if single:
            hint = (
                "It happens with one step along k already: are the tiles complete when the threads"
                " begin to use them? Who waits for whom between loading and multiplying?"
            )
        else:
            hint = (
                "It happens only with several steps along k: a fast thread loads the next tile"
                " while others still use this one. Who waits for whom at the end of a step?"
            )
    if name == "layernorm":
        hint += " A reduction used twice uses its shared memory twice: what separates the two uses?"
    return (
        Cause(
            "The result changes with the order in which the threads of a block run: a race. A"
            " barrier (__syncthreads) is missing.",
            hint,
        ),
        racing[0],
    )


def partly_written(outcomes, bad):
    for o in bad:
        if not o.unwritten.any():
            continue
        where = patterns.describe(o.unwritten)
        if o.unwritten.all():
            hint = (
                "In this case no block ran, or all threads left early: is the number of blocks"
                " rounded up, and can it be 0?"
            )
        elif where == "every row but the first":
            hint = (
                "How does a thread find its row? Is there a block (or a step of a loop) for each"
                " row?"
            )
        elif "column" in where and o.case.shape[0] > 1 and o.case.function == "linear":
            hint = (
                "Which blocks cover these columns? The grid needs n / TILE of them, rounded up, in"
                " the direction that the kernel takes for columns."
            )
        elif "column" in where and o.case.shape[0] > 1:
            hint = "The end of each row is left out: a loop over the columns needs a stride."
        elif patterns.is_tail(o.unwritten):
            hint = (
                "The end is left out: is the grid rounded down, or too small? n / block blocks"
                " leave out the rest of the division."
            )
        else:
            hint = (
                "Which thread is responsible for these elements? Check the index and the bounds"
                " check."
            )
        return Cause(f"Never written: {where}.", hint), o
    return None


NAN_CAUSES = {
    "in": "read past the edge of in",
    "weight": "read past the edge of weight",
    "bias": "read past the edge of bias",
    "out": "read past the edge of out",
}


def not_a_number(outcomes, bad):
    """NaNs that say by their bits where they come from."""
    for o in bad:
        origins = patterns.nan_origins(o)
        for name, what in NAN_CAUSES.items():
            if name in origins:
                where = patterns.describe(origins[name])
                return (
                    Cause(
                        f"NaN in {where}: the kernel {what}.",
                        "Check the index of that read. Elements past the edge of a matrix must"
                        " count as 0, or not be read at all.",
                    ),
                    o,
                )
        if "old out" in origins:
            return (
                Cause(
                    "NaN: the kernel reads out before it has written it.",
                    "out holds anything when the call begins. Add up in a register, and write"
                    " once.",
                ),
                o,
            )
    return None


def nan_from_large_values(outcomes, bad):
    """gelu: NaN for the largest inputs only, or the most negative ones."""
    for o in bad:
        nan = np.isnan(o.out) & ~o.unwritten
        if o.case.function != "gelu" or not nan.any() or nan.all():
            continue
        x = np.asarray(o.case.inputs["in"]).reshape(o.out.shape)
        if x[nan].min() >= x[~nan].max() or x[nan].max() <= x[~nan].min():
            return Cause(*TAGS["large"]), o
    return None


def any_nan(outcomes, bad):
    for o in bad:
        nan = np.isnan(o.out) & ~o.unwritten
        if not nan.any():
            continue
        uses_shared = o.case.function != "gelu"
        return (
            Cause(
                f"NaN in {patterns.describe(nan)}."
                + (
                    " Shared memory starts out as NaN here: it may be read before it is written."
                    if uses_shared
                    else ""
                ),
                (
                    "Is every element of shared memory that is read also written, and do all"
                    " threads wait in between? Tile elements past an edge must be set to 0."
                    if uses_shared
                    else (
                        "Which operation can give NaN: infinity - infinity, infinity / infinity, 0"
                        " / 0?"
                    )
                ),
            ),
            o,
        )
    return None


RULES = (
    inputs_changed,
    wrote_outside,
    known_formula,
    race,
    partly_written,
    not_a_number,
    by_size,
    nan_from_large_values,
    any_nan,
)
