"""Runs nbgrader's commands with this Python."""

import os
import subprocess
import sys
from pathlib import Path


def nbgrader(root: Path, *arguments: str, **options) -> subprocess.CompletedProcess:
    """An nbgrader command in the course's folder. options: as subprocess.run's."""
    command = [sys.executable, "-m", "nbgrader", *arguments]
    return subprocess.run(command, cwd=root, env=environment(), **options)


def environment() -> dict[str, str]:
    """The environment with this Python's commands first: nbgrader calls alembic by its name."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return os.environ | {"PATH": path}
