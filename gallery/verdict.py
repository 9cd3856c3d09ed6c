"""Grades one entry: was it caught, by the right check, with the right cause?"""

import dataclasses
import re
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gallery.entries import Mistake, submission, unusual_submission
from grader import rubric
from grader.checks.kernels import KERNELS
from grader.grading import grade
from grader.results import FAILED, PASSED, CheckResult


@dataclass(frozen=True)
class Verdict:
    """What the grader said of one entry. `faults`: what it should not have."""

    name: str
    topic: str
    check: str
    caught: bool
    right_check: bool  # and no other one failed
    right_cause: bool
    seconds: float
    message: str
    hint: str
    others: dict[str, str] = field(default_factory=dict)  # the other checks: their status


def quick_rubric() -> rubric.Rubric:
    """The rubric with limits that end a hang soon, and with fewer timed runs."""
    loaded = rubric.load()
    entries = {
        id: dataclasses.replace(entry, settings={**entry.settings})
        for id, entry in loaded.entries.items()
    }
    entries["speed"].settings.update(rounds=5, max_rounds=9)
    entries["kv_cache"] = dataclasses.replace(entries["kv_cache"], time_limit=15)
    return dataclasses.replace(loaded, entries=entries, loop_limit=1)


def graded(folder: Path, only: Iterable[str]) -> dict[str, CheckResult]:
    """{id: result} of these checks and those that they need, on the CPU.

    Raises what went wrong in the grader itself.
    """
    errors: list[BaseException] = []
    result = grade(
        folder, quick_rubric(), only=only, on_error=lambda check, error: errors.append(error)
    )
    if errors:
        raise errors[0]
    return {check.id: check for check in result.checks}


def checks_for(mistake: Mistake) -> set[str]:
    """Its own and, where it costs little, those that it must not touch."""
    return {mistake.check, *(KERNELS if mistake.file == "gpt.cu" else ())}


def judge(mistake: Mistake) -> Verdict:
    """Raises GalleryError for changes that don't fit solutions/."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mingpt-gallery-") as scratch:
        folder = submission(Path(scratch) / "submission", mistake.file, mistake.changes)
        results = graded(folder, checks_for(mistake))
    result = results.pop(mistake.check)
    text = " ".join(f"{result.message} {result.lost} {result.hint}".split())
    named = bool(re.search(mistake.cause, text, re.IGNORECASE))
    lost = result.status == FAILED or (
        result.status == PASSED and result.points < result.max_points
    )
    caught = named and result.status == PASSED if mistake.remark else lost
    others = {id: other.status for id, other in results.items()}
    failed = {id for id, status in others.items() if status == FAILED}
    return Verdict(
        mistake.name,
        mistake.topic,
        mistake.check,
        caught=caught,
        right_check=caught and failed <= set(mistake.also),
        right_cause=caught and named,
        seconds=time.monotonic() - start,
        message="\n".join(part for part in (result.message, result.lost) if part),
        hint=result.hint,
        others=others,
    )


def judge_unusual(path: Path) -> Verdict:
    """`caught` is a false alarm: a right solution failed its check, or the one of memory."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mingpt-gallery-") as scratch:
        folder, check = unusual_submission(Path(scratch) / "submission", path)
        asked = [check, "memory"] if path.suffix == ".cu" else [check]
        results = graded(folder, asked)
    bad = [r for r in results.values() if r.status != PASSED or r.points < r.max_points]
    return Verdict(
        path.stem,
        "unusual",
        check,
        caught=bool(bad),
        right_check=not bad,
        right_cause=not bad,
        seconds=time.monotonic() - start,
        message="\n".join(r.message for r in bad),
        hint=" ".join(r.hint for r in bad),
        others={id: r.status for id, r in results.items() if id != check},
    )
