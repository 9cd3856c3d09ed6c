"""Grades one submission: runs the checks in order and puts the result together."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from grader import checks  # noqa: F401 (registers them)
from grader import environment as environment_
from grader.framework import (
    Check,
    Context,
    GraderError,
    Session,
    select,
)
from grader.outcome import Failure, NotMeasured
from grader.results import ERROR, FAILED, PASSED, SKIPPED, CheckResult, Result
from grader.rubric import Rubric
from grader.scoring import points

WITH_MODEL = {"model": 1, "kv_cache": 1, "speed": 2}  # workers with torch that each check takes


class Progress:
    """Told what happens during a grading. This one keeps quiet."""

    def started(self, check: Check) -> None:
        """A check begins."""

    def finished(self, result: CheckResult) -> None:
        """A check has its result."""


def grade(
    submission: Path,
    rubric: Rubric,
    *,
    only: Iterable[str] | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    on_error: Callable[[Check, BaseException], None] = lambda check, error: None,
) -> Result:
    """Run the checks asked for (None: all) and those that they need.

    An exception that is the grader's own goes to `on_error` and makes that check an "error"; the
    others go on. Raises KeyError for an unknown id. KeyboardInterrupt ends all workers first.
    """
    progress = progress or Progress()
    chosen = select(only)
    asked = {check.id for check in chosen} if only is None else set(only)
    seed = int.from_bytes(os.urandom(16), "little")
    session = Session(submission, device, rubric, seed)
    results: dict[str, CheckResult] = {}
    try:
        if any(check.id in WITH_MODEL for check in chosen):
            session.load_oracle()
        for i, check in enumerate(chosen):
            progress.started(check)
            prepare(session, chosen[i : i + 2])
            worth = rubric[check.id].points if check.id in asked else 0
            result = run(check, session, results, worth, on_error)
            results[check.id] = result
            if result.status == PASSED:
                session.passed.add(check.id)
            progress.finished(result)
        return Result(list(results.values()), environment_.describe(device, seed), session.outputs)
    finally:
        session.close()


def prepare(session: Session, coming: list[Check]) -> None:
    """Start the workers that this check and the next one need: torch takes seconds to import.

    None beyond those of the speed check itself while it measures: it needs the machine for itself.
    """
    needed = sum(WITH_MODEL.get(check.id, 0) for check in coming)
    if needed:
        session.warm_up(needed)


def run(
    check: Check,
    session: Session,
    results: dict[str, CheckResult],
    worth: float,
    on_error: Callable[[Check, BaseException], None],
) -> CheckResult:
    """One check, unless something that it needs has not passed."""

    def result(
        status: str, earned: float, message: str, hint: str = "", figures: dict | None = None
    ):
        message = message.replace(f"{session.submission}{os.sep}", "")  # the student's own files
        return CheckResult(
            check.id, check.title, status, earned, worth, message, hint, figures or {}
        )

    for parent in check.needs:
        if results[parent].status != PASSED:
            why = "failed" if results[parent].status == FAILED else f"was {results[parent].status}"
            return result(SKIPPED, 0, f"Not run: it needs {parent}, which {why}.")
    try:
        passed = check.run(Context(session, check))
        return result(
            PASSED, points(passed.fraction, worth), passed.message, passed.hint, passed.figures
        )
    except Failure as failure:
        return result(FAILED, 0, failure.message, failure.hint, failure.figures)
    except NotMeasured as reason:
        worth = 0
        return result(SKIPPED, 0, reason.message, "", reason.figures)
    except GraderError as error:
        on_error(check, error)
        return result(ERROR, 0, f"The grader failed: {error}.")
    except Exception as error:
        on_error(check, error)
        return result(ERROR, 0, f"The grader failed: {type(error).__name__}: {error}.")
