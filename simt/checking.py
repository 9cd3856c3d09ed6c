"""Checks a CUDA program: builds it instrumented, runs it, and collects what it found.

    result = check(Path("prog.cu"), arguments=["1024"])
    for report in result.reports:
        print(report.text())

What is found, and how, is in docs/simt.md; the runtime's side of it in runtime/check.h.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from simt.build import build_program
from simt.report import Checked, Report


@dataclass(frozen=True)
class Result:
    """How a checked program ended, and all that was found."""

    status: int  # its exit status; negative: the signal that ended it
    reports: list[Report]
    kernels: dict[str, int]  # that it launched: how often
    log: str = ""  # the compiler's warnings


def check(
    sources: Path | Sequence[Path],
    *,
    arguments: Sequence[str] = (),
    strict: bool = False,
    leaks: bool = False,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    std: str = "c++17",
) -> Result:
    """Builds and runs a program; its output goes where this process's does.

    strict: also report what GPUs usually let pass (threads that return before a barrier, several
    threads that write the same value). leaks: also memory that is never freed. Raises CompileError.
    """
    build = build_program(
        sources, include_dirs=include_dirs, defines=defines, std=std, mode="check"
    )
    result = run_checked(build.path, arguments, strict=strict, leaks=leaks)
    return replace(result, log=build.log)


def run_checked(
    program: Path,
    arguments: Sequence[str] = (),
    *,
    strict: bool = False,
    leaks: bool = False,
    environment: Mapping[str, str] | None = None,
    stdout: int | None = None,
) -> Result:
    """Runs a program that was built in the mode "check".

    environment: variables on top of this process's. stdout: as subprocess takes it.
    """
    with tempfile.TemporaryDirectory(prefix="simt-") as folder:
        path = Path(folder) / "reports"
        variables = {
            **os.environ,
            **(environment or {}),
            "SIMT_REPORT": str(path),
            "SIMT_STRICT": str(int(strict)),
            "SIMT_LEAKS": str(int(leaks)),
        }
        process = subprocess.Popen([program, *arguments], env=variables, stdout=stdout)
        # Ctrl-C is the program's to handle; what it has found by then is still told.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            status = process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
        # A program that was killed before anything was found leaves no file.
        found = Checked.from_json(path.read_bytes()) if path.exists() else Checked()
    return Result(status, found.reports, found.kernels)
