"""What a program's kernels do step by step: each request of each warp, and where lanes and warps
wait for one another.

    for launch in trace(Path("prog.cu")).launches:
        for step in launch.blocks[0]:
            form = launch.forms[step.form]
            print(step.warp, form.line, form.op, form.cost)

Steps are counted as simt.profile counts them (runtime/traffic.h): summed up, they agree with it.
Only requests to shared and global memory are steps, not arithmetic. A GPU's warps run in any order
between two barriers; here they take turns, a step each.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from simt.build import Build, build_program
from simt.lines import Run, lines_of, output_of
from simt.reading import count, counts, dim3, one_of, parse, text

WARP = 32
WHOLE_BLOCK = -1  # Step.warp of a barrier
MOST_EXTENTS = 8  # of an array


@dataclass(frozen=True)
class Array:
    """What requests go to: an allocation in global memory, or a variable."""

    name: str  # of the parameter that points there, or of the variable; "": not known
    space: str  # "global", "shared" or "program" (__device__ variables)
    start: int  # its address; in shared memory, bytes from where that begins
    size: int  # bytes; 0: not known
    element_size: int
    extents: tuple[int, ...]  # as a shared array is declared; () where that is not known


@dataclass(frozen=True)
class Form:
    """What a step is: all but whose it is, and where in the array it begins."""

    kind: str  # "request", "meeting" (of lanes, as in a shuffle) or "barrier"
    line: str  # "gpt.cu:31"; "" where none is known
    what: str = ""  # meeting, barrier: "__syncthreads"
    op: str = ""  # request: "load", "store" or "atomic"
    size: int = 0  # request: bytes a lane
    array: int = 0  # request: number in Trace.arrays
    lanes: tuple[int, ...] = ()  # bytes from Step.offset for each lane, -1: it takes no part
    cost: int = 0  # request: sectors of 32 bytes, or in shared memory passes over the banks
    ideal: int = 0  # what the same lanes would cost at best
    threads: int = 0  # barrier: how many wait

    @property
    def active(self) -> int:
        """How many lanes take part."""
        return sum(at >= 0 for at in self.lanes)


class Step(NamedTuple):
    """One step of a warp, or a barrier of all."""

    form: int  # number in Trace.forms
    warp: int  # of the block; WHOLE_BLOCK at a barrier
    offset: int  # request: the lowest address, in bytes from the array's start


class Total(NamedTuple):
    """Requests to one space, added up."""

    requests: int
    cost: int
    ideal: int


@dataclass(frozen=True)
class Trace:
    """One launch of a kernel."""

    kernel: str
    launched_at: str  # "gpt.cu:160"
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    arrays: list[Array]
    forms: list[Form]
    blocks: dict[int, list[Step]]  # by number (x fastest); one that took no step is left out
    lost: int  # steps beyond what a recording holds; 0: it is complete

    @property
    def num_blocks(self) -> int:
        return self.grid[0] * self.grid[1] * self.grid[2]

    @property
    def num_warps(self) -> int:
        """Of a block."""
        return -(-self.block[0] * self.block[1] * self.block[2] // WARP)

    def total(self, space: str, block: int | None = None) -> Total:
        """Of one block, or of all."""
        times = Counter(step.form for step in self._steps(block))
        requests = [
            (form, times[i])
            for i, form in enumerate(self.forms)
            if form.kind == "request" and self.arrays[form.array].space == space
        ]
        return Total(
            sum(count for _, count in requests),
            sum(form.cost * count for form, count in requests),
            sum(form.ideal * count for form, count in requests),
        )

    def barriers(self, block: int | None = None) -> int:
        """That one block, or all, passed."""
        return sum(step.warp == WHOLE_BLOCK for step in self._steps(block))

    def _steps(self, block: int | None):
        wanted = self.blocks if block is None else [block]
        return (step for number in wanted for step in self.blocks.get(number, ()))


@dataclass(frozen=True)
class Result:
    """How a traced program ended, and what it launched, in order."""

    status: int  # exit status; negative: the signal that ended it
    launches: list[Trace]


def trace(
    sources: Path | Sequence[Path],
    *,
    arguments: Sequence[str] = (),
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    std: str = "c++17",
) -> Result:
    """Builds and runs a program, and records every step of its kernels. Raises CompileError."""
    build = build_program(
        sources, include_dirs=include_dirs, defines=defines, std=std, mode="profile"
    )
    return run_traced(build, arguments)


def run_traced(build: Build, arguments: Sequence[str] = ()) -> Result:
    """Runs a program that was built in the mode "profile"."""
    with tempfile.TemporaryDirectory(prefix="simt-") as folder:
        path = Path(folder) / "trace"
        environment = {"SIMT_REPORT": "stderr", **os.environ, "SIMT_TRACE": str(path)}
        status = subprocess.run([build.path, *arguments], env=environment, check=False).returncode
        text = path.read_text(errors="replace") if path.exists() else "[]"
    return Result(status, read_traces(text, build.path))


def read_traces(recorded: str, binary: Path, run: Run = output_of) -> list[Trace]:
    """What simt_recordings() returned in a program or library built in the mode "profile".

    run: where tools look at the binary, as lines.lines_of's. Raises ValueError for a text that is
    none: it may come from a process that can't be trusted.
    """
    try:
        data = parse(recorded)
        pcs = {form["pc"] for launch in data for form in launch["forms"] if "pc" in form}
        lines = {pc: line.name for pc, line in lines_of(binary, map(count, pcs), run).items()}
        return [_launch(launch, lines) for launch in data]
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        RecursionError,
    ) as error:
        raise ValueError(f"This is not a recording of simt: {error!r}") from error


def _launch(data: dict, lines: dict[int, str]) -> Trace:
    arrays = [_array(one) for one in data["arrays"]]
    patterns = [_pattern(one) for one in data["patterns"]]
    forms = [_form(one, arrays, patterns, lines) for one in data["forms"]]
    launch = Trace(
        kernel=text(data["kernel"]),
        launched_at=f"{Path(text(data['file'])).name}:{count(data['line'])}",
        grid=dim3(data["grid"]),
        block=dim3(data["block"]),
        arrays=arrays,
        forms=forms,
        blocks={},
        lost=count(data["lost"]),
    )
    for number, flat in data["blocks"]:
        if not 0 <= number < launch.num_blocks or len(flat) % 3:
            raise ValueError("a block is not in the grid, or not made of steps")
        steps = [
            _step(launch, *flat[i : i + 3])  # form, warp, offset
            for i in range(0, len(flat), 3)
        ]
        launch.blocks[count(number)] = _in_turns(steps)
    return launch


def _array(data: dict) -> Array:
    return Array(
        name=text(data["name"]),
        space=one_of(data["space"], "global", "shared", "program"),
        start=count(data["start"]),
        size=count(data["size"]),
        element_size=max(1, count(data["element_size"])),
        extents=tuple(counts(data["extents"], MOST_EXTENTS)),
    )


def _pattern(data: list) -> tuple[int, ...]:
    if len(data) != WARP or any(type(at) is not int or at < -1 for at in data) or max(data) < 0:
        raise ValueError("the lanes of a request are 32, and one at least takes part")
    return tuple(data)


def _form(data: dict, arrays: list[Array], patterns: list, lines: dict[int, str]) -> Form:
    kind = one_of(data["kind"], "request", "meeting", "barrier")
    if kind == "request":
        array, lanes = count(data["array"]), patterns[count(data["pattern"])]
        if array >= len(arrays):
            raise ValueError("there is no such array")
        return Form(
            kind,
            lines.get(data["pc"], ""),
            op=one_of(data["op"], "load", "store", "atomic"),
            size=count(data["size"]),
            array=array,
            lanes=lanes,
            cost=count(data["cost"]),
            ideal=count(data["ideal"]),
        )
    what, line, lanes = text(data["what"]), text(data["line"]), count(data["lanes"])
    if kind == "barrier":
        return Form(kind, line, what, threads=lanes)
    return Form(kind, line, what, lanes=tuple((lanes >> i & 1) - 1 for i in range(WARP)))


def _step(launch: Trace, form: int, warp: int, offset: int) -> Step:
    is_barrier = launch.forms[count(form)].kind == "barrier"
    if is_barrier != (warp == WHOLE_BLOCK) or not WHOLE_BLOCK <= warp < launch.num_warps:
        raise ValueError("a step is of no warp")
    return Step(form, warp, count(offset))


def _in_turns(steps: list[Step]) -> list[Step]:
    """Between two barriers the first step of each warp, then the second of each, ..."""
    taken: Counter[int] = Counter()
    epoch, keyed = 0, []
    for step in steps:
        if step.warp == WHOLE_BLOCK:
            epoch += 1
            taken.clear()
            keyed.append(((epoch, -1, 0), step))
        else:
            keyed.append(((epoch, taken[step.warp], step.warp), step))
            taken[step.warp] += 1
    return [step for _, step in sorted(keyed, key=lambda one: one[0])]
