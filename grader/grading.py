"""Grades one submission: runs the checks in order and puts the result together."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from grader import (
    checks,  # noqa: F401 (registers them)
    ideas,
)
from grader import environment as environment_
from grader.framework import PLACES, REGISTRY, Check, Context, GraderError, Session, select
from grader.outcome import Failure, NotMeasured, Passed
from grader.results import ERROR, FAILED, PASSED, SKIPPED, CheckResult, Result
from grader.rubric import Rubric
from grader.scoring import points

LONGEST = 30_000  # characters of a message: a compiler's errors, or what simt has found
UNTIMED, TIMED = PARTS = "untimed", "timed"  # the timed checks want a quiet machine


class Progress:
    """Told what happens during a grading. This one keeps quiet."""

    def started(self, check: Check) -> None:
        """A check begins."""

    def finished(self, result: CheckResult) -> None:
        """A check has its result."""

    def stop(self) -> None:
        """No check is running any more: all have ended, or the grading was interrupted."""

    def ended(self, result: Result) -> None:
        """The whole has its result."""


def grade(
    submission: Path,
    rubric: Rubric,
    *,
    only: Iterable[str] | None = None,
    stage: int | None = None,
    part: str | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    on_error: Callable[[Check, BaseException], None] = lambda check, error: None,
) -> Result:
    """Run the checks asked for, and those that they need.

    only: these checks. stage: all up to this one, or with `only` those; what labs beyond it teach
    is not expected. With neither, all; the points of those beyond the rubric's own stage are extra
    then. Checks that this device can't do are left out, unless asked for by name. part: of these
    only the TIMED ones, or only the others (UNTIMED).

    An exception that is the grader's own goes to `on_error` and makes that check an "error"; the
    others go on. Raises KeyError for an unknown id. KeyboardInterrupt ends all workers first.
    """
    progress = progress or Progress()
    asked = set(only) if only is not None else up_to(stage, rubric, device)
    required = asked
    if only is None and stage is None:
        required = up_to(rubric.stage, rubric, device)
    if part is not None:
        asked = {id for id in asked if REGISTRY[id].timed == (part == TIMED)}
    seed = int.from_bytes(os.urandom(16), "little")
    session = Session(submission, device, rubric, seed, stage)
    chosen = select(asked, session.later)
    results: dict[str, CheckResult] = {}
    try:
        if any(check.models for check in chosen):
            session.load_oracle()
        for i, check in enumerate(chosen):
            progress.started(check)
            prepare(session, [c for c in chosen[i : i + 2] if not missing(c, results)])
            worth = rubric[check.id].points if check.id in asked else 0
            extra = check.id in asked - required
            begun = time.monotonic()
            result = run(check, session, results, worth, extra, on_error)
            result.seconds = round(time.monotonic() - begun, 3)
            results[check.id] = result
            if result.status == PASSED:
                session.passed.add(check.id)
            progress.finished(result)
        session.settle()
        return Result(
            list(results.values()),
            environment_.describe(device, seed),
            session.outputs,
            submission.name,
            flags=session.flags,
        )
    finally:
        session.close()


def up_to(stage: int | None, rubric: Rubric, device: str) -> set[str]:
    """The checks of all stages up to this one (None: of all) that this device can do."""
    return {
        check.id
        for check in REGISTRY.values()
        if check.device in (None, device) and (stage is None or rubric[check.id].stage <= stage)
    }


def missing(check: Check, results: dict[str, CheckResult]) -> str | None:
    """What it needs and has not passed, if there is something."""
    done = [parent for parent in check.needs if parent in results]
    return next((parent for parent in done if results[parent].status != PASSED), None)


def prepare(session: Session, coming: list[Check]) -> None:
    """Start the workers that this check and the next one need: torch takes seconds to import.

    While a check measures time, none but its own.
    """
    if coming and coming[0].timed:
        coming = coming[:1]
    hosts = [host for check in coming for host in check.hosts(session) if host.is_dir()]
    with contextlib.suppress(OSError):  # the check itself will say so
        session.warm_up(hosts)


def run(
    check: Check,
    session: Session,
    results: dict[str, CheckResult],
    worth: float,
    extra: bool,
    on_error: Callable[[Check, BaseException], None],
) -> CheckResult:
    """One check, unless something that it needs has not passed."""

    def details(outcome: Passed | Failure) -> dict:
        session.flags += [{"id": check.id, "text": text} for text in outcome.flags]
        return more(outcome)

    def result(status: str, earned: float, message: str, hint="", figures=None, **fields):
        message = message.replace(f"{session.submission}{os.sep}", "")  # the student's own files
        if len(message) > LONGEST:
            message = f"{message[:LONGEST]}\n[cut here]"
        return CheckResult(
            *(check.id, check.title, status, earned, worth, message, hint),
            *(figures or {}, extra),
            **fields,
        )

    if check.device not in (None, session.device):
        worth, where = 0, PLACES[check.device]
        told = f"No points are at stake here: it is measured on {where} (--device {check.device})."
        return result(SKIPPED, 0, told)

    if parent := missing(check, results):
        status = results[parent].status
        if status == SKIPPED and extra:
            worth = 0
            return result(SKIPPED, 0, "")  # why was said there
        why = "failed" if status == FAILED else f"was {status}"
        return result(SKIPPED, 0, f"Not run: it needs {parent}, which {why}.")
    try:
        passed = check.run(Context(session, check, extra))
        earned = points(passed.fraction, worth)
        return result(
            PASSED, earned, passed.message, passed.hint, passed.figures, **details(passed)
        )
    except Failure as failure:
        return result(FAILED, 0, failure.message, failure.hint, failure.figures, **details(failure))
    except NotMeasured as reason:
        worth = 0
        session.flags += [{"id": check.id, "text": text} for text in reason.flags]
        return result(SKIPPED, 0, reason.message, "", reason.figures)
    except GraderError as error:
        on_error(check, error)
        return result(ERROR, 0, f"The grader failed: {error}.")
    except Exception as error:
        on_error(check, error)
        return result(ERROR, 0, f"The grader failed: {type(error).__name__}: {error}.")


def more(outcome: Passed | Failure) -> dict:
    """The fields of a CheckResult that say more."""
    idea = ideas.find(outcome.idea if outcome.hint else "")
    return {
        "more_hints": list(idea.hints),
        "revisit": idea.where,
        "evidence": outcome.evidence,
        "lost": getattr(outcome, "lost", ""),
        "fraction": getattr(outcome, "fraction", 0.0),
        "doubt": getattr(outcome, "doubt", ""),
    }
