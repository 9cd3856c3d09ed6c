"""Profiles a CUDA program: what each kernel and each line of it asked of memory.

    result = profile(Path("prog.cu"))
    for kernel in result.kernels:
        print(kernel.name, kernel.total("global", "load").sectors_per_request)

text.py and page/ make of it what python -m simt profile shows.

The counts of memory traffic are those of a GPU of compute capability 7.0 to 9.0, by warp
(runtime/traffic.h); they agree with Nsight Compute's (docs/simt-counters.md). How arithmetic is
counted is said in arithmetic.py. Large grids are sampled: `Kernel.scale` is the
factor from the blocks that were traced to all.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simt.build import Build, build_program
from simt.profiling.kernel import Access, CodeLine, Kernel, SharedUse, lines
from simt.profiling.reader import read_profiles

__all__ = [
    "Access",
    "CodeLine",
    "Kernel",
    "Result",
    "SharedUse",
    "lines",
    "profile",
    "read_profiles",
    "run_profiled",
]


@dataclass(frozen=True)
class Result:
    """How a profiled program ended, and its kernels in the order of their first launch."""

    status: int  # exit status; negative: the signal that ended it
    kernels: list[Kernel]
    log: str  # the compiler's warnings


def profile(
    sources: Path | Sequence[Path],
    *,
    arguments: Sequence[str] = (),
    blocks: int | None = None,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    std: str = "c++17",
) -> Result:
    """Builds and runs a program, and counts what its kernels do.

    blocks: how many blocks of each launch to trace, evenly spread; 0: all; None: all of a small
    grid, some of a large one. Raises CompileError.
    """
    build = build_program(
        sources, include_dirs=include_dirs, defines=defines, std=std, mode="profile"
    )
    return run_profiled(build, arguments, blocks=blocks)


def run_profiled(
    build: Build, arguments: Sequence[str] = (), *, blocks: int | None = None
) -> Result:
    """Runs a program that was built in the mode "profile"."""
    with tempfile.TemporaryDirectory(prefix="simt-") as folder:
        path = Path(folder) / "profile"
        environment = {"SIMT_REPORT": "stderr", **os.environ, "SIMT_PROFILE": str(path)}
        if blocks is not None:
            environment["SIMT_BLOCKS"] = str(blocks)
        status = subprocess.run([build.path, *arguments], env=environment, check=False).returncode
        text = path.read_text(errors="replace") if path.exists() else "[]"
    return Result(status, read_profiles(text, build.path), build.log)
