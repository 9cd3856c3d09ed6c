"""Runs a command in a child process, so that native code that crashes or hangs ends with a message.

A kernel's faults are simt's or CUDA's to report. But gpt.cu also has host code, the functions that
launch: a bad pointer there would end Python without a word, and a loop there would shut out Ctrl-C.
"""

import ctypes
import math
import os
import signal
import sys
import time
from collections.abc import Callable

GRACE = 3.0  # seconds that the child has to end by itself after Ctrl-C
INTERRUPTED = 130  # the exit status that shells give to Ctrl-C
SET_PARENT_DEATH_SIGNAL = 1  # prctl(2)


def guarded(command: Callable[[], int]) -> int:
    """The exit status of command(), which runs in a child if forks(), else right here."""
    if not forks():
        return command()
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # until each of the two is ready
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, _interrupt_once)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        return command()  # and so the child goes on as if it were the command itself
    return _report(_wait(child))


def forks() -> bool:
    """On Linux only is it safe to fork a process that has loaded torch. MINGPT_GUARD=0 says no:
    profilers lose sight of a process that forks and does not exec."""
    return sys.platform == "linux" and os.environ.get("MINGPT_GUARD") != "0"


def _interrupt_once(*_) -> None:
    """Ctrl-C in a terminal comes twice, from it and from the parent: only the first counts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _wait(child: int) -> int | None:
    """The child's exit status (minus the signal that ended it); None if it had to be killed."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        return _wait_until(child, math.inf)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGINT)
        code = _wait_until(child, time.monotonic() + GRACE)
        if code is not None:
            return code
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None
    except SystemExit:  # of our handler of SIGTERM
        os.kill(child, signal.SIGKILL)
        raise


def _wait_until(child: int, deadline: float) -> int | None:
    """Looks now and then: a waitpid that blocks would miss a signal that comes just before it."""
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    return None


def _report(code: int | None) -> int:
    """The command's exit status: the child's, or 1 after a message on how it crashed."""
    if code is None:
        print("\nInterrupted, in native code that did not return.", file=sys.stderr)
        return INTERRUPTED
    if code >= 0:
        return code
    what = signal.strsignal(-code) or f"signal {-code}"
    print(
        f"\nNative code crashed: {what}.\n"
        + (
            "Was there enough memory?"
            if -code == signal.SIGKILL
            else "With custom layers, look at the host code of gpt.cu: the functions that launch, "
            "outside of the kernels.\nHost code must not read or write device memory."
        ),
        file=sys.stderr,
    )
    return 1
