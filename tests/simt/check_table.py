"""Prints what simt check finds: in each seeded bug, and in each correct program nothing.

    python tests/simt/check_table.py          (make check-table)

Exit status 1 if a bug is missed, or a correct program has a report.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # the simt beside this, installed or not

from rich import box
from rich.console import Console
from rich.table import Table
from verdicts import Bug, Verdict, check_bug, check_correct, seeded

from simt.report import Report

MARK = {True: "[green]yes[/]", False: "[red]NO[/]"}


def main() -> int:
    """Both tables, and a line for each; returns the exit status."""
    console, started = Console(), time.perf_counter()
    if not console.is_terminal:
        console = Console(width=130)  # in a file, nothing needs to be cut short
    missed = print_bugs(console)
    reported = print_correct(console)
    console.print(f"in {time.perf_counter() - started:.0f} s")
    return 1 if missed or reported else 0


def print_bugs(console: Console) -> int:
    """The table of seeded bugs; returns how many were missed."""
    table = Table("bug", "expected", "line", "found", "line", "right?", box=box.SIMPLE)
    bugs = seeded().values()
    missed = 0
    for bug in bugs:
        reports = check_bug(bug).reports
        right = bug.is_in(reports)
        missed += not right
        table.add_row(*bug_row(bug, right or next(iter(reports), None)), MARK[bool(right)])
    console.print(table)
    console.print(f"{len(bugs) - missed} of {len(bugs)} seeded bugs found, with kind and line")
    return missed


def bug_row(bug: Bug, report: Report | None) -> list[str]:
    """Name, kind and lines expected, kind and lines found."""
    expected = [bug.name, bug.kind, _joined(bug.lines)]
    return (
        [*expected, report.kind, _joined(bug.lines_in(report))] if report else [*expected, "", ""]
    )


def print_correct(console: Console) -> int:
    """The table of correct programs; returns how many kernels or programs are off."""
    table = Table("correct program", "kernel", "reports", "seconds", box=box.SIMPLE)
    programs = kernels = off = 0
    for verdict in check_correct():
        programs += 1
        failed = verdict.result.status != 0
        off += failed
        for i, (kernel, reports) in enumerate(kernel_rows(verdict)):
            kernels += bool(kernel)
            off += reports > 0
            first = [verdict.path.stem, f"{verdict.seconds:.2f}"] if i == 0 else ["", ""]
            shown = f"[red]{reports}[/]" if reports else "0"
            table.add_row(first[0], kernel or "(the host)", shown, first[1])
        if failed:
            table.add_row("", f"[red]ended with status {verdict.result.status}[/]", "", "")
    console.print(table)
    console.print(f"{programs} correct programs, {kernels} kernels: {off or 'none'} with a report")
    return off


def kernel_rows(verdict: Verdict) -> list[tuple[str, int]]:
    """Each kernel that a program launched, and its reports; "": what the host did."""
    counts = {"": 0, **dict.fromkeys(verdict.result.kernels, 0)}
    for report in verdict.problems:
        counts[report.kernel] = counts.get(report.kernel, 0) + 1
    return [(kernel, n) for kernel, n in counts.items() if kernel or n or len(counts) == 1]


def _joined(lines: list[int] | tuple[int, ...]) -> str:
    return ", ".join(map(str, dict.fromkeys(lines)))


if __name__ == "__main__":
    sys.exit(main())
