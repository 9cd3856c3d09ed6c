"""All that a process has started, however far away: found, stopped, ended."""

import contextlib
import os
import signal

TICKS = os.sysconf("SC_CLK_TCK")  # in a second of /proc's


def descendants(pid: int) -> set[int]:
    """All processes below this one."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):
                children.setdefault(int(_status(name)[1]), []).append(int(name))
    found: set[int] = set()
    queue = [pid]
    while queue:
        below = children.get(queue.pop(), [])
        queue += below
        found.update(below)
    return found


def cpu_seconds(processes: set[int]) -> dict[int, float]:
    """What each of them has used so far, with the children that it has waited for."""
    found = {}
    for pid in processes:
        with contextlib.suppress(OSError):
            found[pid] = sum(map(int, _status(pid)[11:15])) / TICKS
    return found


def _status(pid: int | str) -> list[bytes]:
    """/proc/PID/stat behind the name: the state, the parent, ..."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rsplit(b")", 1)[1].split()


def threads_of_ours() -> int:
    """Of all processes of this user."""
    found = 0
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == os.geteuid():
                    found += len(os.listdir(f"/proc/{name}/task"))
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
