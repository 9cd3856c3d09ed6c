"""gelu, layernorm and linear against float64, on sizes and values that break assumptions."""

import time

from grader.client import RequestFailed, WorkerFailed
from grader.diagnosis import kernels as diagnosis
from grader.diagnosis.faults import ADDRESS_FAULTS, explain
from grader.diagnosis.memory import listed
from grader.framework import Context, check
from grader.kernels.cases import CASES, Case, turned
from grader.kernels.recorded import Finding, watched
from grader.kernels.runs import Outcome, run
from grader.outcome import Failure, NotMeasured, Passed

KERNELS = ("gelu", "layernorm", "linear")


def expected(context: Context) -> tuple[str, ...]:
    """The kernels that a check of several looks at: those that the labs so far have taught.

    Raises NotMeasured where there is none.
    """
    names = tuple(name for name in KERNELS if name not in context.later)
    if not names:
        raise NotMeasured(f"Nothing to look at yet: {remark(context, 'to be written')}")
    return names


def remark(context: Context, so_far: str) -> str:
    """Which kernels are not looked at, and until when: "linear: torch's, until lab 3." """
    if not context.later:
        return ""
    labs = [str(stage) for stage in sorted(set(context.later.values()))]
    lab = "lab" if len(labs) == 1 else "labs"
    return f"{listed(list(context.later))}: {so_far}, until {lab} {listed(labs)}."


@check("gelu", needs=("build",))
def gelu(context: Context) -> Passed:
    """gelu is right at any size"""
    return all_cases(context)


@check("layernorm", needs=("build",))
def layernorm(context: Context) -> Passed:
    """layernorm is right at any size, also far from 0"""
    return all_cases(context)


@check("linear", needs=("build",))
def linear(context: Context) -> Passed:
    """linear is right for any m, n and k, with and without a bias"""
    return all_cases(context)


def all_cases(context: Context) -> Passed:
    """Those of the kernel that the check is named after."""
    return run_cases(context, CASES[context.id](context.rng), context.rubric.slack)


def run_cases(context: Context, cases: list[Case], slack: float) -> Passed:
    """The cases of one kernel, in a worker of their own. Raises Failure with a diagnosis.

    The last one comes once more, in the same memory, with its values in another order.
    slack: times the rounding error that the formula's float32 arithmetic must have.
    """
    cases = [*cases, turned(cases[-1])]
    outcomes: list[Outcome] = []
    deadline = time.monotonic() + context.rubric.time_limit
    with context.worker() as worker:
        case = None
        try:
            worker.ask(
                "load_library",
                path=worker.show(context.session.library),
                device=context.device,
                limit=context.rubric.time_limit,
            )
            for case in cases:
                remaining = max(0.1, deadline - time.monotonic())
                on_cpu = context.device == "cpu"
                outcomes.append(run(worker, case, slack, remaining, on_cpu))
            flags = ()
            if all(outcome.ok for outcome in outcomes):
                finding = watched(worker, *outcomes[-2:], remaining)
                flags = judged(finding, outcomes[-2].case)
        except (RequestFailed, WorkerFailed) as error:
            if all(outcome.ok for outcome in outcomes):
                raise fault_in(case, explain(error), outcomes) from error
            # An earlier case shows the same mistake better than the crash that it led to.
    if not all(outcome.ok for outcome in outcomes):
        failure = diagnosis.explain(outcomes)
        first = next(outcome.case for outcome in outcomes if not outcome.ok)
        if outcomes[0].ok and right_by_itself(context, first, slack):
            failure = diagnosis.left_behind(failure, first.name)
        raise failure
    worst = max(outcomes, key=_error_share)
    return Passed(
        figures={
            "cases": len(outcomes),
            "largest_error_of_bound": round(_error_share(worst), 4),
            "in_case": worst.case.name,
        },
        flags=flags,
    )


def judged(finding: Finding, case: Case) -> tuple[str, ...]:
    """Flags. Raises Failure for what kernels have not computed, or not on the right stream."""
    if finding == Finding.ELSEWHERE:
        raise diagnosis.other_stream(case)
    if finding == Finding.EARLY:
        raise diagnosis.not_by_kernels(case)
    if finding == Finding.UNKNOWN:
        return (
            f"{case.function} can't be recorded and run later: it waits for its kernels, or for"
            " memory. So nobody has seen that its kernels compute the result, and not the CPU.",
        )
    return ()


def right_by_itself(context: Context, case: Case, slack: float) -> bool:
    """Whether a case that is wrong after others is right as the first call of a process."""
    limit = context.rubric.time_limit
    try:
        with context.worker() as worker:
            path, device = worker.show(context.session.library), context.device
            worker.ask("load_library", path=path, device=device, limit=limit)
            return run(worker, case, slack, limit, device == "cpu").ok
    except (Failure, RequestFailed, WorkerFailed):
        return False


def _error_share(outcome: Outcome) -> float:
    return float((abs(outcome.out - outcome.expected) / outcome.bound).max())


def fault_in(case: Case | None, failure: Failure, outcomes: list[Outcome]) -> Failure:
    """A crash or a report, with the case in which it came."""
    if case is None:
        return failure
    hint = failure.hint
    had_bias = [outcome for outcome in outcomes if "null bias" not in outcome.case.tags]
    first_without = "null bias" in case.tags and len(had_bias) == len(outcomes) > 0
    if first_without and failure.figures.get("fault") in ADDRESS_FAULTS:
        hint = (
            "Every case with a bias was right; here bias is NULL, as for GPT-2's lm_head: then"
            " nothing is added, and nothing may be read."
        )
    figures = failure.figures | {"case": case.name, "cases_before": len(outcomes)}
    return Failure(f"{case.name}: {failure.message}", hint, figures, idea=failure.idea)
