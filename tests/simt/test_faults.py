"""Deadlocks, endless loops and wild pointers: the right report, and the process lives."""

import json
import re
from pathlib import Path

import pytest

SOURCE = (Path(__file__).parent / "programs" / "faults.cu").read_text().splitlines()


def line_of(name: str) -> int | None:
    """The line that bears the comment `// LINE name`."""
    return next((i for i, text in enumerate(SOURCE, 1) if text.endswith(f"// LINE {name}")), None)


TIMEOUT, ADDRESS, ASSERT, FAILURE, RESOURCES = 702, 700, 710, 719, 701


@pytest.mark.parametrize(
    "name, kind, error, blocks, threads",
    [
        ("branch", "barrier_divergence", TIMEOUT, [0, 1], "(0,0,0)..(19,0,0)"),
        ("early_return", "barrier_divergence", TIMEOUT, [1], "(0,0,0)..(35,0,0)"),
        ("two_barriers", "barrier_divergence", TIMEOUT, [0], "(0,0,0)..(7,0,0)"),
        ("shuffle", "warp_divergence", TIMEOUT, [0], "(0,0,0)..(15,0,0)"),
        ("mask", "warp_mask", FAILURE, [0], "(1,0,0)"),
        ("endless", "endless_loop", TIMEOUT, [0], "(0,0,0)"),
        ("endless_barrier", "endless_loop", TIMEOUT, [0], None),
        ("null_write", "null_pointer", ADDRESS, [2], "(5,0,0)"),
        ("wild", "illegal_address", ADDRESS, [0], "(1,0,0)"),
        ("overflow", "stack_overflow", ADDRESS, [0], "(0,0,0)"),
        ("large_array", "stack_overflow", ADDRESS, [0], "(0,0,0)"),
        ("fails", "assert", ASSERT, [0], "(7,0,0)"),
        ("divide", "division_by_zero", FAILURE, [0], "(0,0,0)"),
        ("trap", "trap", FAILURE, [0], "(3,0,0)"),
        ("too_much", "too_much_shared_memory", RESOURCES, [0], "(0,0,0)"),
    ],
)
def test_fault(run_program, name, kind, error, blocks, threads):
    done = run_program("faults", name, SIMT_TIMEOUT="0.5", SIMT_STRICT="1")
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    report = json.loads(lines["report"])
    assert report["kind"] == kind
    assert report["error"] == error
    assert report["kernel"] == name
    assert report["block"][0] in blocks
    assert f"{name}<<<" in SOURCE[report["line"] - 1], "the line of the launch"
    if threads:
        assert report["threads"] == threads
    said = " ".join([report["message"], *report["details"]])
    line = line_of(name)
    if line:
        named = [int(n) for n in re.findall(r"faults\.cu:(\d+)", said)]
        near = 2 if name in ("endless", "endless_barrier", "overflow") else 0  # anywhere in it
        assert any(abs(n - line) <= near for n in named), said
    assert lines["error"] == f"{error} {error} 0", (
        "the error is sticky, and later launches do nothing"
    )
    assert lines["after"] == "0 1", "cleared, kernels run again"


def test_who_waits_where_is_told(run_program):
    report = json.loads(
        run_program("faults", "early_return", SIMT_STRICT="1").stdout.split("\n")[0][
            len("report ") :
        ]
    )
    waits, returned = report["details"]
    assert waits.startswith("36 threads wait in __syncthreads() at faults.cu:")
    assert returned == "28 threads have returned: (36,0,0)..(63,0,0)"


@pytest.mark.parametrize("name", ["branch", "early_return", "shuffle"])
def test_returned_threads_are_not_waited_for_unless_strict(run_program, name):
    lines = run_program("faults", name).stdout.splitlines()
    assert lines[0] == "report (null)"


def test_reports_are_printed_when_asked(run_program):
    done = run_program("faults", "null_write", SIMT_REPORT="stderr")
    assert "null pointer" in done.stderr
    assert "in kernel null_write" in done.stderr
    assert run_program("faults", "null_write", SIMT_REPORT="").stderr == ""
