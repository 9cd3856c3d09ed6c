"""Namespaces of its own for a worker, made by bubblewrap (bwrap).

It sees the view, a /tmp of its own in memory, no network, and no process but its own. Its processes
end with the first of them: none can step out of a PID namespace.
"""

import contextlib
import json
import os
import random
import select
import signal
import subprocess
import time
from pathlib import Path

from grader.isolation import seccomp
from grader.isolation.view import View, view

SCRATCH = Path("/tmp")
SCRATCH_BYTES = 1 << 30  # of memory, when it is all used
SHARED_BYTES = 64 << 20  # /dev/shm
NAMESPACES = ("pid", "ipc", "net", "uts", "cgroup-try")
NOBODY = "65534"  # who it is in there


class Command:
    """A command line of bwrap, with the file descriptors that it is to inherit. Close it."""

    def __init__(self, view: View, device: str = "cpu", info_fd: int | None = None):
        """info_fd: where bwrap writes which process is the first one inside."""
        made = ["bwrap", *(f"--unshare-{name}" for name in NAMESPACES), "--hostname", "worker"]
        made += ["--new-session", "--die-with-parent", *_user(), "--proc", "/proc", "--dev", "/dev"]
        made += [*_memory("/dev/shm", SHARED_BYTES), *_memory(str(SCRATCH), SCRATCH_BYTES)]
        for folder in sorted({parent for path in view.read_only for parent in path.parents}):
            made += ["--perms", "0755", "--dir", str(folder)]
        for path, source in view.read_only.items():
            if source.is_symlink() and source.parent == Path("/"):  # /lib -> usr/lib
                made += ["--symlink", os.readlink(source), str(path)]
            else:
                made += ["--ro-bind", str(source), str(path)]
        for path in view.devices:
            made += ["--dev-bind", str(path), str(path)]
        made += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(SCRATCH)]
        if info_fd is not None:
            made += ["--info-fd", str(info_fd)]
        self._filter_fd = seccomp.open_program(device)
        if self._filter_fd is not None:
            made += ["--seccomp", str(self._filter_fd)]
        self.arguments = [*made, "--", *_become_nobody()]  # and then what is to run inside
        self.inherit = tuple(fd for fd in (info_fd, self._filter_fd) if fd is not None)

    def close(self) -> None:
        if self._filter_fd is not None:
            os.close(self._filter_fd)
            self._filter_fd = None


def _memory(path: str, size: int) -> list[str]:
    return ["--perms", "1777", "--size", str(size), "--tmpfs", path]


def _user() -> list[str]:
    """Nobody in a user namespace. But root would stay root in there: to the files of /proc/sys, and
    free to start any number of processes. So root becomes a user of no other process's."""
    if os.geteuid() == 0:
        return [
            part
            for name in ("SETUID", "SETGID", "SETPCAP")
            for part in ("--cap-add", f"CAP_{name}")
        ]
    return ["--unshare-user", "--uid", NOBODY, "--gid", NOBODY, "--cap-drop", "ALL"]


def _become_nobody() -> list[str]:
    if os.geteuid() != 0:
        return []
    who = str(random.SystemRandom().randrange(1 << 29, 1 << 30))
    made = ["setpriv", "--reuid", who, "--regid", who, "--clear-groups", "--inh-caps", "-all"]
    return [*made, "--bounding-set", "-all", "--no-new-privs"]


def refusal() -> str:
    """Why this machine doesn't do it, "" if it does: tried with a command that does nothing."""
    made = Command(view("cpu", {}))
    try:
        done = subprocess.run(
            [*made.arguments, "/bin/true"],
            **{"cwd": "/", "capture_output": True, "text": True, "timeout": 20},
            pass_fds=made.inherit,
        )
    except FileNotFoundError:
        return "bwrap is not installed"
    except (OSError, subprocess.SubprocessError) as error:
        return f"bwrap could not be run: {error}"
    finally:
        made.close()
    said = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (said[-1] if said else f"status {done.returncode}")


class Inside:
    """The first process in there, by the pipe in which bwrap tells of it."""

    def __init__(self, info_fd: int):
        self._info_fd = info_fd
        self._pidfd: int | None = None

    def kill(self, outer: subprocess.Popen, grace: float) -> int:
        """End all processes inside; returns the exit status, as Popen gives it.

        grace: seconds for it to end by itself, so that the status is its own.
        """
        self._look(outer.pid, time.monotonic() + 5)
        if grace:
            try:
                return status_of(outer.wait(grace))
            except subprocess.TimeoutExpired:
                pass
        if self._pidfd is not None and outer.poll() is None:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            # bwrap ends when it has seen that process end, which ends after all the others.
            try:
                return status_of(outer.wait(30))
            except subprocess.TimeoutExpired:
                pass
        outer.kill()
        return status_of(outer.wait())

    def close(self) -> None:
        for fd in (self._info_fd, self._pidfd):
            if fd is not None:
                os.close(fd)
        self._info_fd = self._pidfd = None

    def _look(self, outer: int, deadline: float) -> None:
        """Learn which process it is; it stays unknown where bwrap has failed or has ended."""
        text = b""
        while self._pidfd is None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._info_fd], [], [], left)[0]:
                return
            part = os.read(self._info_fd, 4096)
            if not part:
                return
            text += part
            try:
                pid = json.loads(text)["child-pid"]
            except ValueError:
                continue  # the rest is to come
            with contextlib.suppress(ProcessLookupError):
                self._pidfd = os.pidfd_open(pid)
            if self._pidfd is not None and _parent(pid) != outer:  # another one's by now
                os.close(self._pidfd)
                self._pidfd = None
            return


def _parent(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rsplit(b")", 1)[1].split()[1])
    except OSError:
        return None


def status_of(status: int) -> int:
    """bwrap ends with 128 + the signal that ended what ran inside: as Popen says it, -signal."""
    return 128 - status if 128 < status <= 128 + signal.SIGRTMAX else status
