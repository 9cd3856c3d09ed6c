"""What a worker does: grade one submission, in a process of its own, and return the document.

That process outlives its worker. It holds a lock, and writes its document into a folder on its
machine: when a worker is killed, the next one finds the grading going on, or finished, and waits
for it or takes what is there. The document stays until who asked has stored it (`forget`). So a
kill of anybody costs little, and tells nothing against a submission.
What counts against it is a grading that began and ended with no document: three of them, and no
more are made.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from grader import grade as grade_command
from grader.classroom import ClassroomError, keys
from grader.results import ERROR, ResultError, read
from mingpt.paths import ROOT, cache_dir
from simt.cache import prune

TRIES = 3
DOCUMENT, STARTS, LOCK, PROCESS, SAID = "document.json", "starts", "lock", "pid", "said"
STOPPED = (130, -signal.SIGINT, -signal.SIGTERM)  # exit statuses of a grading that was told to end
USAGE = grade_command.USAGE
GRACE = 10.0  # seconds to end by itself
_running: set[int] = set()  # process groups that this worker has started


@dataclass(frozen=True)
class Task:
    """One grading. files: path -> content. limit: seconds, after which it is ended. attempt: how
    often it was set aside, to be made again."""

    key: str
    name: str  # of the submission, in its document
    files: dict[str, bytes] = field(repr=False)
    arguments: tuple[str, ...]  # of grade.py
    command: tuple[str, ...] = ()  # in place of grade.py
    version: str = ""  # keys.installed() where it may be done; "": anywhere
    limit: float = 1800.0
    attempt: int = 0

    @property
    def folder(self) -> str:
        """The name of its folder in `place()`: that of another attempt says nothing of this one."""
        return f"{self.key}.{self.attempt}"


@dataclass(frozen=True)
class Outcome:
    """document: its text; "" where there is none, and problem says why. seconds: that it took."""

    document: str
    problem: str = ""
    seconds: float = 0.0


class Interrupted(Exception):
    """It was told to end: nothing is wrong with the submission."""


def grade(task: Task) -> Outcome:
    """Raises ClassroomError where this machine can't grade, and Interrupted."""
    if task.version and task.version != keys.installed():
        raise ClassroomError(
            f"the grader on {os.uname().nodename} ({ROOT}) is another version than the one that"
            " asks, or has another rubric.toml: install the same on all machines"
        )
    folder = place() / task.folder
    prune(folder.parent)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    begun = time.monotonic()
    with (folder / LOCK).open("a") as lock:
        _wait(lock, folder, task.limit)
        _drop_faulty(folder)
        while True:
            if (document := _document(folder)) is not None:
                return Outcome(document, seconds=time.monotonic() - begun)
            if _starts(folder) >= TRIES:
                return Outcome("", _last_words(folder), time.monotonic() - begun)
            _once(task, folder, lock)


def forget(folders: Iterable[str]) -> None:
    """What was made in these is stored where it was asked for; it need not stay here."""
    for name in folders:
        shutil.rmtree(place() / name, ignore_errors=True)


def place() -> Path:
    """This machine's folder for what is going on: a home may be that of several machines."""
    return cache_dir() / "classroom" / os.uname().nodename


def stop() -> None:
    """End the gradings that this worker has started."""
    for group in list(_running):
        _signal(group, signal.SIGTERM)


def _once(task: Task, folder: Path, lock) -> None:
    """Run the grading, if there is a document afterwards or not."""
    submission = folder / "submission" / task.name
    shutil.rmtree(submission.parent, ignore_errors=True)
    for path, data in task.files.items():
        (submission / path).parent.mkdir(parents=True, exist_ok=True)
        (submission / path).write_bytes(data)
    starts = _starts(folder)
    (folder / STARTS).write_text(str(starts + 1))
    command = task.command or (sys.executable, grade_command.__file__)
    command = [*command, str(submission), *task.arguments, "--no-history"]
    with (folder / SAID).open("wb") as said:
        process = subprocess.Popen(
            [*command, "--progress", "jsonl", "--json", str(folder / DOCUMENT)],
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": said},
            start_new_session=True,
            pass_fds=(lock.fileno(),),  # which it holds as long as it lives
        )
    (folder / PROCESS).write_text(str(process.pid))
    _running.add(process.pid)
    try:
        status = process.wait(task.limit)
    except subprocess.TimeoutExpired:
        status = _end(process)
    finally:
        _running.discard(process.pid)
        shutil.rmtree(submission.parent, ignore_errors=True)
    told_to_end = status in STOPPED and not (folder / DOCUMENT).exists()
    if told_to_end or status == USAGE:  # nothing against the submission
        (folder / STARTS).write_text(str(starts))
    if told_to_end:
        raise Interrupted
    if status == USAGE:  # or its document can't be written: a full disk
        raise ClassroomError(f"the grader refuses to work: {_last_words(folder)}")


def _wait(lock, folder: Path, limit: float) -> None:
    """Until no grading of this key runs on this machine: one that a killed worker began."""
    until = time.monotonic() + limit
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                with contextlib.suppress(OSError, ValueError):
                    _signal(int((folder / PROCESS).read_text()), signal.SIGKILL)
            time.sleep(0.1)


def _document(folder: Path) -> str | None:
    """The text of the document, if there is one, and whole."""
    path = folder / DOCUMENT
    try:
        read(path)
        return path.read_text("utf-8")
    except (ResultError, OSError):
        return None


def _drop_faulty(folder: Path) -> None:
    """A document that tells of a fault of the grader's is no reason not to try again."""
    with contextlib.suppress(ResultError, OSError):
        if any(check.status == ERROR for check in read(folder / DOCUMENT).checks):
            (folder / DOCUMENT).unlink()
            (folder / STARTS).unlink(missing_ok=True)


def _starts(folder: Path) -> int:
    try:
        return int((folder / STARTS).read_text())
    except (OSError, ValueError):
        return 0


def _last_words(folder: Path) -> str:
    try:
        return (folder / SAID).read_text("utf-8", "replace").strip()[-500:]
    except OSError:
        return ""


def _end(process: subprocess.Popen) -> int:
    """It is over its limit. SIGTERM lets it end its own workers."""
    _signal(process.pid, signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        _signal(process.pid, signal.SIGKILL)
        process.wait()
    return -signal.SIGKILL


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
