"""simt check: each seeded bug is found, with its kind and line, and correct programs pass."""

import json
import re
from pathlib import Path

import pytest

from simt.build import build_program
from simt.checking import run_checked
from simt.report import Report

SOURCE = Path(__file__).parent / "checks" / "bugs.cu"
FAITHFUL = sorted((Path(__file__).parent / "faithful").glob("*.cu"))
SANITIZER = json.loads((SOURCE.parent / "compute_sanitizer.json").read_text())["bugs"]
NEAR = {"endless_loop": 3, "stack_overflow": 3}  # lines: anywhere in the loop, in the function


def seeded() -> dict[str, tuple[str, list[int]]]:
    """{name: (kind, lines)} as the comments in the source say."""
    found: dict[str, tuple[str, list[int]]] = {"leak": ("leak", [])}
    for number, line in enumerate(SOURCE.read_text().splitlines(), 1):
        for name, kind in re.findall(r"// BUG (\w+) (\w+)$", line):
            found.setdefault(name, (kind, []))[1].append(number)
    return found


BUGS = seeded()


@pytest.fixture(scope="module")
def bugs():
    return build_program(SOURCE, mode="check").path


def is_at(report: Report, lines: list[int]) -> bool:
    said = " ".join([report.at, report.message, *report.details])
    named = [int(n) for n in re.findall(r"bugs\.cu:(\d+)", said)]
    near = NEAR.get(report.kind, 0)
    return not lines or any(abs(n - line) <= near for n in named for line in lines)


@pytest.mark.parametrize("name", BUGS)
def test_a_seeded_bug_is_found(bugs, name, monkeypatch):
    monkeypatch.setenv("SIMT_TIMEOUT", "0.3")
    kind, lines = BUGS[name]
    _, reports = run_checked(bugs, [name], leaks=name == "leak")
    assert any(report.kind == kind and is_at(report, lines) for report in reports), reports


def test_nothing_is_missed_that_compute_sanitizer_finds():
    found = {
        name
        for name, tools in SANITIZER.items()
        if any(verdict.get("reports") for verdict in tools.values())
    }
    assert found <= set(BUGS)
    assert len(found) >= 25
