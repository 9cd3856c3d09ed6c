"""The folder where compiled code is kept, so that nothing is compiled twice."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

KEPT_SECONDS = 30 * 24 * 3600.0  # an entry that was not used for so long is removed


def cache_dir(chosen: Path | None = None) -> Path:
    """The folder: `chosen`, else $MINGPT_CACHE, else ~/.cache/mingpt-lab; made if need be.

    If it cannot be written, a folder of this user in the system's temporary directory.
    """
    wanted = chosen or os.environ.get("MINGPT_CACHE")
    candidates = []
    with contextlib.suppress(RuntimeError):  # no home directory
        candidates.append(Path(wanted) if wanted else Path.home() / ".cache" / "mingpt-lab")
    user = os.getuid() if hasattr(os, "getuid") else "user"
    candidates.append(Path(tempfile.gettempdir()) / f"mingpt-lab-{user}")
    for folder in candidates:
        if _is_usable(folder):
            return folder.absolute()
    return Path(tempfile.mkdtemp(prefix="mingpt-lab-"))


def touch(path: Path) -> None:
    """Marks an entry as used just now."""
    with contextlib.suppress(OSError):
        os.utime(path)


def prune(folder: Path) -> None:
    """Removes the entries of folder that were not used for KEPT_SECONDS."""
    oldest = time.time() - KEPT_SECONDS
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            with contextlib.suppress(OSError):
                if entry.stat().st_mtime < oldest:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


@contextlib.contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder`: a finished file then moves into place atomically."""
    path = Path(tempfile.mkdtemp(prefix="building-", dir=folder))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _is_usable(folder: Path) -> bool:
    """Whether files can be written to folder, and nobody else owns it (they could change them)."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if hasattr(os, "getuid") and folder.stat().st_uid not in (os.getuid(), 0):
            return False
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
