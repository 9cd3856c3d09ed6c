"""The machine's C++ compiler: which one, with which flags, and how it is run."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import shlex
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

INCLUDE = Path(__file__).resolve().parent / "include"
RUNTIME = Path(__file__).resolve().parent / "runtime"

TIMEOUT = 120.0  # seconds that one call of the compiler may take


class CompileError(Exception):
    """Code did not compile. str(error) is the log to show; command the compiler's command line."""

    def __init__(self, log: str, command: str = ""):
        super().__init__(log)
        self.log, self.command = log, command


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler that was found on this machine."""

    command: tuple[str, ...]  # ("g++",), or ("ccache", "g++")
    version: str  # its own first line about itself
    is_gcc: bool
    flags: tuple[str, ...]  # those that all code is compiled with

    def identity(self) -> str:
        """Changes whenever the same source could compile to something else."""
        return "\n".join([*self.command, self.version, *self.flags, cpu_identity()])


def find_compiler() -> Compiler:
    """$CXX, else g++, else clang++. Raises CompileError if there is none."""
    return _find_compiler(os.environ.get("CXX", ""), os.environ.get("PATH", ""))


def user_flags(std: str) -> list[str]:
    """Flags for the user's code: fast, and as forgiving about CUDA's habits as nvcc is."""
    quiet = ["-Wno-unknown-pragmas", "-Wno-unused-function", "-Wno-sign-compare"]
    # A large local array must touch the guard page below its stack, not jump over it.
    return [f"-std={std}", "-Wall", *quiet, "-fstack-clash-protection"]


# How code is compiled so that the runtime sees what it does (runtime/hooks.cpp). SRA would take
# vector types apart: a float4 is one access of 16 bytes. Its other form would move a load out of a
# function that is not to be seen into the one that calls it.
_TRACED = [
    "-fsanitize=thread",
    "--param=tsan-instrument-func-entry-exit=0",
    "--param=tsan-distinguish-volatile=1",
    "-fno-tree-sra",
    "-fno-ipa-sra",
    "-Wno-tsan",
]
# The compiler's own checks (runtime/undefined.cpp): of arrays in local memory, of integers. What is
# allocated stays so, even if it is only freed. A call at a function's end comes back to it: that
# place is what has a line.
_CHECKED = [
    "-fsanitize=bounds,object-size,signed-integer-overflow",
    "-fstack-protector-strong",
    "-fno-allocation-dce",
    "-fno-builtin-malloc",
    "-fno-builtin-free",
    "-fno-optimize-sibling-calls",
]
TRACED_FLAGS = {
    "plain": [],
    "check": ["-DSIMT_TRACED=1", *_TRACED, *_CHECKED],
    # One instruction for each lane's operation: profiling/arithmetic.py counts them. Threaded jumps
    # would double what follows `wanted ? in[i] : 0`, and lanes would no longer do it together.
    "profile": [
        "-DSIMT_TRACED=2",
        *_TRACED,
        "-fsanitize-coverage=trace-pc",
        "-fno-tree-vectorize",
        "-fno-tree-slp-vectorize",
        "-fno-thread-jumps",
    ],
}


def run(commands: list[list[str]], timeout: float) -> str:
    """Runs compilers, as many at a time as there are processors; returns what they printed.

    Raises CompileError if one fails or takes longer than `timeout` seconds. However this ends
    (Ctrl-C too), the compilers and the programs they started end as well.
    """
    together = os.cpu_count() or 1
    log = ""
    for i in range(0, len(commands), together):
        started: list[subprocess.Popen[bytes]] = []
        try:
            for command in commands[i : i + together]:
                started.append(_start(command))
            log += "".join(_finish(process, timeout) for process in started)
        finally:
            for process in started:
                _kill(process)
    return log


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},  # messages in English, with plain quotes
            start_new_session=True,
        )
    except OSError as error:
        message = f"{command[0]} could not be started: {error.strerror}"
        raise CompileError(message, shlex.join(command)) from None


def _finish(process: subprocess.Popen[bytes], timeout: float) -> str:
    command = shlex.join(process.args)  # type: ignore[arg-type]
    try:
        output = process.communicate(timeout=timeout)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        message = (
            f"The compiler did not finish within {timeout:g} s and was stopped. "
            "Is there a template or macro in the code that expands without end?"
        )
        raise CompileError(message, command) from None
    if process.returncode != 0:
        log = output or f"The compiler ended with status {process.returncode} and no message."
        raise CompileError(log + _hint(output, process.returncode), command)
    return output


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a compiler that still runs, with all that it started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def cpu_identity() -> str:
    """This machine's processor: code made with -march=native runs on no lesser one."""
    return _cpu_identity()


@functools.cache
def _cpu_identity() -> str:
    lines = {platform.machine()}
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(errors="replace")
        wanted = ("model name", "flags", "Features", "CPU part")
        lines.update(line for line in text.splitlines() if line.startswith(wanted))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


@functools.cache
def _find_compiler(cxx: str, path: str) -> Compiler:
    candidates = [tuple(shlex.split(cxx))] if cxx.strip() else [("g++",), ("clang++",)]
    for command in candidates:
        if shutil.which(command[0], path=path):
            break
    else:
        if cxx.strip():
            raise CompileError(f"$CXX is {cxx}, but there is no such compiler here.")
        raise CompileError(
            "No C++ compiler here: apt install g++ (Debian, Ubuntu), dnf install gcc-c++ (Fedora), "
            "conda install gxx (conda), or xcode-select --install (macOS)."
        )
    version = run([[*command, "--version"]], timeout=30).split("\n", 1)[0]
    is_gcc = "clang" not in version.lower()
    flags = ["-O2", "-g1", "-fPIC", "-pthread", "-fdiagnostics-color=never"]
    flags += ["-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"]
    flags += ["-fno-ipa-icf"] if is_gcc else []  # kernels with equal bodies keep their own lines
    flags += ["-fno-semantic-interposition"]  # what is exported may still be inlined
    if platform.machine() in ("x86_64", "AMD64") and _accepts(command, "-mtls-dialect=gnu2"):
        # Thread-local variables by descriptors: fast, and any number of libraries can be loaded.
        flags += ["-mtls-dialect=gnu2", "-ftls-model=local-dynamic"]
    if is_gcc:
        flags += ["-fno-gnu-unique"]  # two libraries in one process share no variables
        # simt.diagnostics shows the user's own lines, in which a tab is one column.
        flags += ["-fno-diagnostics-show-caret", "-ftabstop=1"]
    else:
        flags += ["-fno-caret-diagnostics"]
    if platform.machine() in ("x86_64", "AMD64") and _accepts(command, "-march=native"):
        flags += ["-march=native"]
    return Compiler(command, version, is_gcc, tuple(flags))


def _accepts(command: tuple[str, ...], flag: str) -> bool:
    with contextlib.suppress(CompileError):
        run([[*command, flag, "-fsyntax-only", "-x", "c++", os.devnull]], timeout=30)
        return True
    return False


def _hint(output: str, status: int) -> str:
    if "No space left on device" in output:
        return (
            "\nThe disk is full: free some space, or set MINGPT_CACHE to a folder on another disk."
        )
    if "Killed signal terminated program" in output or status == -signal.SIGKILL:
        return "\nThe compiler was killed, most likely because the machine ran out of memory."
    return ""
