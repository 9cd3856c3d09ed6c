"""All that a process has started, however far away: found, stopped, ended."""

import contextlib
import os
import signal


def descendants(pid: int) -> set[int]:
    """All processes below this one."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rsplit(b")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(name))
    found: set[int] = set()
    queue = [pid]
    while queue:
        below = children.get(queue.pop(), [])
        queue += below
        found.update(below)
    return found


def send(processes: set[int], number: int) -> None:
    """A signal to each that is still there."""
    for pid in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def stop_below(pid: int) -> set[int]:
    """Stop all processes below this one, until no new one turns up; returns them."""
    stopped: set[int] = set()
    while new := descendants(pid) - stopped:
        send(new, signal.SIGSTOP)
        stopped |= new
    return stopped
