"""The files that students edit: the solution's text of each, and the starter's, by stage."""

import os
from pathlib import Path

from grader.make_starter import keep, solution_files, starter_files
from mingpt.paths import ROOT

SOLUTIONS = ROOT / "solutions"
GUIDE = "AGENTS.md"  # asks AI tools to tutor; the same in each lab


def solutions(stage: int) -> dict[str, str]:
    """Name and text of each file of this stage's submission, solved."""
    return solution_files(SOLUTIONS, stage)


def starters(stage: int) -> dict[str, str]:
    """The same as students get them. Raises grader.make_starter.MarkerError."""
    return starter_files(SOLUTIONS, stage)


def put_beside(folder: Path, stage: int, guide: Path) -> None:
    """Write the solved files, and the guide for AI tools, into a lab's folder.

    A file that was edited there is kept as *.bak1, *.bak2, ...
    """
    for name, text in solutions(stage).items():
        _write(folder / name, text, (SOLUTIONS / name).stat().st_mtime)
    if guide.is_file():
        _write(folder / GUIDE, guide.read_text(), guide.stat().st_mtime)


def _write(path: Path, text: str, changed: float) -> None:
    """A copy gets its source's time: one that is newer was edited."""
    if path.exists():
        if path.read_text(errors="replace") == text:
            return
        if path.stat().st_mtime > changed:
            keep(path)
    path.write_text(text)
    os.utime(path, (changed, changed))
