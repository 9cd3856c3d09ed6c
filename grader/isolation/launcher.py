"""python -m grader.isolation.launcher SETTINGS COMMAND...: run a worker where there is no
bubblewrap, under the kernel's rules for it, and end all that it has started.

SETTINGS is JSON: "lifeline", a file descriptor that the grader keeps open as long as the worker may
live; "device"; "filter", a file descriptor with the filter of system calls, or null; "landlock":
null, or the paths to "read", to "write", of "devices", and where "names" may be listed.

The exit status is the worker's; 128 + the signal's number if one has ended it. Standard library
only, and no threads: what it sets holds for all that the worker ever starts.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
from pathlib import Path

from grader.isolation import landlock, limits, processes

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
PR_SET_CHILD_SUBREAPER = 36
SECCOMP_MODE_FILTER = 2
LAST_CAPABILITY = 63
CAP_DAC_READ_SEARCH = 2  # root grades what students own


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def main() -> None:
    settings, command = json.loads(sys.argv[1]), sys.argv[2:]
    lifeline = settings["lifeline"]
    os.set_inheritable(lifeline, False)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # whose parent has ended is ours, whatever it calls itself
    worker = os.fork()
    if worker == 0:
        try:
            _confine(settings)
            os.execv(command[0], command)
        except BaseException as error:
            print(f"The worker could not be confined: {error}", file=sys.stderr)
        os._exit(1)
    status = _watch(worker, lifeline)
    _end_all()
    os._exit(status)


def _watch(worker: int, lifeline: int) -> int:
    """Wait until the worker has ended or is to end."""
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        pid, status = os.waitpid(worker, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        ready = select.select([lifeline, wake_read], [], [])[0]
        if lifeline in ready:
            return 128 + signal.SIGKILL
        with contextlib.suppress(BlockingIOError):
            os.read(wake_read, 512)


def _end_all() -> None:
    """Kill every descendant, and wait for each. First all are stopped: none starts another."""
    found = processes.stop_below(os.getpid())
    while True:
        processes.send(found, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
        if not (found := processes.descendants(os.getpid())):
            return


def _confine(settings: dict) -> None:
    """All that holds for the worker, from the outside in. Raises OSError."""
    os.setsid()
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    limits.confine(settings["device"], processes.threads_of_ours())
    os.environ[limits.DONE] = "1"
    _drop_capabilities()
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if rules := settings["landlock"]:
        # To name its threads, as CUDA's driver does and must. Left open, by the worker too: as long
        # as it is, this folder of /proc is the one that the rule is for.
        itself = os.open("/proc/self", os.O_PATH)
        os.set_inheritable(itself, True)
        rules["devices"].append(f"/proc/self/fd/{itself}")
        landlock.restrict(**{kind: map(Path, paths) for kind, paths in rules.items()})
    if settings["filter"] is not None:
        with open(settings["filter"], "rb") as file:
            filter = file.read()
        program = _Program(len(filter) // 8, filter)
        _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))


def _drop_capabilities() -> None:
    """Root keeps its name, and the right to read what it grades, if it had that: in a container it
    may not."""
    if os.geteuid() != 0:
        return
    for capability in set(range(LAST_CAPABILITY + 1)) - {CAP_DAC_READ_SEARCH}:
        with contextlib.suppress(OSError):  # the kernel knows fewer
            _prctl(PR_CAPBSET_DROP, capability)  # no program that it starts has them
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; and the upper halves
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, data):
        raise OSError(ctypes.get_errno(), "capabilities can't be read")
    kept = data[1] & 1 << CAP_DAC_READ_SEARCH
    data[:] = (kept, kept, 0, 0, 0, 0)
    if libc.capset(header, data):
        raise OSError(ctypes.get_errno(), "capabilities can't be dropped")


def _prctl(option: int, *arguments) -> None:
    padded = [*arguments, *[0] * (4 - len(arguments))]
    values = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in padded]
    if ctypes.CDLL(None, use_errno=True).prctl(option, *values):
        raise OSError(ctypes.get_errno(), f"prctl {option} is refused")


if __name__ == "__main__":
    main()
