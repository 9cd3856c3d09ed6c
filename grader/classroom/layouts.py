"""Recognises how submissions lie in a folder.

ada/gpt.cu                       a folder for each student
ada.zip                          or a zip
ada/1/gpt.cu, ada/2026-03-01/    several of one student: numbers or times; or several zips
ada/1_gelu/gpt.cu                nbgrader's submitted/, with its timestamp.txt
submission_metadata.yml          Gradescope's export, with submission_123/ beside it
"""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from grader.classroom import ClassroomError, reading
from grader.classroom.submissions import Student, Submission, made, numbered, unreadable

METADATA = "submission_metadata.yml"


def collect(folder: Path, assignment: str | None = None) -> list[Submission]:
    """All submissions, by student and then by time. Raises ClassroomError.

    assignment: of nbgrader's, where students have several.
    """
    if folder.is_file():
        raise ClassroomError(f"{folder} is a file: give the folder with the submissions")
    if not folder.is_dir():
        raise ClassroomError(f"there is no folder {folder}")
    if (folder / METADATA).is_file():
        found = gradescope(folder)
    else:
        if (folder / "submitted").is_dir():
            folder = folder / "submitted"
        if any((folder / name).is_file() for name in reading.MARKS):
            raise ClassroomError(
                f"{folder} is itself a submission: give the folder that holds one for each student"
                " (or grade it alone: python grader/grade.py)"
            )
        try:
            inside = _visible(folder)
        except OSError as error:
            raise ClassroomError(f"{folder} can't be read: {error.strerror or error}") from None
        found = [one for path in inside for one in of_student(path, assignment)]
    if not found:
        raise ClassroomError(
            f"{folder} holds no submissions: it needs a folder or a zip for each student, or"
            f" Gradescope's {METADATA}"
        )
    students: dict[str, list[Submission]] = {}
    for one in found:
        students.setdefault(one.student.id, []).append(one)
    return [one for id in sorted(students) for one in numbered(students[id])]


def of_student(path: Path, assignment: str | None) -> list[Submission]:
    """All of one student, whose folder or zip it is."""
    try:
        return _of_student(path, assignment)
    except OSError as error:  # a folder that keeps the grader out
        name = os.path.basename(error.filename or path)
        problem = f"{name} can't be read: {error.strerror or error}."
        return [unreadable(Student(_text(path.name)), _text(path.name), problem, None)]


def _of_student(path: Path, assignment: str | None) -> list[Submission]:
    if path.suffix.lower() == ".zip" and path.is_file():
        return [read(Student(_text(path.stem)), path.name, path)]
    if not path.is_dir() or path.is_symlink():
        return []
    student = Student(_text(path.name))
    if any((path / name).is_file() for name in reading.MARKS):
        return [read(student, path.name, path)]
    inside = _visible(path)
    if assignment is not None:
        named = [one for one in inside if one.name == assignment]
        inside = named or [one for one in inside if not is_assignment(one)]
        if not inside:
            return []
    archives = [one for one in inside if one.suffix.lower() == ".zip" and one.is_file()]
    folders = [
        one
        for one in inside
        if one.is_dir() and not one.is_symlink() and reading.holds_submission(one)
    ]
    attempts = [one for one in folders if is_attempt(one.name)]
    others = [one for one in folders if not is_attempt(one.name)]
    if len(others) > 1:
        names = ", ".join(one.name for one in others)
        raise ClassroomError(
            f"{path} has several assignments: {names}. Choose one, such as --assignment"
            f" {others[0].name}"
        )
    chosen = [*archives, *attempts, *others]
    if not chosen:
        return [read(student, path.name, path)]  # which says what is missing
    return [read(student, f"{path.name}/{one.name}", one, time_of(one)) for one in chosen]


def gradescope(folder: Path) -> list[Submission]:
    """Of an export of Gradescope's; all who submitted as a group have the same one."""
    import yaml

    try:
        data = yaml.safe_load((folder / METADATA).read_text("utf-8"))
        found = []
        for name, about in data.items():
            time = _utc(about[":created_at"])
            for person in about[":submitters"]:
                student = _submitter(person)
                found.append(read(student, str(name), folder / str(name), time))
        return found
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise ClassroomError(f"{folder / METADATA} can't be read: {error}") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ClassroomError(
            f"{folder / METADATA} is not of Gradescope's form ({type(error).__name__}: {error})"
        ) from None


def _submitter(person: dict) -> Student:
    name, email, number = (str(person.get(key) or "") for key in (":name", ":email", ":sid"))
    if not (email or number or name):
        raise ValueError("a submitter has neither a name nor an address")
    return Student(email or number or name, name, email, number)


def read(student: Student, label: str, path: Path, time: datetime | None = None) -> Submission:
    """A folder or a zip, as a submission; what can't be read is one with a problem."""
    opened: Callable = reading.archive if path.suffix.lower() == ".zip" else reading.folder
    if path.is_symlink() or path.parent.resolve() != path.resolve().parent or not path.exists():
        return unreadable(student, label, f"{path.name} is not there, or is a link.", time)
    try:
        return made(student, label, opened(path), time)
    except reading.Unreadable as problem:
        modified = reading.time_of(path.stat().st_mtime)
        return unreadable(student, label, str(problem), time or modified)


def is_assignment(path: Path) -> bool:
    """Whether it is a folder with the name of one of nbgrader's assignments, such as 1_gelu."""
    return path.is_dir() and bool(re.fullmatch(r"\d+_[A-Za-z]\w*", path.name))


def is_attempt(name: str) -> bool:
    """Whether a folder's name is a number or a time: one of several attempts."""
    return bool(re.fullmatch(r"\d{1,6}", name)) or parse_time(name) is not None


def time_of(path: Path) -> datetime | None:
    """When a submission came: nbgrader's timestamp.txt, or its folder's name."""
    stamp = path / "timestamp.txt"
    if stamp.is_file() and not stamp.is_symlink():
        with stamp.open("r", encoding="utf-8", errors="replace") as file:
            if time := parse_time(file.read(100)):
                return time
    return parse_time(path.name)


def parse_time(text: str) -> datetime | None:
    """2026-03-01, 2026-03-01T10:20:30+01:00, 2026-03-01_10-20-30, 2026-03-01 10:20:30.5 UTC; UTC
    where no zone is given. None for what is no time."""
    match = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)(?:[T_ ](\d\d)[:-](\d\d)(?:[:-](\d\d))?(?:\.\d+)?)? ?"
        r"(Z|UTC|[+-]\d\d:?\d\d)?",
        text.strip(),
    )
    if not match:
        return None
    day, hour, minute, second, zone = match.groups()
    zone = "+0000" if zone in (None, "Z", "UTC") else zone.replace(":", "")
    try:
        clock = f"{hour or '00'}:{minute or '00'}:{second or '00'}"
        return datetime.strptime(f"{day} {clock} {zone}", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None


def _utc(value: object) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    time = parse_time(str(value))
    if time is None:
        raise ValueError(f"{value!r} is no time")
    return time


def _text(name: str) -> str:
    """A file's name; bytes of it that are no UTF-8 as \\xff."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__")))
