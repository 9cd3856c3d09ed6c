"""Starts a worker in the isolation that is in force, and ends it with all that it has started."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

from grader.isolation import bubblewrap, levels, processes, seccomp
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
CAME_OR_WENT = 0.1  # seconds that a process counts which began or ended while all were stopped
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")


class Sandbox:
    """A worker's processes."""

    def __init__(
        self,
        process: subprocess.Popen,
        inside: bubblewrap.Inside | None = None,
        lifeline: int | None = None,
    ):
        self.process = process  # the worker, or what stands around it
        self._inside, self._lifeline = inside, lifeline
        self._paused: dict[int, float] = {}  # processes: their CPU seconds by then
        self.stirred = 0.0  # CPU seconds that were used while it was paused, in all

    def kill(self, grace: float = 0.0) -> int:
        """Kill the worker and every process that it has started; its exit status as Popen gives it.

        grace: seconds for the worker to end by itself, so that its status is its own. Afterwards
        none of the processes is left.
        """
        try:
            if grace:
                self.process.wait(grace)
        except subprocess.TimeoutExpired:
            pass
        finally:  # Ctrl-C too
            status = self._kill()
        return status

    def pause(self) -> None:
        """Stop all of its processes, so that they take no time from another's. On Linux only."""
        if sys.platform == "linux":
            self._paused = processes.cpu_seconds(processes.stop_below(self.process.pid))

    def resume(self) -> None:
        """Let them go on. What they did in between, if they found a way, is added to `stirred`."""
        if sys.platform == "linux":
            found = processes.descendants(self.process.pid)
            if self._paused:
                before, now = self._paused, processes.cpu_seconds(found)
                self.stirred += sum(now[pid] - before[pid] for pid in now.keys() & before.keys())
                self.stirred += CAME_OR_WENT * len(now.keys() ^ before.keys())
                self._paused = {}
            processes.send(found, signal.SIGCONT)

    def _kill(self) -> int:
        if self._inside is not None:
            return self._inside.kill(self.process)
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
            with suppress(subprocess.TimeoutExpired):
                return bubblewrap.status_of(self.process.wait(30))
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()


def start(
    arguments: Sequence[str],
    *,
    level: str,
    device: str,
    folder: Path,
    shown: Mapping[Path, Path],
    inherit: Sequence[int],
    variables: dict[str, str],
) -> Sandbox:
    """Start `python ARGUMENTS` with nothing of ours but the file descriptors `inherit`.

    level: the name of one. folder: the grader's, for this worker alone; output goes to
    folder/output. shown: what it may read besides the usual: where it sees that -> where that is.
    variables: of its environment, besides the usual. Raises OSError.
    """
    if level == levels.BUBBLEWRAP:
        seen = view(device, shown)
        return _in_namespaces(arguments, seen, folder, device, inherit, variables)
    scratch = folder / "scratch"
    scratch.mkdir()
    environment = _environment(scratch) | variables
    command = [sys.executable, *arguments]
    if sys.platform != "linux":
        return Sandbox(_popen(command, folder, environment, inherit, cwd=scratch))
    seen = view(device, shown) if level == levels.LANDLOCK else None
    return _under_rules(command, seen, scratch, device, inherit, environment)


def _under_rules(
    command: list[str], seen: View | None, scratch: Path, device: str, inherit, environment: dict
) -> Sandbox:
    lifeline, ours = os.pipe()
    filter_fd = seccomp.open_program(device, shared=True)
    rules = None
    if seen is not None:
        read = [*seen.read_only.values(), Path("/proc"), Path("/sys/devices/system")]
        devices = [*map(Path, DEVICES), *seen.devices]
        rules = {"read": read, "write": [scratch], "devices": devices, "names": [ROOT]}
    settings = {"lifeline": lifeline, "device": device, "filter": filter_fd, "landlock": rules}
    launcher = [sys.executable, "-S", "-m", "grader.isolation.launcher"]
    inherit = [fd for fd in (*inherit, lifeline, filter_fd) if fd is not None]
    try:
        process = _popen(
            [*launcher, json.dumps(settings, default=str), *command],
            *(scratch.parent, environment, inherit),
            cwd=scratch,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(lifeline)
        if filter_fd is not None:
            os.close(filter_fd)
    return Sandbox(process, lifeline=ours)


def _in_namespaces(arguments, seen: View, folder: Path, device: str, inherit, variables) -> Sandbox:
    info, told = os.pipe()
    with open(info, "rb") as info, closing(bubblewrap.Command(seen, device, told)) as made:
        try:
            command = [*made.arguments, sys.executable, *arguments]
            environment = _environment(bubblewrap.SCRATCH) | variables
            process = _popen(command, folder, environment, (*inherit, *made.inherit))
        finally:
            os.close(told)
        return Sandbox(process, bubblewrap.Inside(info))


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
