"""What the grader hands to one worker: its submission, and libraries as they are built."""

import os
import shutil
from pathlib import Path

from grader.isolation.view import ROOT, holds_private_files

MOST_BYTES = 64 << 20  # of a submission that is copied
BLOCK = 4096  # a file counts as so many bytes at least
READABLE = 0o755, 0o644  # folders, files
SOURCES = {".cu", ".cuh", ".h", ".hpp", ".py"}
SOLUTIONS = ROOT / "solutions"


def home(submission: Path) -> Path:
    """The folder that all its files lie in. Those of our own ladder take parts from each other."""
    return SOLUTIONS if SOLUTIONS in submission.absolute().parents else submission


class Shelf:
    """Read-only for the worker. It lives in the grader's own folder for this worker."""

    def __init__(self, folder: Path, submission: Path | None = None):
        """Raises OSError."""
        self._folder = folder / "shelf"
        self._folder.mkdir()
        self._folder.chmod(READABLE[0])
        self.shown: dict[Path, Path] = {self._folder: self._folder}  # as View.read_only
        if submission is not None:
            self._show(home(submission), folder / "submission")

    def add(self, file: Path) -> Path:
        """Where the worker finds a copy of this file. Raises OSError."""
        copy = self._folder / file.name
        if not copy.exists():
            shutil.copyfile(file, copy)
            copy.chmod(READABLE[1])
        return copy

    def _show(self, submission: Path, copy: Path) -> None:
        """The folder itself; or a copy, for root's workers are another user, who may not read it.
        Of a folder with somebody's home in it, only the source files."""
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            _copy(submission.resolve(), copy, MOST_BYTES)
            self.shown[submission.absolute()] = copy
        elif holds_private_files(submission):
            sources = (path for path in submission.absolute().iterdir() if path.suffix in SOURCES)
            self.shown |= {path: path.resolve() for path in sources if path.is_file()}
        else:
            self.shown[submission.absolute()] = submission.resolve()


def _copy(source: Path, target: Path, room: int) -> int:
    """Regular files and folders, as far as there is room; returns what is left of it. A link stays
    a link: what it points at is there for the worker, or it isn't."""
    private = holds_private_files(source)
    target.mkdir()
    target.chmod(READABLE[0])
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        path = target / entry.name
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), path)
        elif entry.is_dir():
            if private:
                continue
            room = _copy(Path(entry.path), path, room)
        elif private and path.suffix not in SOURCES:
            continue
        elif entry.is_file() and entry.stat().st_size <= room:
            shutil.copyfile(entry.path, path)
            path.chmod(READABLE[1])
            room -= max(entry.stat().st_size, BLOCK)
    return room
