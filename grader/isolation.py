"""How a worker is kept apart from the grader: a process group of its own, limits, a clean
environment.

The only module that knows how workers are started and ended. A stronger isolation (namespaces, a
system-call filter) belongs here and changes nothing elsewhere. What this one promises: a crash, a
hang or a flood stays in the worker, and nothing of it lives on. What it doesn't: keep hostile code
from files that this user can read.
"""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

DESCRIPTION = "process + rlimits"

# Passed on to workers; everything else of the environment stays here.
PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "CXX",
    "CUDA_HOME",
    "CUDA_PATH",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
)
MEMORY_BYTES = 16 << 30  # address space: importing torch alone maps several GB
FILE_BYTES = 64 << 20  # the largest file, captured output and compiled libraries included

_PR_SET_PDEATHSIG = 1


def start(
    arguments: Sequence[str], *, scratch: Path, inherit: Sequence[int], variables: dict[str, str]
) -> subprocess.Popen:
    """Start `python ARGUMENTS` in `scratch`, with nothing of ours but the file descriptors
    `inherit`.

    Its standard output and error go to scratch/output. `variables` are added to its environment.
    """
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    root = str(Path(__file__).resolve().parent.parent)
    environment |= {
        "PYTHONPATH": root,
        "PYTHONDONTWRITEBYTECODE": "1",  # no __pycache__ appears in a submission
        "PYTHONIOENCODING": "utf-8:backslashreplace",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        **variables,
    }
    with open(scratch / "output", "wb") as output:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=scratch,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=tuple(inherit),
            start_new_session=True,  # its children are in its process group: all die together
        )


def confine(device: str) -> None:
    """Called in the worker before it touches a submission: limits that can't be raised again.

    (Not between fork and exec: running Python there isn't safe in a grader that has threads.)
    """
    limits = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, FILE_BYTES)]
    if device == "cpu":  # a CUDA context reserves far more address space than it uses
        limits.append((resource.RLIMIT_AS, MEMORY_BYTES))
    for which, value in limits:
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS has no RLIMIT_AS
            resource.setrlimit(which, (value, value))
    if sys.platform == "linux":  # if the grader is killed, the worker is too
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def kill(process: subprocess.Popen) -> int:
    """Kill the worker and every process in its group; return its exit status as Popen gives it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # Before wait(): until then the group's id can't be anybody else's.
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()
