"""The files of this checkout that a service needs: what git has of them, as it is now."""

import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from grader.services import ServiceError
from mingpt.paths import ROOT

# What grades and what that needs; not solutions/, nor what tells them (tests/, gallery/, labs/).
PARTS = (
    *("grader", "mingpt", "simt", "lab", "course", "starter"),
    *("run.py", "test.py", "Makefile", "CMakeLists.txt"),
    *("pyproject.toml", "setup.py", "constraints.txt", "environment.yml", ".gitignore"),
)
SOLUTIONS = "solutions"
README = "README.md"  # that pyproject.toml names


def files(*parts: str) -> Iterator[tuple[PurePosixPath, Path]]:
    """Each file of these parts, tracked or new, unless it is ignored: its path below ROOT, and
    where it is. Raises ServiceError."""
    for name in sorted(set(_git("ls-files", "-z", "--", *parts).split("\0")) - {""}):
        path = ROOT / name
        if path.is_file():  # tracked, and perhaps deleted
            yield PurePosixPath(name), path


def _git(command: str, *arguments: str) -> str:
    asked = ["git", "-C", str(ROOT), command, "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run([*asked, *arguments], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise ServiceError("git is not installed: it says which files belong to it") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip() or error
        raise ServiceError(f"{ROOT} is no git checkout, make it in a clone: {said}") from None
    return done.stdout
