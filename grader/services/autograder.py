"""python -m grader.services.autograder: grade /autograder/submission into results.json, as
Gradescope's run_autograder does; with --check grade solutions/ instead, and say whether it works.

What students read is in results.json. What is for instructors alone goes there as a hidden test,
and to standard output, which Gradescope shows to nobody else.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from grader import environment, files, grading, own_checks, rubric
from grader.classroom import reading
from grader.client import printable
from grader.framework import REGISTRY, Check
from grader.isolation import choice, levels
from grader.report import gradescope
from grader.results import ERROR, PASSED, SKIPPED, CheckResult, Result
from grader.rubric import Rubric
from grader.services.gradescope import SETTINGS, Settings, read_settings
from mingpt.paths import ROOT

PLACE = Path("/autograder")
MARGIN = 30.0  # seconds of Gradescope's limit that are left for what is not grading
DAY = timedelta(hours=24)
OF_CACHE = {"kv_cache", "speed"}  # the checks of kv_cache.py; the others are gpt.cu's
NOT_YOUR_FAULT = (
    "The grader failed. That is not your fault, and your files are kept. Please tell your"
    " instructor, who sees what went wrong."
)


class NotGraded(Exception):
    """str() is what the student reads; `detail` is for instructors."""

    def __init__(self, told: str, detail: str = ""):
        super().__init__(told)
        self.detail = detail


class OutOfTime(KeyboardInterrupt):
    """The grading ends as by Ctrl-C: all of its workers first."""


@dataclass
class Kept(grading.Progress):
    """What a grading that is ended has found until then."""

    results: list[CheckResult] = field(default_factory=list)

    def started(self, check: Check) -> None:
        print(f"{check.id} ...", flush=True)

    def finished(self, result: CheckResult) -> None:
        self.results.append(result)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    made = argparse.ArgumentParser(prog="autograder", description=__doc__)
    made.add_argument("--check", action="store_true", help="grade solutions/, write nothing")
    settings = read_settings(ROOT / SETTINGS)
    if made.parse_args(arguments).check:
        return check(settings)
    try:
        document = submitted(settings)
    except NotGraded as reason:
        document = nothing(str(reason), reason.detail)
    except Exception:
        document = nothing(NOT_YOUR_FAULT, traceback.format_exc())
    files.write(PLACE / "results" / "results.json", json.dumps(document, indent=2) + "\n")
    return 0


def submitted(settings: Settings) -> dict:
    """The results of what was handed in. Raises NotGraded."""
    about = metadata()
    if earlier := too_many(about, settings.per_day):
        return earlier
    try:
        contents = reading.folder(PLACE / "submission")
    except reading.Unreadable as error:
        raise NotGraded(f"{error} Hand in gpt.cu and kv_cache.py.") from None
    with tempfile.TemporaryDirectory(prefix="mingpt-submission-") as folder:
        submission = Path(folder) / "submission"
        for path, data in contents.files.items():
            (submission / path).parent.mkdir(parents=True, exist_ok=True)
            (submission / path).write_bytes(data)
        result, notes = graded(submission, settings)
    document = json.loads(gradescope.results(result, leaderboard=settings.leaderboard))
    told = [*missing(contents.files, wanted_checks(rubric.load(), settings)), *notes]
    told += [f"Left out: {printable(note)}." for note in contents.notes[:5]]
    document["output"] = "\n".join([document["output"], *told])
    document["extra_data"]["graded"] = True  # too_many() counts those
    document["tests"] += for_instructors(result, about)
    return document


def graded(submission: Path, settings: Settings) -> tuple[Result, list[str]]:
    """The result, of what could be done in time, and what to say of it. Raises NotGraded."""
    level = choice.in_force("cpu")
    print(f"isolation: {level.description}  {level.reason}", flush=True)
    if level.name == levels.PROCESS:
        raise NotGraded(
            NOT_YOUR_FAULT,
            "This machine has neither namespaces (bubblewrap) nor Landlock: submitted code could"
            f" read solutions/ and change its own grade. Nothing was run. {level.reason}",
        )
    own_checks.load()
    asked, kept = rubric.load(), Kept()
    faults: list[str] = []

    def failed(check: Check, error: BaseException) -> None:
        faults.append(check.id)
        traceback.print_exception(error, file=sys.stdout)

    try:
        with time_limit(settings.minutes * 60 - MARGIN):
            result = grading.grade(
                submission,
                asked,
                only=settings.only,
                stage=settings.stage,
                progress=kept,
                on_error=failed,
            )
        notes = []
    except OutOfTime:
        rest = unfinished(kept.results, asked, settings)
        place = environment.describe("cpu", 0)
        result = Result([*kept.results, *rest], place, submission=submission.name)
        notes = [
            f"The time ran out: a grading may take {settings.minutes:g} minutes. What was not"
            " checked by then has no points. Does something of yours never end?"
        ]
    if faults:
        notes.append(f"In {', '.join(faults)} the grader itself failed. Tell your instructor.")
    return result, notes


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in here when they are over."""

    def ended(*_) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ended)
    signal.setitimer(signal.ITIMER_REAL, max(1.0, seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def unfinished(done: list[CheckResult], asked: Rubric, settings: Settings) -> list[CheckResult]:
    """The checks that there was no time for, with the points that they would have been worth."""
    wanted = wanted_checks(asked, settings)
    plain = settings.only or settings.stage is not None  # none of the points is extra
    required = wanted if plain else grading.up_to(asked.stage, asked, "cpu")
    wanted -= {result.id for result in done}
    return [
        CheckResult(check.id, check.title, SKIPPED, 0, asked[check.id].points,
                    "Not checked: the time ran out.", extra=check.id not in required)
        for check in REGISTRY.values() if check.id in wanted
    ]  # fmt: skip


def wanted_checks(asked: Rubric, settings: Settings) -> set[str]:
    return set(settings.only or grading.up_to(settings.stage, asked, "cpu"))


def missing(names: dict[str, bytes], wanted: set[str]) -> list[str]:
    """What to say of a file that should be there, for these checks."""
    needed = {"gpt.cu": wanted - OF_CACHE, "kv_cache.py": wanted & OF_CACHE}
    absent = [name for name, checks in needed.items() if checks and name not in names]
    return [f"There is no {' and no '.join(absent)} in what you handed in."] if absent else []


def metadata() -> dict:
    """submission_metadata.json, {} where it can't be read: nothing depends on it."""
    try:
        found = json.loads((PLACE / "submission_metadata.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        print(f"submission_metadata.json: {error}")
        return {}
    return found if isinstance(found, dict) else {}


def too_many(about: dict, per_day: int) -> dict | None:
    """The latest results again, where as many gradings as may be were made in the last 24 hours."""
    if not per_day:
        return None
    try:
        now = datetime.fromisoformat(about["created_at"])
        recent = [
            (datetime.fromisoformat(one["submission_time"]), one["results"])
            for one in about["previous_submissions"]
            if ((one.get("results") or {}).get("extra_data") or {}).get("graded")
        ]
        recent = sorted((one for one in recent if now - one[0] < DAY), key=lambda one: one[0])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        print(f"submission_metadata.json is not as documented: {error!r}")
        return None
    if len(recent) < per_day:
        return None
    again = recent[-per_day][0] + DAY
    latest = dict(recent[-1][1])
    told = (
        f"Not graded: {per_day} gradings in 24 hours are all there are. The next one can be made"
        f" from {again:%d %B, %H:%M} ({again.tzname()}) on. Until then your latest result stands:"
    )
    kept = ("score", "tests", "leaderboard", "visibility", "output_format", "stdout_visibility")
    return {name: latest[name] for name in kept if name in latest} | {
        "output": f"{told}\n{latest.get('output', '')}",
        "extra_data": {"graded": False},
    }


def for_instructors(result: Result, about: dict) -> list[dict]:
    """A hidden test, where there is something for them to look at."""
    told = [f"{flag['id']}: {flag['text']}" for flag in result.flags]
    told += [
        f"The grader failed in {c.id}: {c.message}" for c in result.checks if c.status == ERROR
    ]
    total = (about.get("assignment") or {}).get("total_points")
    with suppress(TypeError, ValueError):
        if float(total) != result.max_score:
            told.append(
                f"The assignment has {total} points on Gradescope, and the grader gives"
                f" {result.max_score:g}: make them equal in the assignment's settings."
            )
    return [hidden("\n".join(told))] if told else []


def nothing(told: str, detail: str) -> dict:
    """Results of what was not graded."""
    print(detail or told, flush=True)
    return {
        "score": 0,
        "output": told,
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [hidden(detail)] if detail else [],
        "extra_data": {"graded": False},
    }


def hidden(text: str) -> dict:
    """A test that only instructors see."""
    return {
        "name": "For instructors",
        "output": printable(text),
        "output_format": "text",
        "visibility": "hidden",
    }


def check(settings: Settings) -> int:
    """Grade solutions/: 0 if every check passes, else 1."""
    try:
        result, notes = graded(ROOT / "solutions", settings)
    except NotGraded as reason:
        print(f"This machine can't grade: {reason.detail}")
        return 1
    bad = [c for c in result.checks if c.max_points and c.status not in (PASSED, SKIPPED)]
    for one in bad:
        print(f"solutions/ does not pass {one.id}: {one.message}")
    print("\n".join([*notes, f"solutions/: {result.score:g} of {result.max_score:g} points"]))
    return 1 if bad or notes else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # whatever thread a grading that was ended has left
