"""gpt.cu under simt's memory checker: what gives the right values here may not on a GPU.

Always on the CPU, wherever the other checks run. A kernel that computes nothing has no race either:
it counts only if its own check has passed. One that failed is looked at all the same, for a report
with a line says more than a wrong value.
"""

import time
from pathlib import Path

from grader.checks.kernels import KERNELS, expected, remark
from grader.diagnosis.memory import Findings, judge
from grader.framework import Context, check
from grader.kernels import traced
from grader.kernels.cases import small_cases
from grader.outcome import Failure, NotMeasured, Passed
from grader.rules.verdict import require
from simt.report import Checked


@check("memory", needs=("build",), after=KERNELS)
def memory(context: Context) -> Passed:
    """No races, no stray accesses, nothing read that nobody wrote"""
    library = build(context)
    found = [look_at(context, library, function) for function in expected(context)]
    return judge(found, remark(context, "not looked at"))


def build(context: Context) -> Path:
    """gpt.cu for the checker. Raises NotMeasured for code that only nvcc compiles."""
    try:
        with context.worker(device="cpu") as worker:
            limit = context.rubric.time_limit
            library = traced.build(worker, context.submission, "check", limit)
            path = worker.show(library)  # #if can tell this build from the plain one
            require(context.session, worker, "inspect_library", limit, path=path)
            return library
    except Failure as failure:
        if context.device == "cpu" or "rule" in failure.figures:
            raise
        raise NotMeasured(
            "Memory is checked on the CPU, and there gpt.cu does not compile. No points are at"
            f" stake here.\n{failure.message}",
            flags=("Nobody has looked for races: gpt.cu compiles on a GPU only.",),
        ) from failure


def look_at(context: Context, library: Path, function: str) -> Findings:
    """Run the small cases of a kernel, up to the first that it can't go on after."""
    found = Findings(function, function in context.passed)
    slack = context.session.rubric[function].slack
    deadline = time.monotonic() + context.rubric.time_limit / len(KERNELS)
    at = function  # what is being run, for messages
    first_in: list[str] = []  # the case in which each report came up
    try:
        with context.worker(device="cpu") as worker:
            traced.load(worker, library, max(0.1, deadline - time.monotonic()))
            for case in small_cases(function, context.rng):
                at, limit = case.name, max(0.1, deadline - time.monotonic())
                out, text = traced.run(worker, "checked", case, limit)
                found.cases += 1
                seen_so_far = read(text)  # of earlier cases too
                reports, found.launches = seen_so_far.reports, sum(seen_so_far.kernels.values())
                first_in += [at] * (len(reports) - len(first_in))
                found.reports = [
                    seen for seen in zip(first_in, reports, strict=False) if seen[1].problem
                ]
                if any(report.error for report in reports):
                    break
                if not found.reports and found.correct and traced.is_wrong(case, out, slack):
                    raise Failure(
                        "When it is built for this check, the result is wrong.",
                        "Does the code depend on how it is compiled (#if), or on where its buffers"
                        " lie?",
                    )
    except Failure as failure:
        found.failure = Failure(f"{at}: {failure.message}", failure.hint)
    return found


def read(text: str) -> Checked:
    """What simt found. Raises Failure for another text: the submission could have written it."""
    try:
        found = Checked.from_json(text)
        # That a kernel wrote nothing shows as its output is copied here: its own check says that.
        reports = [r for r in found.reports if r.kind != "uninitialized_copy" or r.at]
        return Checked(reports, found.kernels)
    except ValueError:
        raise Failure("What came back as simt's reports can't be read.") from None
