"""The levels of isolation, and what each leaves open.

bubblewrap  namespaces of its own: files, processes, network, users; a filter of system calls
landlock    the kernel's rules for files and signals; a filter of system calls
process     limits and a process tree that ends as a whole
"""

import os
from dataclasses import dataclass

from grader.isolation import landlock, seccomp

BUBBLEWRAP, LANDLOCK, PROCESS = "bubblewrap", "landlock", "process"


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


def candidates() -> list[Level]:
    """Those that this machine may allow, the strongest first. The last one always works."""
    filtered = () if seccomp.program() else ("system calls",)
    found = [Level(BUBBLEWRAP, filtered)]
    if kernel := landlock.version():
        found.append(Level(LANDLOCK, (*_open_with_landlock(kernel), *filtered)))
    network = ("network",) if filtered else ()
    missing = ("files", "signals", *network, "disk space", *_processes(), *filtered)
    return [*found, Level(PROCESS, missing)]


def _open_with_landlock(kernel: int) -> list[str]:
    """What this version of the kernel's rules leaves open."""
    found = ["disk space", *_processes()]
    if kernel < landlock.SCOPES:
        found.append("signals")
    if not seccomp.program():
        found.append("UDP" if kernel >= landlock.NETWORK else "network")
    return found


def _processes() -> list[str]:
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return ["number of processes"] if is_root else []
