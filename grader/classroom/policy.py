"""Which of a student's submissions counts, and what being late costs.

A TOML file (--rules); without one the best counts, and nothing is ever late:

    counts = "best"                      # or "latest"
    due = 2026-03-01T23:59:00+01:00

    [late]
    grace_minutes = 15                   # later than due, and still in time
    per_day = 0.1                        # of the points, for each day that has begun
    days = 5                             # later than this: no points

    [extensions]                         # another time for some
    ada = 2026-03-08T23:59:00+01:00
"""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from grader.classroom import ClassroomError

BEST, LATEST = "best", "latest"
T = TypeVar("T")


@dataclass(frozen=True)
class Policy:
    counts: str = BEST
    due: datetime | None = None
    grace: timedelta = timedelta()
    per_day: float = 0.0
    days: int | None = None  # None: however late, never more than per_day takes
    extensions: dict[str, datetime] = field(default_factory=dict)

    def days_late(self, student: str, time: datetime) -> int:
        """Days that have begun since it was due; 0 in time."""
        due = self.extensions.get(student, self.due)
        if due is None or time <= due + self.grace:
            return 0
        return math.ceil((time - due) / timedelta(days=1))

    def factor(self, days_late: int) -> float:
        """Of the points, what is left."""
        if self.days is not None and days_late > self.days:
            return 0.0
        return max(0.0, 1.0 - self.per_day * days_late)

    def choose(self, candidates: Sequence[tuple[float, T]]) -> T:
        """Of (points after what is taken off, anything), in the order of their times, the one that
        counts: the latest; or the best, and of equals the earliest."""
        if self.counts == LATEST:
            return candidates[-1][1]
        return max(candidates, key=lambda one: one[0])[1]


def load(path: Path | None) -> Policy:
    """Raises ClassroomError for a file that breaks a rule."""
    if path is None:
        return Policy()
    try:
        return parse(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ClassroomError(f"--rules {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ClassroomError) as error:
        raise ClassroomError(f"--rules {path}: {error}") from None


def parse(data: dict) -> Policy:
    """Of the file's tables. Raises ClassroomError."""
    _known(data, {"counts", "due", "late", "extensions"}, "")
    late, extensions = data.get("late", {}), data.get("extensions", {})
    for name, table in (("late", late), ("extensions", extensions)):
        if not isinstance(table, dict):
            raise ClassroomError(f"{name} must be a table: [{name}]")
    _known(late, {"grace_minutes", "per_day", "days"}, "[late] ")
    counts = data.get("counts", BEST)
    if counts not in (BEST, LATEST):
        raise ClassroomError(f'counts must be "{BEST}" or "{LATEST}", not {counts!r}')
    times = {"due": data["due"]} if "due" in data else {}
    for name, time in (times | {f"[extensions] {id}": t for id, t in extensions.items()}).items():
        if not isinstance(time, datetime) or time.tzinfo is None:
            raise ClassroomError(f"{name} must be a time with its zone: 2026-03-01T23:59:00+01:00")
    per_day = _number(late, "per_day", 0.0)
    if per_day > 1:
        raise ClassroomError("[late] per_day is a share of the points: at most 1")
    if extensions and "due" not in data:
        raise ClassroomError("there are [extensions], and no due that they extend")
    return Policy(
        counts,
        data.get("due"),
        timedelta(minutes=_number(late, "grace_minutes", 0.0)),
        per_day,
        int(_number(late, "days", 0)) if "days" in late else None,
        dict(extensions),
    )


def _known(table: dict, names: set[str], where: str) -> None:
    if unknown := set(table) - names:
        raise ClassroomError(f"{where}{min(unknown)} is not known; {', '.join(sorted(names))} are")


def _number(table: dict, name: str, default: float) -> float:
    value = table.get(name, default)
    if type(value) not in (int, float) or not 0 <= value < 1e6:
        raise ClassroomError(f"[late] {name} must be a number, 0 or more")
    return value
