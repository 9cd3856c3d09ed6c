"""Starts a worker in the isolation that is in force, and ends it with all that it has started."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from grader.isolation import bubblewrap, levels
from grader.isolation.view import ROOT, View, view

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


class Sandbox:
    """A worker's processes."""

    def __init__(self, process: subprocess.Popen, inside: bubblewrap.Inside | None = None):
        self.process = process  # the worker, or what stands around it
        self._inside = inside

    def kill(self, grace: float = 0.0) -> int:
        """Kill the worker and every process that it has started; its exit status as Popen gives it.

        grace: seconds for the worker to end by itself, so that its status is its own. Afterwards
        none of the processes is left.
        """
        if self._inside is not None:
            status = self._inside.kill(self.process, grace)
            self._inside.close()
            return status
        if grace:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(grace)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()


def start(
    arguments: Sequence[str],
    *,
    device: str,
    folder: Path,
    shown: Mapping[Path, Path],
    inherit: Sequence[int],
    variables: dict[str, str],
) -> Sandbox:
    """Start `python ARGUMENTS` with nothing of ours but the file descriptors `inherit`.

    folder: the grader's, for this worker alone; its output goes to folder/output. shown: what it
    may read besides the usual: where it sees that -> where that is. variables: of its environment,
    besides the usual. Raises OSError.
    """
    if levels.in_force().name == levels.BUBBLEWRAP:
        return _in_namespaces(arguments, view(device, shown), folder, inherit, variables)
    scratch = folder / "scratch"
    scratch.mkdir()
    environment = _environment(scratch) | variables
    command = [sys.executable, *arguments]
    return Sandbox(_popen(command, folder, environment, inherit, cwd=scratch))


def _in_namespaces(arguments, seen: View, folder: Path, inherit, variables) -> Sandbox:
    read_fd, write_fd = os.pipe()
    inside, made = bubblewrap.Inside(read_fd), None
    try:
        made = bubblewrap.Command(seen, write_fd)
        command = [*made.arguments, sys.executable, *arguments]
        environment = _environment(bubblewrap.SCRATCH) | variables
        inherit = (*inherit, *made.inherit)
        process = _popen(command, folder, environment, inherit)
    except BaseException:
        inside.close()
        raise
    finally:
        os.close(write_fd)
        if made is not None:
            made.close()
    return Sandbox(process, inside)


def _popen(
    command: list[str], folder: Path, environment: dict, inherit: Sequence[int], cwd="/"
) -> subprocess.Popen:
    with open(folder / "output", "wb") as output:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=tuple(inherit),
            start_new_session=True,
        )


def _environment(scratch: Path) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed_on | {
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",  # no __pycache__ appears in a submission
        "PYTHONIOENCODING": "utf-8:backslashreplace",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "USER": "worker",
        "MINGPT_CACHE": str(scratch / "cache"),
    }
