"""What a class has handed in: who, what, when."""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from grader.classroom.reading import Contents
from grader.client import printable

LONGEST = 24  # characters of a nickname


@dataclass(frozen=True)
class Student:
    """id: what files and tables call them. The others, where the export has them."""

    id: str
    name: str = ""
    email: str = ""
    number: str = ""  # the school's own (SID)

    @property
    def file(self) -> str:
        """A file's name without an ending, one for each id."""
        if re.fullmatch(r"[A-Za-z0-9_][\w.@+-]{0,79}", self.id, re.ASCII):
            return self.id
        short = re.sub(r"[^A-Za-z0-9]+", "-", self.id).strip("-")[:40] or "student"
        return f"{short}-{hashlib.sha256(self.id.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Submission:
    """One of a student's. Where `problem` says why, there is nothing to grade in it."""

    student: Student
    label: str  # where it was found
    time: datetime  # with its zone
    files: dict[str, bytes]  # path -> content
    nickname: str = ""  # for the leaderboard; without one the student is not on it
    notes: tuple[str, ...] = ()  # what was left out
    problem: str = ""

    @property
    def digest(self) -> str:
        """Of the content: the same files have the same one, whoever hands them in."""
        found = hashlib.sha256(self.problem.encode())
        for path, data in sorted(self.files.items()):
            found.update(f"{len(path.encode())} {path} {len(data)} ".encode() + data)
        return found.hexdigest()[:32]


def made(student: Student, label: str, contents: Contents, time: datetime | None) -> Submission:
    """The submission with these contents. time: if it is known better than from the files."""
    return Submission(
        student,
        printable(label),
        time or contents.time,
        contents.files,
        nickname_of(contents.nickname),
        tuple(printable(note) for note in contents.notes),
    )


def unreadable(student: Student, label: str, problem: str, time: datetime | None) -> Submission:
    """One with nothing in it to grade."""
    epoch = datetime.fromtimestamp(0, UTC)
    return Submission(student, printable(label), time or epoch, {}, problem=printable(problem))


def nickname_of(data: bytes) -> str:
    """The first line of nickname.txt, printable and short; "" for none."""
    text = data.decode("utf-8", "replace").strip().splitlines()
    name = " ".join(printable(text[0]).split()) if text else ""
    return "".join(c for c in name if c.isprintable())[:LONGEST].strip()


def numbered(submissions: list[Submission]) -> list[Submission]:
    """In the order of their times, each label once."""
    found, seen = [], set()
    for one in sorted(submissions, key=lambda one: (one.time, one.label)):
        label, number = one.label, 2
        while label in seen:
            label, number = f"{one.label} ({number})", number + 1
        seen.add(label)
        found.append(replace(one, label=label))
    return found
