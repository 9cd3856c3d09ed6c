"""What the kernels ask of memory at GPT-2's sizes, counted by simt, against the reference's.

Counted, not timed: the same to the last digit at every grading and on every machine. Where gpt.cu
runs on a GPU there is nothing to count with.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from grader import evidence
from grader.checks.kernels import KERNELS, expected, remark
from grader.client import Worker
from grader.diagnosis import traffic as diagnosis
from grader.framework import Context, GraderError, check
from grader.kernels import traced
from grader.kernels.cases import Case, gpt2_case
from grader.kernels.traffic import Traffic, traffic
from grader.outcome import Failure, NotMeasured, Passed
from grader.rubric import Entry
from grader.rules.verdict import require
from grader.scoring import Place, reason
from mingpt.paths import ROOT
from simt.lines import Run, output_of
from simt.profiling import read_profiles

# Of each launch 8 blocks are looked at, evenly spread, and what they do is multiplied up. A block
# that is watched may take long: that is no endless loop, for the kernels have passed.
VARIABLES = {"SIMT_BLOCKS": "8", "SIMT_TIMEOUT": "60"}

# Sectors of references that a student's machine may not have, as counted by simt (a test counts
# again). They have no bank conflicts.
KNOWN = {
    "solutions/ladder/2_tiled_linear": {"gelu": 49_152, "layernorm": 36_864, "linear": 307_200}
}


def known(reference: str) -> dict[str, Traffic]:
    """The traffic of a reference that is not here."""
    nothing = {"wasted": 0, "passes": 0, "extra_passes": 0, "flops": 0}
    lines = {"most": None, "most_wasted": None, "most_extra": None}
    return {
        name: Traffic(sectors, **nothing, **lines) for name, sectors in KNOWN[reference].items()
    }


@check("traffic", needs=KERNELS, device="cpu")
def memory_traffic(context: Context) -> Passed:
    """Memory traffic of your kernels, against the reference's"""
    rubric = context.rubric
    reference, others = ROOT / rubric.reference, remark(context, "not counted")
    cases = [gpt2_case(function, context.rng) for function in expected(context)]
    student = counted(context, context.submission, cases, arithmetic=True)
    if reference.is_dir():
        try:
            compared = counted(context, reference, cases)
        except Failure as error:
            name = rubric.reference
            raise GraderError(f"the reference ({name}) can't be counted: {error}") from error
    elif rubric.reference in KNOWN:
        compared = known(rubric.reference)
    else:
        told = ", ".join(f"{name} {t.cost:,.0f}" for name, t in student.items())
        raise NotMeasured(
            f"Sectors of 32 bytes: {told}. No points are at stake here: the reference to compare"
            f" with ({rubric.reference}) is not on this machine. {others}".rstrip(),
            figures_of(student),
        )
    return judge(student, compared, rubric, cases, others)


def counted(
    context: Context, submission: Path, cases: list[Case], arithmetic: bool = False
) -> dict[str, Traffic]:
    """Each function's traffic, in a worker of its own. Raises Failure."""
    limit = context.rubric.time_limit
    with context.worker(variables=VARIABLES, submission=submission) as worker:
        if submission == context.submission:  # #if can tell its builds apart
            path = worker.show(traced.build(worker, submission, "profile", limit))
            require(context.session, worker, "inspect_library", limit, path=path)
        return count(worker, submission, cases, limit, context.session.rubric, arithmetic)


def count(
    worker: Worker,
    submission: Path,
    cases: list[Case],
    limit: float,
    rubric,
    arithmetic: bool = False,
) -> dict[str, Traffic]:
    """The same in a given worker. Raises also RequestFailed and WorkerFailed."""
    deadline = time.monotonic() + limit
    library = traced.build(worker, submission, "profile", limit)
    traced.load(worker, library, limit)
    found = {}
    for case in cases:
        remaining = max(0.1, deadline - time.monotonic())
        out, text = traced.run(worker, "profiled", case, remaining)
        if traced.is_wrong(case, out, rubric[case.function].slack):
            raise Failure(f"{case.name}: when its traffic is counted, the result is wrong.")
        found[case.function] = read(
            text, library, case, arithmetic, traced.tools(worker, remaining)
        )
    return found


def read(
    text: str, library: Path, case: Case, arithmetic: bool = False, run: Run = output_of
) -> Traffic:
    """simt's counts. Raises Failure for what they can't be: the submission could have made them."""
    try:
        counts = traffic(read_profiles(text, library, arithmetic=arithmetic, run=run))
    except ValueError as error:
        raise Failure(f"What came back as simt's counts can't be read. {error}") from None
    if counts.sectors * 32 < 4 * np.prod(case.shape):
        raise Failure(
            f"{case.name}: the kernels move less than the output takes.",
            "The work belongs in kernels, not in the function that launches them.",
        )
    return counts


def judge(
    student: dict[str, Traffic],
    reference: dict[str, Traffic],
    rubric: Entry,
    cases: Sequence[Case] = (),
    others: str = "",
) -> Passed:
    """The mean of the kernels' shares, weighted by what the reference moves in each, as Passed; a
    Failure where it is 0.

    cases: that were counted, for the report. others: a line on the kernels left out.
    """
    curve = rubric.full_ratio, rubric.zero_ratio
    ratios = {name: student[name].cost / reference[name].cost for name in student}
    places = [Place(name, ratio, ratio, ratio) for name, ratio in ratios.items()]
    shares = {place.name: place.share(*curve) for place in places}
    told = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    message = f"Against the reference's traffic: {told}."
    causes = [
        diagnosis.explain(name, student[name], reference[name])
        for name, share in shares.items()
        if share < 1
    ]
    if causes:
        message = "\n".join([*(cause.text for cause in causes), message])
    remarks = [r for name in student for r in diagnosis.remarks(name, student[name].calls)]
    message = "\n".join(filter(None, [message, *(one.text for one in remarks), others]))
    causes += remarks
    hint = " ".join(dict.fromkeys(cause.hint for cause in causes))
    figures = figures_of(student) | {
        **{f"{name}_reference_sectors": t.sectors for name, t in reference.items()},
        **{f"{name}_ratio": ratio for name, ratio in ratios.items()},
        "full_marks_ratio": rubric.full_ratio,
        "zero_ratio": rubric.zero_ratio,
    }
    weights = [reference[name].cost for name in shares]
    share = float(np.average(list(shares.values()), weights=weights))
    lost = "\n".join(filter(None, (reason(place, *curve) for place in places)))
    drawn = evidence.curve(places, *curve) | evidence.memory_traffic(cases, student, reference)
    idea = causes[0].idea if causes else ""
    if share == 0:
        raise Failure(f"{message}\n{lost}", hint, figures, idea=idea, evidence=drawn)
    return Passed(message, hint, figures, share, lost, idea, drawn)


def figures_of(student: dict[str, Traffic]) -> dict:
    return {
        **{f"{name}_sectors": t.sectors for name, t in student.items()},
        **{f"{name}_extra_passes": t.extra_passes for name, t in student.items()},
    }
