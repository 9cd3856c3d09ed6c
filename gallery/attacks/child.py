"""python -m gallery.attacks.child SUBMISSION REPORTS [--no-rules] CHECK...: grade, and report.

What `grade.py` does, with the gallery's rubric of short limits, and every kind of report. A process
of its own: an attack may end it.
"""

import argparse
import dataclasses
import io
import json
from pathlib import Path

from rich.console import Console

from gallery.verdict import quick_rubric
from grader.grade import REPORTS, report
from grader.grading import grade
from grader.report import terminal
from grader.rubric import Rubric
from lab import page

LIMITS = {"build": 40, "gelu": 12, "layernorm": 12, "linear": 20, "kv_cache": 25, "speed": 40}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("submission", type=Path)
    parser.add_argument("reports", type=Path)
    parser.add_argument("--no-rules", dest="rules", action="store_false")
    parser.add_argument("checks", nargs="+")
    options = parser.parse_args()
    faults: list[str] = []
    result = grade(
        options.submission,
        short(options.rules),
        only=options.checks,
        on_error=lambda check, error: faults.append(f"{check.id}: {type(error).__name__}: {error}"),
    )
    for name in REPORTS:
        (options.reports / name).write_text(report(name, result), encoding="utf-8")
    (options.reports / "lab").write_text(page.checks(result.checks, result, 3), encoding="utf-8")
    (options.reports / "terminal").write_text(in_terminal(result), encoding="utf-8")
    (options.reports / "faults").write_text(json.dumps(faults), encoding="utf-8")


def short(rules: bool) -> Rubric:
    """The gallery's rubric; without the rules of the game if need be."""
    rubric = quick_rubric()
    entries = {
        id: dataclasses.replace(entry, time_limit=LIMITS.get(id, entry.time_limit))
        for id, entry in rubric.entries.items()
    }
    enabled = rubric.rules | {"enabled": rules}
    return dataclasses.replace(rubric, entries=entries, rules=enabled)


def in_terminal(result) -> str:
    output = Console(file=io.StringIO(), width=100, color_system=None)
    for check in result.checks:
        terminal.show_check(output, check, verbose=True, hints=3)
    terminal.show_total(output, result, verbose=True)
    return output.file.getvalue()


if __name__ == "__main__":
    main()
