"""Which isolation is in force on this machine, and what it leaves open.

bubblewrap  namespaces of its own: files, processes, network, users; a filter of system calls
landlock    the kernel's rules for files and signals; a filter of system calls
process     limits and a process tree that ends as a whole

The strongest that works is taken. MINGPT_ISOLATION names a weaker one, to try it out.
"""

import functools
import os
from dataclasses import dataclass

from grader.isolation import bubblewrap, landlock, seccomp

BUBBLEWRAP, LANDLOCK, PROCESS = "bubblewrap", "landlock", "process"
NAMES = (BUBBLEWRAP, LANDLOCK, PROCESS)


@dataclass(frozen=True)
class Level:
    name: str
    missing: tuple[str, ...] = ()  # what it does not keep a submission from, in words
    reason: str = ""  # why it is not a stronger one

    @property
    def description(self) -> str:
        """For reports: "bubblewrap", or with what is missing."""
        if not self.missing:
            return self.name
        return f"{self.name} (not isolated: {', '.join(self.missing)})"


class IsolationError(Exception):
    """Too little isolation for what was asked; str() says why, and what to do."""


@functools.cache
def in_force() -> Level:
    """The level of the workers that this process starts."""
    wanted = os.environ.get("MINGPT_ISOLATION") or BUBBLEWRAP
    if wanted not in NAMES:
        raise IsolationError(f"MINGPT_ISOLATION={wanted}: must be one of {', '.join(NAMES)}")
    reason = f"MINGPT_ISOLATION={wanted}"
    filtered = () if seccomp.program() else ("system calls",)
    if wanted == BUBBLEWRAP:
        reason = bubblewrap.refusal()
        if not reason:
            return Level(BUBBLEWRAP, filtered)
    kernel = landlock.version()
    if wanted != PROCESS and kernel:
        return Level(LANDLOCK, (*_open_with_landlock(kernel), *filtered), reason)
    network = () if not filtered else ("network",)
    return Level(PROCESS, ("files", "signals", *network, "disk space", *filtered), reason)


def _open_with_landlock(kernel: int) -> list[str]:
    """What this version of the kernel's rules leaves open."""
    found = ["disk space"]
    if kernel < landlock.SCOPES:
        found.append("signals")
    if not seccomp.program():
        found.append("UDP" if kernel >= landlock.NETWORK else "network")
    if os.geteuid() == 0:
        found.append("number of processes")
    return found


def require() -> None:
    """Raise IsolationError unless a submission is kept from everything."""
    level = in_force()
    if level.name == BUBBLEWRAP and not level.missing:
        return
    raise IsolationError(
        f"--require-isolation: here it would be {level.description}"
        + (f", because: {level.reason}" if level.reason else "")
        + ". docs/security.md says how to set a machine up."
    )
