"""Profiles a CUDA program: what each kernel and each line of it asked of memory.

    result = profile(Path("prog.cu"))
    for kernel in result.kernels:
        print(kernel.name, kernel.total("global", "load").sectors_per_request)

The counts are those of a GPU of compute capability 7.0 to 9.0, by warp (runtime/traffic.h); they
agree with Nsight Compute's (docs/simt-counters.md). Large grids are sampled: `Kernel.scale` is the
factor from the blocks that were traced to all.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simt.build import Build, build_program
from simt.lines import lines_of

SECTOR_BYTES = 32
_COUNTS = (
    "requests",
    "lanes",
    "sectors",
    "ideal_sectors",
    "wavefronts",
    "ideal_wavefronts",
    "crowd",
)
_KERNEL_COUNTS = (
    "static_shared",
    "dynamic_shared",
    "launches",
    "blocks",
    "traced_blocks",
    "barriers",
    "truncated",
    "bytes_read",
    "bytes_written",
)


@dataclass
class Access:
    """All accesses of one kind from one line, by all warps of the traced blocks."""

    line: str  # "gpt.cu:31"; "" for a sum over lines
    space: str  # "global", "shared" or "program" (__device__ variables)
    op: str  # "load", "store" or "atomic"
    size: int = 0  # bytes a lane
    requests: int = 0  # instructions, each by a warp
    lanes: int = 0  # that took part, added up
    sectors: int = 0  # of 32 bytes; global only
    ideal_sectors: int = 0  # had the distinct bytes of each request been side by side
    wavefronts: int = 0  # passes over the banks; shared only
    ideal_wavefronts: int = 0
    crowd: int = 0  # atomics: lanes at one address, the most of each request, added up
    array: str = ""  # the parameter or variable
    element_size: int = 4  # of it, bytes
    sample: list[int] = field(default_factory=list)  # a request: byte offset of each lane, -1: none

    @property
    def sectors_per_request(self) -> float:
        return self.sectors / self.requests if self.requests else 0.0

    @property
    def efficiency(self) -> float:
        """Of the sectors moved, the share that was needed: 1 is perfectly coalesced."""
        return self.ideal_sectors / self.sectors if self.sectors else 1.0

    @property
    def bytes_requested(self) -> int:
        return self.lanes * self.size

    @property
    def bytes_moved(self) -> int:
        return self.sectors * SECTOR_BYTES

    @property
    def bank_conflicts(self) -> int:
        return self.wavefronts - self.ideal_wavefronts

    @property
    def active_lanes(self) -> float:
        return self.lanes / self.requests if self.requests else 0.0

    def add(self, other: Access) -> None:
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if not self.sample:
            self.array, self.element_size = other.array, other.element_size
            self.sample = other.sample


@dataclass
class Kernel:
    """The launches of one kernel with one shape from one line."""

    name: str
    launched_at: str  # "gpt.cu:160"
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    static_shared: int  # bytes
    dynamic_shared: int
    launches: int
    blocks: int  # in all launches
    traced_blocks: int
    barriers: int  # that the traced blocks passed
    truncated: int  # accesses of very long threads that were not counted
    bytes_read: int  # distinct bytes of global memory, of the traced blocks
    bytes_written: int
    accesses: list[Access]
    warp_steps: int  # basic blocks that warps executed
    lane_steps: int  # the same, by lane
    shared_use: dict[str, list[int]]  # accesses of each 4-byte word of a shared variable

    @property
    def scale(self) -> float:
        """All blocks over the traced ones: what to multiply counts with."""
        return self.blocks / self.traced_blocks if self.traced_blocks else 1.0

    @property
    def active_lanes(self) -> float:
        """Lanes that took part in an average step of a warp (of 32)."""
        return self.lane_steps / self.warp_steps if self.warp_steps else 32.0

    def total(self, space: str, op: str | None = None) -> Access:
        """The sum over all lines."""
        total = Access("", space, op or "")
        for access in self.accesses:
            if access.space == space and op in (None, access.op):
                total.add(access)
        return total


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
        environment = {**os.environ, "SIMT_PROFILE": str(path)}
        if blocks is not None:
            environment["SIMT_BLOCKS"] = str(blocks)
        status = subprocess.run([build.path, *arguments], env=environment, check=False).returncode
        text = path.read_text() if path.exists() else "[]"
    return Result(status, read_profiles(text, build.path), build.log)


def read_profiles(text: str, binary: Path) -> list[Kernel]:
    """What simt_profiles() returned in a program or library built in the mode "profile"."""
    data = json.loads(text)
    pcs = {access["pc"] for kernel in data for access in kernel["accesses"]}
    lines = lines_of(binary, pcs)
    return [_kernel(fields, lines) for fields in data]


def _kernel(fields: dict, lines: dict[int, str]) -> Kernel:
    merged: dict[tuple, Access] = {}
    for access in fields["accesses"]:
        one = Access(
            line=lines.get(access["pc"], ""),
            **{name: value for name, value in access.items() if name != "pc"},
        )
        key = (one.line, one.space, one.op, one.size, one.array)
        if key in merged:
            merged[key].add(one)
        else:
            merged[key] = one
    return Kernel(
        name=fields["kernel"],
        launched_at=f"{Path(fields['file']).name}:{fields['line']}",
        grid=tuple(fields["grid"]),
        block=tuple(fields["block"]),
        accesses=sorted(merged.values(), key=_by_line),
        warp_steps=sum(executions for _, executions, _ in fields["code"]),
        lane_steps=sum(lanes for _, _, lanes in fields["code"]),
        shared_use=fields["shared"],
        **{name: fields[name] for name in _KERNEL_COUNTS},
    )


def _by_line(access: Access) -> tuple:
    file, _, number = access.line.rpartition(":")
    return file, int(number or 0), access.space, access.op


def lines(accesses: Iterable[Access]) -> dict[str, list[Access]]:
    """The accesses of each line."""
    found: dict[str, list[Access]] = {}
    for access in accesses:
        found.setdefault(access.line, []).append(access)
    return found
