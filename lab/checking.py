"""lab.check: the grader on the notebook's submission, its messages as they come, and the points."""

import os
from collections.abc import Sequence

from grader.framework import REGISTRY
from grader.report import terminal
from grader.results import ERROR, FAILED, SKIPPED, CheckResult, Result
from lab import page
from lab.outcome import Outcome
from lab.running import Run, running
from lab.screen import plain_console, screen
from lab.submission import Submission, current
from lab.trouble import Trouble, kindly

ELSEWHERE = "MINGPT_LAB_GRADED_ELSEWHERE"  # "1": the course's grader fills in what a cell gives


@kindly(otherwise=lambda message: Outcome(message=message))
def check(*ids: str, hint: int = 1) -> Outcome:
    """Grade these checks of the notebook's gpt.cu and kv_cache.py, and show what they say.

    ids: "gelu", "memory", ...; without any, all of the labs up to this one. hint: how much the
    hints say, 1 to 3. A check that has not passed gives its message, never an exception. The
    value is the points.
    """
    if os.environ.get(ELSEWHERE) == "1":
        raise Trouble("This cell is graded by the course's grader.")
    if hint not in (1, 2, 3):
        raise Trouble(f"hint={hint!r}: hints have three levels, 1, 2 and 3.")
    if wrong := [id for id in ids if not isinstance(id, str)]:
        raise Trouble(f'{wrong[0]!r} is no check\'s name: lab.check("gelu")')
    return _grade(current(), ids, hint)


def _grade(submission: Submission, ids: Sequence[str], hint: int) -> Outcome:
    options = ["--progress", "jsonl", "--no-history"]
    options += ["--stage", submission.stage] if submission.stage is not None else []
    options += ["--only", *ids] if ids else []
    with screen() as out, running("grader.grade", submission.folder, *options) as run:
        result = _follow(run, out, ids, hint)
        if result is None:
            raise Trouble(_why(run))
        shown = _worth_showing(result.checks, ids, result.environment["device"])
        out.show(page.checks(shown, result, hint), text(shown, hint))
    return Outcome([one for one in result.checks if not ids or one.id in ids])


def _follow(run: Run, out, ids: Sequence[str], hint: int) -> Result | None:
    """The result, after showing what is being done and what is known already."""
    place = {"date": "", "device": "cpu", "device_name": "", "versions": {}}  # known in the end
    so_far = Result([], place)
    doing, since = "Starting the grader", 0.0
    body = known = ""
    for event in run.events():
        match event:
            case {"event": "started", "id": id, "title": title}:
                doing, since = f"{id}: {title}", run.seconds
            case {"event": "finished", "check": fields}:
                so_far.checks.append(CheckResult(**fields))
                shown = _worth_showing(so_far.checks, ids, "")
                body, known = page.checks(shown, so_far, hint), text(shown, hint)
            case {"event": "result", "document": document}:
                return Result.from_document(document)
        out.work(doing, run.seconds - since, body, known)
    return None


def _worth_showing(
    checks: Sequence[CheckResult], ids: Sequence[str], device: str
) -> list[CheckResult]:
    """Those asked for, and of those that they need the ones that explain why they fail.

    device: "" while it is not known. traffic and kernel_speed are asked for together, and each
    device has one of them: the other is left out.
    """
    shown = [one for one in checks if not ids or one.id in ids or one.status in (FAILED, ERROR)]
    if not device:
        return shown
    here = [one for one in shown if one.status != SKIPPED or not _is_elsewhere(one.id, device)]
    return here or shown


def _is_elsewhere(id: str, device: str) -> bool:
    """Whether a check can be made on another device only."""
    return id in REGISTRY and REGISTRY[id].device not in (None, device)


def text(checks: Sequence[CheckResult], hint: int) -> str:
    """The same as plain text."""
    output = plain_console()
    for one in checks:
        terminal.show_check(output, one, verbose=False, hints=hint, more_by="hint=")
    return output.file.getvalue().rstrip()


def _why(run: Run) -> str:
    """What the grader said when it ended without a result."""
    said = run.errors().removeprefix("grade.py: ")
    return said or "The grader ended without a result. Run the cell again."
