"""What simt check says of each seeded bug, and of each program that is correct.

The tests (test_checks.py) and the tables (check_table.py) are made from this.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from simt.build import build_program
from simt.checking import Result, run_checked
from simt.report import Report

HERE = Path(__file__).parent
BUG_SOURCES = [HERE / "checks" / "bugs.cu", HERE / "checks" / "library_bugs.cu"]
CORRECT = [*sorted((HERE / "faithful").glob("*.cu")), HERE / "counters" / "kernels.cu"]
NEAR = {"endless_loop": 3, "stack_overflow": 3}  # lines: anywhere in the loop, in the function


@dataclass(frozen=True)
class Bug:
    """A seeded bug, as the comments in the source say."""

    name: str
    kind: str
    lines: tuple[int, ...]
    source: Path

    def is_in(self, reports: Iterable[Report]) -> Report | None:
        """The report that says it, with kind and line."""
        return next((r for r in reports if r.kind == self.kind and self.is_at(r)), None)

    def is_at(self, report: Report) -> bool:
        near = NEAR.get(report.kind, 0)
        named = self.lines_in(report)
        return any(abs(n - line) <= near for n in named for line in self.lines)

    def lines_in(self, report: Report) -> list[int]:
        """The lines of the source that a report names as the place (not that of the launch)."""
        said = " ".join([report.at, report.message, *report.details])
        return [int(n) for n in re.findall(rf"\b{re.escape(self.source.name)}:(\d+)", said)]


def seeded() -> dict[str, Bug]:
    """{name: bug} of all `// BUG name kind` in the sources."""
    found: dict[str, Bug] = {}
    for source in BUG_SOURCES:
        for number, line in enumerate(source.read_text().splitlines(), 1):
            for name, kind in re.findall(r"// BUG (\w+) (\w+)$", line):
                earlier = found[name].lines if name in found else ()
                found[name] = Bug(name, kind, (*earlier, number), source)
    return found


def check_bug(bug: Bug) -> Result:
    """Runs the program for this bug."""
    return run_checked(
        build_program(bug.source, mode="check").path,
        [bug.name],
        leaks=bug.kind == "leak",
        environment={"SIMT_TIMEOUT": "0.3"},  # seconds, for endless loops
        stdout=subprocess.DEVNULL,
    )


@dataclass(frozen=True)
class Verdict:
    """What was found in a program."""

    path: Path
    result: Result
    seconds: float  # that it ran

    @property
    def problems(self) -> list[Report]:
        return [report for report in self.result.reports if report.problem]


def build_all(paths: Iterable[Path]) -> list[Path]:
    """Builds programs for checking, as many at a time as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [build.path for build in pool.map(lambda p: build_program(p, mode="check"), paths)]


def check_program(path: Path, *, strict: bool = False) -> Verdict:
    """Builds a program, unless it was, and runs it."""
    program = build_program(path, mode="check").path
    started = time.perf_counter()
    result = run_checked(program, strict=strict, stdout=subprocess.DEVNULL)
    return Verdict(path, result, time.perf_counter() - started)


def check_correct() -> Iterator[Verdict]:
    """All correct programs, one after another."""
    build_all(CORRECT)
    return map(check_program, CORRECT)
