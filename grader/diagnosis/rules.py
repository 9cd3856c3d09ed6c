"""What wrong outputs have in common, one rule for each kind of evidence.

Each gets all outcomes and the bad ones, and returns a cause with the outcome that shows it, or
None. They are tried in the order of RULES: what says most comes first.
"""

import numpy as np

from grader.diagnosis import patterns
from grader.diagnosis.cause import Cause
from grader.diagnosis.sizes import TAGS, by_size
from grader.kernels.formulas import FORMULAS, Formula
from grader.kernels.runs import Outcome


def inputs_changed(outcomes, bad):
    for o in bad:
        if o.changed_inputs:
            names = " and ".join(o.changed_inputs)
            return (
                Cause(
                    f"{names} changed during the call: the kernel writes to its inputs.",
                    "Inputs belong to the caller, who uses them again. Keep intermediate values in"
                    " registers or shared memory.",
                    "aliasing",
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
            return Cause(text, OVERRUN_HINTS[o.case.function], "bounds"), o
    return None


def known_formula(outcomes, bad):
    """The output equals a wrong formula everywhere that it is wrong."""
    strayed = any(o.overruns for o in bad)
    # Rows of one value divide rounding errors by 0: they say nothing, unless they are all there is.
    telling = [o for o in bad if "flat" not in o.case.tags] or bad
    for formula in FORMULAS[bad[0].case.function]:
        if (formula.strays or not strayed) and all(_equals(formula, o) for o in telling):
            finite = [o for o in telling if np.isfinite(o.out).all()]
            shown = (finite or telling)[0]
            return Cause(f"Your output equals {formula.cause}.", formula.hint, formula.idea), shown
    return None


def _equals(formula: Formula, o: Outcome) -> bool:
    """Whether an output is a formula's, in both orders of threads. Where that is unknown (NaN) it
    has to be wrong, and where anything may be (infinity), that is no evidence."""
    with np.errstate(all="ignore"):
        values = formula.compute(o.case)
        known, anything = np.isfinite(values), np.isinf(values)
        size = np.abs(values) + np.abs(o.expected)
        outs = [(o.out, o.wrong)]
        if o.reversed_out is not None:
            outs.append((o.reversed_out, o.reversed_wrong))
        for out, wrong in outs:
            same = np.abs(out.astype(np.float64) - values) <= 4 * o.bound + 1e-5 * size
            same = np.where(known, same, anything | wrong)
            if same.mean() < 0.995:
                return False
    return True


def whole_sums(outcomes, bad):
    """linear: what is added to the bias is a whole number, everywhere."""
    if bad[0].case.function != "linear" or any(o.overruns or o.unwritten.any() for o in bad):
        return None
    largest = 0.0
    for o in bad:
        bias = o.case.inputs["bias"]
        sums = o.out.astype(np.float64) - (0 if bias is None else bias)
        if not np.isfinite(sums).all():
            return None
        if (
            np.abs(sums).max() < 1e5
            and (np.abs(sums - np.rint(sums)) > 1e-6 * (np.abs(o.out) + 1)).any()
        ):
            return None
        largest = max(largest, np.abs(sums).max())
    if largest < 0.5:
        return (
            Cause(
                "Each of your sums, without the bias, is 0: no product is in it.",
                "Is the variable that you add to the one that you write to out?",
                "linear_formula",
            ),
            bad[0],
        )
    return (
        Cause(
            "Each of your sums, without the bias, is a whole number: the products are added up in"
            " an int.",
            "Which type has the variable that holds the sum?",
            "integer",
        ),
        bad[0],
    )


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
            f"{hint} (If the barriers are there: has each variable a value before it is used?)",
            "barrier",
        ),
        racing[0],
    )


def adds_to_out(outcomes, bad):
    """What seemed not to be written is, where out held zeros before."""
    for o in bad:
        if o.adds_to_out:
            return READS_OUT, o
    return None


READS_OUT = Cause(
    "NaN: the kernel reads out before it has written it.",
    "out holds anything when the call begins. Add up in a register, and write once.",
    "aliasing",
)


def how_far(outcomes, bad):
    """gelu: how many elements are written at each size says how the index or grid is wrong."""
    if bad[0].case.function != "gelu" or any(o.overruns for o in bad):
        return None
    partly = [o for o in bad if patterns.is_tail(o.unwritten) and not o.unwritten.all()]
    sizes = np.array([o.out.size for o in partly])
    written = np.array([o.out.size - int(o.unwritten.sum()) for o in partly])
    if len(partly) < 2 or len({*sizes}) < 2:
        return None
    for block in (32, 64, 128, 256, 512, 1024):
        blocks = -(-sizes // block)
        if (written == block).all() and (sizes // block > 1).any():
            return (
                Cause(
                    f"Only the first {block} elements are ever written: every block works on the"
                    " same ones, or there is only one block.",
                    "Which element is this thread's? The index needs the number of its block"
                    " (blockIdx.x) too.",
                    "grid",
                ),
                partly[0],
            )
        # Block b begins at b * gridDim.x where blocks overlap, and the last one reaches farthest.
        if (written == np.minimum(sizes, (blocks - 1) * blocks + block)).all():
            return (
                Cause(
                    f"Never written: {patterns.describe(partly[0].unwritten)}. It fits an index in"
                    " which the blocks begin gridDim.x elements apart, not blockDim.x.",
                    "How many elements come before those of this block? blockDim.x is the number"
                    " of threads in a block, gridDim.x that of blocks.",
                    "grid",
                ),
                partly[0],
            )
    return None


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
        return Cause(f"Never written: {where}.", hint, "grid"), o
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
                        "bounds",
                    ),
                    o,
                )
        if "old out" in origins:
            return READS_OUT, o
    return None


def nan_from_large_values(outcomes, bad):
    """gelu: NaN for the largest inputs only, or the most negative ones."""
    for o in bad:
        nan = np.isnan(o.out) & ~o.unwritten
        if o.case.function != "gelu" or not nan.any() or nan.all():
            continue
        x = np.asarray(o.case.inputs["in"]).reshape(o.out.shape)
        if x[nan].min() >= x[~nan].max() or x[nan].max() <= x[~nan].min():
            return Cause(*TAGS["large"], "gelu_formula"), o
    return None


def nan_in_flat_rows(outcomes, bad):
    """layernorm: NaN where all values of a row are equal, and nowhere else."""
    if bad[0].case.function != "layernorm":
        return None
    nans = [np.isnan(o.out) & ~o.unwritten for o in bad]
    for o, nan in zip(bad, nans, strict=True):
        x = np.asarray(o.case.inputs["in"]).reshape(o.out.shape)
        if nan[np.ptp(x, axis=1) > 0].any():
            return None
    for o, nan in zip(bad, nans, strict=True):
        if nan.any():
            _, hint, idea = TAGS["flat"]
            return Cause("NaN in rows of equal values, where the variance is 0.", hint, idea), o
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
                "shared" if uses_shared else "gelu_formula",
            ),
            o,
        )
    return None


def read_outside(outcomes, bad):
    """NaNs from past the edge: what lies there may make the order of threads matter."""
    found = not_a_number(outcomes, bad)
    return found if found and found[0].idea == "bounds" else None


RULES = (
    inputs_changed,
    known_formula,
    whole_sums,
    wrote_outside,
    read_outside,
    race,
    adds_to_out,
    how_far,
    partly_written,
    not_a_number,
    by_size,
    nan_from_large_values,
    nan_in_flat_rows,
    any_nan,
)
