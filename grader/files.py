"""Files that are written whole or not at all, and folders that nobody needs any more."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

DAY = 24 * 3600.0  # seconds
_locks: dict[Path, int] = {}  # of folders in use: whatever the clock says, they are not old


def write(path: Path, content: str | bytes) -> None:
    """Replace the file in one step: whoever reads it sees the old content or the new. Text becomes
    UTF-8. Raises OSError."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def temporary_folder(prefix: str) -> Path:
    """A new folder of ours, under the system's for such. Those that a killed process has left there
    more than a day ago are removed. Raises OSError."""
    made = Path(tempfile.mkdtemp(prefix=prefix))
    _locks[made] = _lock(made)
    for folder in made.parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            found = folder.stat()
            if found.st_uid == made.stat().st_uid and time.time() - found.st_mtime > DAY:
                _locks[folder] = _lock(folder)
                remove(folder)
    return made


def _lock(folder: Path) -> int:
    """Of a folder, until `remove` or the end of this process. Raises OSError where it is in use."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd


def remove(folder: Path) -> None:
    """Remove a folder, whatever a submission has left in it; what can't be removed stays."""
    if (lock := _locks.pop(folder, None)) is not None:
        os.close(lock)
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError):  # closed to us, or a thousand folders deep
        with contextlib.suppress(OSError):
            _remove_flat(folder)


def _remove_flat(folder: Path) -> None:
    """Folders within folders are moved up first: no path gets long, and nothing recurs."""
    os.chmod(folder, 0o700)
    while inner := [one.path for one in os.scandir(folder) if one.is_dir(follow_symlinks=False)]:
        for path in inner:
            os.chmod(path, 0o700)
            for entry in os.scandir(path):
                if entry.is_dir(follow_symlinks=False):
                    os.chmod(entry.path, 0o700)  # to move it, its ".." must be written
                    os.rename(entry.path, tempfile.mkdtemp(dir=folder))
                else:
                    os.unlink(entry.path)
            os.rmdir(path)
    shutil.rmtree(folder)
