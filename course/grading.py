"""Runs the isolated grader on a submitted folder, and says what a graded cell gets for it."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from grader import grade, results, rubric
from grader.make_starter import files
from grader.results import CheckResult, Result


class GradingError(Exception):
    """The grader itself failed: nobody gets points, and nobody loses any, until it is mended."""


@dataclass(frozen=True)
class Score:
    """What one cell gets. points is None where nothing could be measured on this machine."""

    points: float | None
    checks: tuple[CheckResult, ...]


def run(folder: Path, stage: int, ids: Iterable[str]) -> Result:
    """The result document of these checks for the submission in a folder. Raises GradingError."""
    ids = sorted(ids)
    expected = files(0)
    if not any((folder / name).is_file() for name in expected):
        return _nothing_submitted(folder, expected, ids)
    with TemporaryDirectory() as scratch:
        document = Path(scratch) / "result.json"
        command = [sys.executable, grade.__file__, str(folder), "--stage", str(stage)]
        command += ["--only", *ids, "--no-history", "--json", str(document)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        try:
            result = results.read(document)
        except results.ResultError:
            said = (done.stderr.strip() or done.stdout.strip())[-2000:]
            raise GradingError(f"the grader ended with status {done.returncode}: {said}") from None
    for check in result.checks:
        if check.status == results.ERROR:
            raise GradingError(f"{check.id}: {check.message}")
    if missing := set(ids) - {check.id for check in result.checks}:
        raise GradingError(f"the grader said nothing of {', '.join(sorted(missing))}")
    return result


def score(result: Result, ids: Iterable[str], worth: float) -> Score:
    """The points, of `worth`, for these checks: the share that the grader gives of its own."""
    by_id = {check.id: check for check in result.checks}
    checks = tuple(by_id[id] for id in ids)
    most = sum(check.max_points for check in checks)
    if most:
        return Score(round(worth * sum(check.points for check in checks) / most, 2), checks)
    statuses = {check.status for check in checks}
    if worth == 0 or results.FAILED in statuses:
        return Score(0.0, checks)
    return Score(worth if statuses == {results.PASSED} else None, checks)


def _nothing_submitted(folder: Path, expected: list[str], ids: list[str]) -> Result:
    """None of the files is there: every check has failed."""
    there = sorted(path.name for path in folder.iterdir() if path.is_file())
    message = (
        f"Nothing to grade: {' and '.join(expected)} are missing, under exactly these names."
        f" In the folder: {', '.join(there)}."
    )
    worth = rubric.load()
    checks = [CheckResult(id, id, results.FAILED, 0, worth[id].points, message) for id in ids]
    place = {"date": "", "device": "cpu", "device_name": "", "versions": {}}
    return Result(checks, place, submission=folder.name)
