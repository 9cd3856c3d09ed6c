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
from pathlib import Path
from typing import BinaryIO

from grader.isolation import seccomp
from grader.isolation.view import View

SCRATCH = Path("/tmp")
SCRATCH_BYTES = 1 << 30  # of memory, when it is all used
SHARED_BYTES = 64 << 20  # /dev/shm
NAMESPACES = ("pid", "ipc", "net", "uts", "cgroup-try")
PATIENCE = 30.0  # seconds for what was killed to be gone
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


class Inside:
    """The first process in there. With it all others end, and it is the last to be gone."""

    def __init__(self, info: BinaryIO):
        """info: where bwrap tells of it, at once."""
        self._pidfd: int | None = None
        with contextlib.suppress(ValueError, OSError):
            self._pidfd = os.pidfd_open(json.load(info)["child-pid"])  # bwrap has not waited yet

    def kill(self, outer: subprocess.Popen) -> int:
        """End all processes inside, and wait for that; the exit status of `outer`, which is bwrap,
        as Popen gives it."""
        if self._pidfd is None:  # nothing has begun inside
            outer.kill()
            return status_of(outer.wait())
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        select.select([self._pidfd], [], [], PATIENCE)
        os.close(self._pidfd)
        self._pidfd = None
        try:
            return status_of(outer.wait(PATIENCE))
        except subprocess.TimeoutExpired:
            outer.kill()
            return status_of(outer.wait())


def status_of(status: int) -> int:
    """bwrap ends with 128 + the signal that ended what ran inside: as Popen says it, -signal."""
    return 128 - status if 128 < status <= 128 + signal.SIGRTMAX else status
