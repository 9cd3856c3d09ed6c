"""The folder of results: what is in it, and how it is written.

    gradings/KEY.json      what was measured, one document for each key: written once, whole
    submissions/D.zip      what was handed in, by the digest of its content
    students/ada.json      which submissions of a student have been seen, and when
    results/ada.json       the document that counts; reports/ada.html the same to read
    superseded/            gradings that --regrade has set aside
    index.html grades.csv canvas.csv moodle.csv gradescope/ pairs/ class.json

Only the first three hold anything: the rest is made of them at the end of each run. A file appears
under its name when all of it is on the disk; what a killed run leaves behind has another name.
"""

import contextlib
import errno
import fcntl
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

from grader import files
from grader.classroom import ClassroomError, NotWritten
from grader.classroom.documents import DEADLY
from grader.classroom.submissions import Student, Submission
from grader.results import ERROR, Result, ResultError, read

FOLDERS = ("gradings", "submissions", "students", "results", "reports", "superseded", "pairs",
           "gradescope")  # fmt: skip
FILES = ("index.html", "grades.csv", "canvas.csv", "moodle.csv", "class.json")
LOCK = ".lock"


class StoreFull(NotWritten):
    """Nothing more can be written; what is there is intact."""


class Store:
    """RESULTS. Raises ClassroomError where it can't be used."""

    def __init__(self, root: Path):
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
            if not (root / LOCK).exists():
                if taken := [name for name in FOLDERS + FILES if (root / name).exists()]:
                    raise ClassroomError(
                        f"--out {root}: {taken[0]} is there, and not from here. Give a new folder:"
                        " it would be overwritten"
                    )
                (root / LOCK).touch()  # from now on it is ours
            for name in FOLDERS:
                (root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ClassroomError(f"--out {root}: {error.strerror or error}") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """For this run alone. Raises ClassroomError when another one has it."""
        with self._open_lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ClassroomError(
                    f"another run is writing to {self.root}: wait for its end, or give another"
                    " --out"
                ) from None
            self._sweep()
            yield

    def _open_lock(self):
        try:
            return (self.root / LOCK).open("w")
        except OSError as error:
            raise ClassroomError(f"--out {self.root}: {error.strerror or error}") from None

    def _sweep(self) -> None:
        """Remove the temporary files that a killed run left."""
        left = [path for name in FOLDERS for path in (self.root / name).glob(".*")]
        left += [path for name in FILES for path in self.root.glob(f".{name}.*")]
        for path in left:
            _remove(path)

    # ------------------------------------------------------------------ gradings

    def path_of(self, key: str) -> Path:
        return self.root / "gradings" / f"{key}.json"

    def grading(self, key: str) -> Result | None:
        """What was measured under this key; None where there is nothing whole."""
        path = self.path_of(key)
        if not path.is_file():
            return None
        try:
            result = read(path)
        except ResultError:  # the disk's fault, or somebody's editor
            return None
        return result

    def finished(self, key: str) -> bool:
        """Whether there is a grading under this key that need not be made again. A fault of the
        grader is tried again at the next run; a submission that ends it is not."""
        result = self.grading(key)
        if result is None:
            return False
        return DEADLY in result.environment or not any(c.status == ERROR for c in result.checks)

    def keep(self, key: str, result: Result) -> None:
        """Write a grading; a finished one that is there already stays. Raises StoreFull."""
        if not self.finished(key):
            self.write(self.path_of(key), result.text())

    def set_aside(self, key: str) -> bool:
        """Make room for a new grading: the old one is kept in superseded/. False: none there."""
        path = self.path_of(key)
        if not path.is_file():
            return False
        path.rename(self._aside(key, self.attempt(key) + 1))
        return True

    def attempt(self, key: str) -> int:
        """How many gradings of this key were set aside."""
        number = 0
        while self._aside(key, number + 1).exists():
            number += 1
        return number

    def _aside(self, key: str, number: int) -> Path:
        return self.root / "superseded" / f"{key}.{number}.json"

    # ------------------------------------------------------------------ submissions

    def remember(self, submissions: list[Submission], now: datetime) -> list[Submission]:
        """Add a student's submissions to those seen before; all of them, by time.

        To hand in the same again is no other submission: the first time counts. To go back to what
        was handed in before another one is. The latest says whether there is a nickname.

        Raises StoreFull, and ClassroomError for a record that can't be read.
        """
        student = submissions[0].student
        path = self.root / "students" / f"{student.file}.json"
        every = {(one["digest"], _time(one)): one for one in self._seen(path)}
        known = {digest for digest, _ in every}
        for one in submissions:
            if one.digest not in known and not one.problem:
                self.write(self.root / "submissions" / f"{one.digest}.zip", pack(one.files))
            every.setdefault(
                (one.digest, one.time),
                {
                    "digest": one.digest,
                    "time": one.time.isoformat(),
                    "label": one.label,
                    "seen": now.isoformat(timespec="seconds"),
                    "problem": one.problem,
                },
            )
        by_time = sorted(every.values(), key=_time)
        seen = [next(same) for _, same in groupby(by_time, key=lambda one: one["digest"])]
        text = json.dumps({"student": student.id, "submissions": seen}, indent=1) + "\n"
        if not path.is_file() or path.read_text("utf-8") != text:
            self.write(path, text)
        fresh = {one.digest: one for one in submissions}
        nickname = submissions[-1].nickname
        found = []
        for one in seen:
            whole = fresh.get(one["digest"]) or self._restored(student, one)
            found.append(replace(whole, label=one["label"], time=_time(one), nickname=nickname))
        return found

    def _seen(self, path: Path) -> list[dict]:
        if not path.is_file():
            return []
        try:
            return json.loads(path.read_text("utf-8"))["submissions"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ClassroomError(
                f"{path} can't be read ({error}). Move it away: only the student's earlier"
                " submissions are then forgotten"
            ) from None

    def _restored(self, student: Student, one: dict) -> Submission:
        stored = self.root / "submissions" / f"{one['digest']}.zip"
        try:
            contents = {} if one["problem"] else unpack(stored.read_bytes())
        except (OSError, zipfile.BadZipFile) as error:
            raise ClassroomError(f"{stored} can't be read: {error}") from None
        return Submission(student, one["label"], _time(one), contents, problem=one["problem"])

    # ------------------------------------------------------------------ writing

    def write(self, path: Path, content: str | bytes) -> None:
        """Whole or not at all. Raises StoreFull."""
        try:
            files.write(path, content)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise StoreFull(
                f"{path} can't be written: {error.strerror or error}. What is in {self.root} is"
                f" intact: {'free some space' if full else 'mend that'}, then run the same command"
                " again, and it goes on from there"
            ) from None

    def write_if_changed(self, path: Path, content: str) -> None:
        """Raises StoreFull."""
        path.parent.mkdir(exist_ok=True)
        data = content.encode("utf-8")
        if not path.is_file() or path.read_bytes() != data:
            self.write(path, data)

    def keep_only(self, folder: str, names: set[str]) -> None:
        """Remove the other files of a folder whose files are all made anew."""
        for path in (self.root / folder).iterdir():
            if path.name not in names:
                _remove(path)


def _remove(path: Path) -> None:
    """A file of ours. A folder is none: an editor's, or the file system's own."""
    with contextlib.suppress(OSError):
        if not path.is_dir():
            path.unlink()


def _time(seen: dict) -> datetime:
    return datetime.fromisoformat(seen["time"])


def pack(contents: dict[str, bytes]) -> bytes:
    """A zip: the same for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted(contents.items()):
            archive.writestr(zipfile.ZipInfo(path), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of a zip of `pack`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
