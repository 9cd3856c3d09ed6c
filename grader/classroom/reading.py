"""Reads a submission's files from a folder or a zip, and believes nothing that they say.

No link is followed, no path leads out, and sizes and counts are bounded: what is read is counted,
not what an archive claims.
"""

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from stat import S_ISLNK, S_ISREG

MARKS = ("gpt.cu", "kv_cache.py")  # the folder that has one of them is the submission's
SOURCES = {".cu", ".cuh", ".h", ".hh", ".hpp", ".cpp", ".inc", ".inl", ".py"}
NICKNAME = "nickname.txt"
MOST_ENTRIES = 2_000  # looked at
MOST_FILES = 100  # taken
LARGEST = 1 << 20  # bytes of a file
LARGEST_ALL = 4 << 20
DEEPEST = 4  # folders, above a submission's own
LONGEST = 200  # bytes of a path, from the submission's own folder
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others unpack without a bound
LATEST = 250_000_000_000.0  # seconds since 1970: datetime knows no year beyond 9999


class Unreadable(Exception):
    """There is nothing that can be graded; the message is for the student."""


@dataclass
class Contents:
    """files: path -> bytes, of what the grader may read. time: of the newest of them."""

    files: dict[str, bytes]
    time: datetime
    nickname: bytes = b""
    notes: list[str] = field(default_factory=list)  # what was left out, and why


@dataclass(frozen=True)
class Entry:
    path: PurePosixPath
    read: Callable[[int], bytes]  # at most so many bytes
    time: float  # seconds since 1970


def folder(path: Path) -> Contents:
    """What is in a folder. Raises Unreadable."""
    notes: list[str] = []
    try:
        return _choose(list(_walk(path, notes)), notes)
    except OSError as error:
        name = os.path.basename(error.filename or path)
        raise Unreadable(f"{name} can't be read: {error.strerror or error}.") from None


def archive(path: Path) -> Contents:
    """What is in a zip. Raises Unreadable."""
    notes: list[str] = []
    try:
        with zipfile.ZipFile(path) as opened:
            return _choose(list(_members(opened, path.stat().st_mtime, notes)), notes)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError) as error:
        raise Unreadable(f"{path.name} can't be unpacked: {error}. Zip the files again.") from None
    except OSError as error:
        raise Unreadable(f"{path.name} can't be read: {error.strerror or error}.") from None
    except (RuntimeError, ValueError) as error:  # a password; zlib's errors
        raise Unreadable(f"{path.name} can't be unpacked: {error}.") from None
    except (zlib.error, struct.error, LookupError) as error:
        raise Unreadable(f"{path.name} is damaged: {error}. Zip the files again.") from None


def holds_submission(path: Path) -> bool:
    """Whether a folder, or one not far below, has a file that makes a submission."""
    return any(entry.path.name in MARKS for entry in _walk(path, []))


def _walk(top: Path, notes: list[str]) -> Iterator[Entry]:
    """The regular files below a folder."""
    count = 0
    for place, folders, names in os.walk(top):
        here = PurePosixPath(Path(place).relative_to(top).as_posix())
        folders[:] = sorted(
            name for name in folders if not _hidden(name) and not (Path(place) / name).is_symlink()
        )
        if len(here.parts) >= DEEPEST:
            folders.clear()
        for name in sorted(names):
            count += 1
            if count > MOST_ENTRIES:
                notes.append(f"more than {MOST_ENTRIES:,} files: the others were not looked at")
                return
            path = Path(place) / name
            try:
                status = path.lstat()
            except OSError:
                continue
            if S_ISLNK(status.st_mode):
                notes.append(f"{here / name} is a link: left out")
            elif S_ISREG(status.st_mode) and not _hidden(name):
                yield Entry(here / name, lambda most, path=path: _read(path, most), status.st_mtime)


def _read(path: Path, most: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most)


def _members(opened: zipfile.ZipFile, time: float, notes: list[str]) -> Iterator[Entry]:
    """The regular files of a zip. Their own times have no time zone: the archive's counts."""
    infos = opened.infolist()
    if len(infos) > MOST_ENTRIES:
        raise Unreadable(f"The zip has more than {MOST_ENTRIES:,} entries.")
    for info in infos:
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if not path.parts or info.filename.endswith("/"):
            continue
        if any(_hidden(part) for part in path.parts if part != ".."):
            continue
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            notes.append(f"{info.filename[:80]!r} leads out of the zip: left out")
        elif S_ISLNK(info.external_attr >> 16):
            notes.append(f"{str(path)[:80]} is a link: left out")
        elif info.compress_type not in PACKED:
            notes.append(f"{str(path)[:80]} is packed in an unusual way: left out")
        else:
            yield Entry(path, lambda most, info=info: _unpack(opened, info, most), time)


def _unpack(opened: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    with opened.open(info) as member:
        return member.read(most)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__pycache__", "__MACOSX")


def _choose(entries: list[Entry], notes: list[str]) -> Contents:
    """The files of the submission's own folder, which may lie deeper."""
    roots = {entry.path.parent for entry in entries if entry.path.name in MARKS}
    if not roots:
        names = ", ".join(sorted({entry.path.name for entry in entries})[:8]) or "nothing"
        told = "".join(f" {note}." for note in notes[:3])
        raise Unreadable(
            f"There is neither a gpt.cu nor a kv_cache.py, under exactly these names. There is:"
            f" {names}.{told}"
        )
    depth = min(len(root.parts) for root in roots)
    nearest = sorted(root for root in roots if len(root.parts) == depth)
    if len(nearest) > 1:
        raise Unreadable(
            f"There are several folders with a gpt.cu or kv_cache.py: {nearest[0]}, {nearest[1]}."
            " Hand in one."
        )
    return _take([entry for entry in entries if entry.path.is_relative_to(nearest[0])], nearest[0],
                 notes)  # fmt: skip


def _take(entries: list[Entry], root: PurePosixPath, notes: list[str]) -> Contents:
    files: dict[str, bytes] = {}
    nickname, newest, total = b"", 0.0, 0
    for entry in entries:
        path = entry.path.relative_to(root)
        if str(path) == NICKNAME:
            nickname = entry.read(200)
        if path.suffix not in SOURCES:
            continue
        if not _can_be_named(path):
            notes.append(f"{str(path)[:80]} has a name that is too long or no text: left out")
            continue
        data = entry.read(LARGEST + 1)
        total += len(data)
        if len(data) > LARGEST or total > LARGEST_ALL or len(files) >= MOST_FILES:
            raise Unreadable(
                f"It is too large: a submission has at most {MOST_FILES} source files, of"
                f" {LARGEST >> 20} MB each and {LARGEST_ALL >> 20} MB together ({path})."
            )
        files[str(path)] = data
        newest = max(newest, entry.time)
    both = {str(above) for path in files for above in PurePosixPath(path).parents} & files.keys()
    if both:
        raise Unreadable(f"{min(both)} is a file and a folder too. Zip the files again.")
    return Contents(files, time_of(newest), nickname, notes)


def time_of(seconds: float) -> datetime:
    """Of seconds since 1970, as a file system tells them."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), LATEST), UTC)


def _can_be_named(path: PurePosixPath) -> bool:
    try:
        return len(str(path).encode()) <= LONGEST
    except UnicodeEncodeError:  # bytes that are no UTF-8
        return False
