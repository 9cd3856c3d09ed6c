"""Grades one attack: did it get the verdict that it must, and is all around it as it was?"""

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from gallery.attacks.entries import Attack
from gallery.attacks.reports import dangers
from gallery.attacks.setting import (
    Setting,
    adopting,
    differences,
    left_over,
    setting,
    stop,
)
from grader.isolation.levels import BUBBLEWRAP
from grader.results import FAILED, PASSED, CheckResult, Result, read

LIMIT = 240.0  # seconds for a grading: no limit of the grader's own comes near it
CLEAN = "gelu"  # the check of the clean submission that is graded next


@dataclass(frozen=True)
class Verdict:
    """What became of one attack. wrong: what should not be, in words."""

    name: str
    topic: str
    check: str
    status: str  # of the check, with its points
    wrong: tuple[str, ...]
    seconds: float
    message: str = ""  # of the check, and what was printed during it
    isolation: str = ""  # that was in force
    open: bool = False  # what is wrong, this isolation does not promise to stop

    @property
    def right(self) -> bool:
        return not self.wrong or self.open


class GraderDied(Exception):
    """The grader's process was killed, stopped, or ended without reports; str() says which."""


def judge(attack: Attack, cache: Path) -> Verdict:
    """Raises GalleryError for an attack that doesn't fit solutions/."""
    start = time.monotonic()
    with adopting() as kept, setting() as place:
        folder = attack.make(place.base, place.places)
        folders = (folder.name, "classmate", "clean", "home", "temporary")
        before = place.state(folders, cache)
        wrong: list[str] = []
        result = None
        try:
            result = graded(folder, attack.checks, attack.rules, place, cache)
            wrong += wrong_in(attack, result, place)
        except GraderDied as error:
            wrong.append(str(error))
        wrong += left_over(kept)
        wrong += differences(before, place.state(folders, cache))
        wrong += [f"{path} was written" for path in place.marked(cache)]
        wrong += [f"somebody has connected to {name}" for name in place.knocked()]
        wrong += wrong_with_clean(place, cache)
        wrong += left_over(kept)
    decided = of_check(result, attack.check)
    return Verdict(
        attack.name,
        attack.topic,
        attack.check,
        shown(decided) if decided else "none",
        tuple(wrong),
        time.monotonic() - start,
        told(result, decided) if decided else "",
        isolation := result.environment["isolation"] if result else "",
        open=bool(wrong and attack.namespaces and not isolation.startswith(BUBBLEWRAP)),
    )


def graded(
    folder: Path, checks: tuple[str, ...], rules: bool, place: Setting, cache: Path
) -> Result:
    """The result of these checks, from a process of its own. Raises GraderDied."""
    reports = place.base / "reports"
    for old in reports.iterdir():
        old.unlink()
    command = [sys.executable, "-m", "gallery.attacks.child", str(folder), str(reports), *checks]
    command += [] if rules else ["--no-rules"]
    with (place.base / "log").open("wb") as log:
        child = subprocess.Popen(
            command,
            env=place.environment(cache),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place.base,
            start_new_session=True,
        )
    try:
        _wait(child)
    finally:
        stop(child)
    said = (place.base / "log").read_bytes().decode(errors="replace")[-600:]
    if child.returncode < 0:
        raise GraderDied(f"the grader was killed by {signal.Signals(-child.returncode).name}")
    if child.returncode:
        raise GraderDied(f"the grader ended with exit status {child.returncode}: {said}")
    if said:
        raise GraderDied(f"the grader's own output has: {said}")
    return read(reports / "json")


def _wait(child: subprocess.Popen) -> None:
    deadline = time.monotonic() + LIMIT
    while child.poll() is None:
        if psutil.Process(child.pid).status() == psutil.STATUS_STOPPED:
            raise GraderDied("the grader was stopped")
        if time.monotonic() > deadline:
            raise GraderDied(f"the grader hung: more than {LIMIT:.0f} s")
        time.sleep(0.02)


def wrong_in(attack: Attack, result: Result, place: Setting) -> list[str]:
    """What is not as it must be in the reports of an attack."""
    reports = place.base / "reports"
    texts = "\n".join(path.read_text(errors="replace") for path in sorted(reports.iterdir()))
    wrong = [
        f"the grader failed: {fault}" for fault in json.loads((reports / "faults").read_text())
    ]
    wrong += dangers(reports)
    if place.secret in texts:
        wrong.append("a secret is in the reports")
    wrong += sorted(
        {f"it printed {line}" for line in re.findall(r"\bREACHED [\w /.,:()-]+", texts)}
    )
    if attack.hides and (found := re.search(attack.hides, texts)):
        wrong.append(f"the reports have {found[0]!r}")
    decided = of_check(result, attack.check)
    if not as_it_must(attack.must, decided):
        wrong.append(f"{attack.check}: {shown(decided)}, and it must be {attack.must}")
    if attack.says and not re.search(attack.says, " ".join(told(result, decided).split()), re.I):
        wrong.append(f"nothing like {attack.says!r} was said")
    output = "".join(result.outputs.values())
    if attack.gelu or attack.top or attack.compiled or (attack.python and not attack.rules):
        if attack.runs and "TRIED" not in output:
            wrong.append("it was not tried: its code did not run")
        if not attack.runs and "TRIED" in output:
            wrong.append("its code ran")
    for id in attack.also:
        if not is_full(other := of_check(result, id)):
            wrong.append(f"{id}: {shown(other)}, and it must pass")
    return wrong


def wrong_with_clean(place: Setting, cache: Path) -> list[str]:
    """What the attack did to the grading of a clean submission that comes next."""
    try:
        result = graded(place.base / "clean", (CLEAN,), True, place, cache)
    except GraderDied as error:
        return [f"with a clean submission graded next, {error}"]
    check = of_check(result, CLEAN)
    if is_full(check) and not result.outputs:
        return []
    return [f"a clean submission graded next: {shown(check)} {told(result, check)}"]


def of_check(result: Result | None, id: str) -> CheckResult | None:
    return next((check for check in result.checks if check.id == id), None) if result else None


def is_full(check: CheckResult | None) -> bool:
    return bool(check) and check.status == PASSED and check.points == check.max_points


def as_it_must(must: str, check: CheckResult) -> bool:
    full = is_full(check)
    nothing = check.status == FAILED or (check.status == "skipped" and not check.points)
    return {"failed": nothing, "passed": full, "less": not full, "harmless": True}[must]


def shown(check: CheckResult) -> str:
    return f"{check.status} {check.points:g}/{check.max_points:g}"


def told(result: Result, check: CheckResult) -> str:
    """All that the report says of a check, and of what it needs."""
    needed = [one.message for one in result.checks if one.status == FAILED and one.id != check.id]
    parts = (check.message, check.hint, check.lost, result.outputs.get(check.id, ""), *needed)
    return "\n".join(part for part in parts if part)
