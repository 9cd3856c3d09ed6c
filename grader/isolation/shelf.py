"""What the grader hands to one worker: its submission, and libraries as they are built."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from grader.isolation.levels import BUBBLEWRAP
from grader.isolation.view import ROOT, holds_private_files

MOST_BYTES = 64 << 20  # of a submission; what exceeds them is not there for the worker
LONGEST_PATH = os.pathconf("/", "PC_PATH_MAX") - 1  # bytes of a copy's: a longer one can't be made
BLOCK = 4096  # a file counts as so many bytes at least
READABLE = 0o755, 0o644  # folders, files
SOURCES = {".cu", ".cuh", ".h", ".hpp", ".py"}
SOLUTIONS = ROOT / "solutions"


def home(submission: Path) -> Path:
    """The folder that all its files lie in. Those of our own ladder take parts from each other."""
    return SOLUTIONS if SOLUTIONS in submission.absolute().parents else submission


class Shelf:
    """Read-only for the worker. It lives in the grader's own folder for this worker.

    In namespaces the worker sees a copy of the submission, at the submission's own path: as it was
    at that moment, and readable for the user that the worker is. Elsewhere it sees the submission.
    """

    def __init__(self, folder: Path, submission: Path | None, level: str):
        """level: the worker's. Raises OSError."""
        self._folder = folder / "shelf"
        self._folder.mkdir()
        self._folder.chmod(READABLE[0])
        self.shown: dict[Path, Path] = {self._folder: self._folder}  # as View.read_only
        self._submission = home(submission).absolute() if submission is not None else None
        if self._submission is None:
            return
        if level == BUBBLEWRAP:
            _copy(self._submission, folder / "submission")
            self.shown[self._submission] = folder / "submission"
        elif holds_private_files(self._submission):
            self.shown |= {path: path for path in files_in(self._submission)}
        else:
            self.shown[self._submission] = self._submission

    def add(self, file: Path) -> Path:
        """Where the worker finds a copy of this file. Raises OSError."""
        copy = self._folder / file.name
        if not copy.exists():
            shutil.copyfile(file, copy)
            copy.chmod(READABLE[1])
        return copy

    def digest(self) -> str:
        """Of all that the worker sees of its submission, as it is now. Raises OSError."""
        found = hashlib.sha256()
        folder = self.shown.get(self._submission, self._submission)
        for path in files_in(folder):
            name = os.fsencode(path.relative_to(folder))
            content = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
            for part in (name, content):
                found.update(len(part).to_bytes(8, "little") + part)
        return found.hexdigest()


def files_in(folder: Path) -> Iterator[Path]:
    """The files and links that make up a submission, as far as MOST_BYTES go. In a folder with
    somebody's home in it that is only the source files."""
    private, room = holds_private_files(folder), MOST_BYTES
    folders = [folder]
    while folders:
        try:
            entries = sorted(os.scandir(folders.pop(0)), key=lambda entry: entry.name)
        except OSError:
            continue  # closed to us, or too deep down: nobody reads it
        for entry in sorted(entries, key=lambda entry: Path(entry.name).suffix not in SOURCES):
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                folders += [] if private else [path]
            elif entry.is_symlink() or entry.is_file():
                size = max(entry.stat(follow_symlinks=False).st_size, BLOCK)
                if size <= room and (not private or path.suffix in SOURCES):
                    room -= size
                    yield path


def _copy(source: Path, target: Path) -> None:
    """A link stays a link: what it points at is there for the worker, or it isn't. A file that we
    can't read is there, and nobody can read it. One whose path gets too long is not there."""
    target.mkdir()
    target.chmod(READABLE[0])
    made = {target}
    for path in files_in(source):
        copy = target / path.relative_to(source)
        if len(os.fsencode(copy)) > LONGEST_PATH:
            continue
        folder, missing = copy.parent, []
        while folder not in made:
            missing.append(folder)
            folder = folder.parent
        for folder in reversed(missing):
            folder.mkdir()
            folder.chmod(READABLE[0])
            made.add(folder)
        if path.is_symlink():
            os.symlink(os.readlink(path), copy)
            continue
        try:
            shutil.copyfile(path, copy)
            copy.chmod(READABLE[1])
        except PermissionError:
            copy.touch(mode=0)
