"""Grades where they are needed: grades.csv, and the forms that Canvas, Moodle and Gradescope read.

A cell that a spreadsheet would take for a formula is written with an apostrophe before it.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from grader.classroom import ClassroomError
from grader.classroom.book import Entry
from grader.classroom.submissions import Student
from grader.framework import REGISTRY
from grader.report import gradescope

COLUMNS = (
    "student", "name", "email", "number", "points", "score", "extra", "max_score", "days_late",
    "factor", "submitted", "attempts", "device", "needs_a_look",
)  # fmt: skip
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
MOODLE = ("username", "email", "idnumber", "grade", "feedback")


def grades(entries: Iterable[Entry]) -> str:
    """A line for each student: COLUMNS, then the points of each check, before what being late
    takes off."""
    entries = list(entries)
    found = dict.fromkeys(check.id for entry in entries for check in entry.result.checks)
    ids = [id for id in REGISTRY if id in found]
    return _table([*COLUMNS, *ids], [_grades(entry, ids) for entry in entries])


def _grades(entry: Entry, ids: list[str]) -> list:
    student, result = entry.student, entry.result
    points = {check.id: check.points for check in result.checks}
    return [
        *(student.id, student.name, student.email, student.number),
        *(entry.points, result.score, result.extra, result.max_score, entry.days_late),
        *(round(entry.factor, 4), entry.submission.time.isoformat(timespec="seconds")),
        *(entry.attempts, result.environment["device"], entry.needs_a_look),
        *(points.get(id, "") for id in ids),
    ]


def canvas(entries: Iterable[Entry], assignment: str, most: float, roster: list[dict]) -> str:
    """The form that Canvas's gradebook imports.

    roster: the lines of the gradebook as Canvas exports it; a student is found in it by SIS Login
    ID, SIS User ID, ID or name, where no other can be meant. Who isn't found, or without a roster,
    has the student's id as SIS Login ID. Who needs a look has no line: Canvas would take an empty
    cell for a grade that is to be removed.
    """
    rows: list[list] = [["    Points Possible", "", "", "", "", most]]
    by_name = _by_name(roster)
    graded = [entry for entry in entries if not entry.needs_a_look]
    lines = [_line(entry.student, by_name) for entry in graded]
    often = Counter(map(id, lines))
    for entry, line in zip(graded, lines, strict=True):
        student = entry.student
        if line is None or often[id(line)] > 1:  # two students can't be the same one
            line = {"Student": student.name or student.id, "SIS Login ID": student.id,
                    "SIS User ID": student.number}  # fmt: skip
        rows.append([*(line.get(column, "") for column in CANVAS), entry.points])
    return _table([*CANVAS, assignment], rows)


def _line(student: Student, by_name: dict[str, dict]) -> dict | None:
    names = (student.id, student.email, student.number, student.name)
    return next((by_name[n.lower()] for n in names if n.lower() in by_name), None)


def _by_name(roster: list[dict]) -> dict[str, dict]:
    """Lines by what a student is called in them; the last column that has it is the best one."""
    found: dict[str, dict] = {}
    for column in ("Student", "ID", "SIS User ID", "SIS Login ID"):
        names = [str(line.get(column) or "").strip().lower() for line in roster]
        often = Counter(names)
        both = zip(names, roster, strict=True)
        found |= {name: line for name, line in both if name and often[name] == 1}
    return found


def read_roster(path: Path) -> list[dict]:
    """The lines of a gradebook as Canvas exports it. Raises ClassroomError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ClassroomError(f"--roster {path}: {error}") from None
    if not {"Student", "ID"} <= set(reader.fieldnames or ()):
        raise ClassroomError(
            f"--roster {path}: it has no columns Student and ID; in Canvas, Gradebook → Export"
        )
    return lines


def moodle(entries: Iterable[Entry]) -> str:
    """A table for Moodle's Grades → Import → CSV file: map one of the first three to the user.

    Names of Moodle's users have no capitals; an id with an @ is an address.
    """
    rows = []
    for entry in entries:
        if not entry.needs_a_look:
            student = entry.student
            name, email = (student.id.lower(), "") if "@" not in student.id else ("", student.id)
            who = (name, student.email or email, student.number)
            rows.append([*who, entry.points, feedback(entry)])
    return _table(MOODLE, rows)


def feedback(entry: Entry) -> str:
    """One line of text: where points were lost, and what being late took."""
    lost = [c for c in entry.result.checks if c.points < c.max_points]
    parts = [f"{check.id} {check.points:g}/{check.max_points:g}" for check in lost]
    if entry.days_late:
        whole = entry.result.score + entry.result.extra
        parts.append(f"{entry.days_late} d late: {entry.factor:.0%} of {whole:g}")
    return "; ".join(parts) or "all points"


def gradescope_results(entry: Entry) -> str:
    """Gradescope's results.json of a student, with what being late takes off."""
    document = json.loads(gradescope.results(entry.result))
    document["score"] = entry.points
    if entry.days_late:
        document["output"] += (
            f" Handed in {entry.days_late} days late: {entry.factor:.0%} of the points count."
        )
    return json.dumps(document, indent=2) + "\n"


def _table(header: Iterable[str], rows: Iterable[Iterable]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([_harmless(cell) for cell in row] for row in (header, *rows))
    return buffer.getvalue()


def _harmless(cell: object) -> object:
    """No formula for a spreadsheet, and one line."""
    if not isinstance(cell, str):
        return cell
    text = " ".join(cell.splitlines())
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
