"""Cooperative launches: barriers of the grid, and launches that fail, in both thread orders."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from simt.build import build_program

FAITHFUL = Path(__file__).parent / "faithful"

PROGRAMS = Path(__file__).parent / "programs"


class TestGrids:
    @pytest.fixture
    def r(self, faithful):
        return faithful("grid_sync")

    def test_barriers_of_the_grid(self, r):
        n = 5000
        a = np.array([i * 31 % 997 - 300 for i in range(n)])
        for _ in range(7):
            total = np.roll(a, -1) + np.roll(a, 1) + np.arange(n)
            a = np.fmod(total, 1000003)
        check = 0
        for x in a:
            check = int(np.fmod(check * 31 + int(x), 1000000007))
        assert r["diffuse"] == [[check, a[0], a[-1]]]
        assert r["sum"] == [[int(a.sum())]]

    def test_two_steps(self, r):
        expected = [3 * (i * i % 101) + 6 * (239 - i) for i in range(0, 240, 7)]
        assert r["two_steps"] == [expected]

    def test_a_barrier_made_by_hand(self, r):
        assert r["by_hand"] == [[10 * ((b + 1) % 8) for b in range(8)]]

    def test_too_many_blocks(self, r):
        assert r["too_large"] == [[720, 720, 0]]

    @pytest.mark.parametrize(
        "name, kind, error, block",
        [
            ("early", "grid_divergence", 702, None),
            ("some_threads", "barrier_divergence", 702, None),
            ("not_cooperative", "grid_sync", 719, None),
            ("crash", "null_pointer", 700, 5),
            ("crash_by_hand", "null_pointer", 700, 5),
            ("endless", "endless_loop", 702, 1),
            ("token", "barrier_divergence", 702, None),
        ],
    )
    def test_a_failure_ends_the_launch(self, run_program, order, name, kind, error, block):
        done = run_program("grid_faults", name, SIMT_TIMEOUT="0.5", SIMT_ORDER=order)
        lines = dict(line.split(" ", 1) for line in done.stdout.splitlines())
        report = json.loads(lines["report"])
        assert report["kind"] == kind
        assert report["kernel"] == name
        assert block in (None, report["block"][0])
        source = (PROGRAMS / "grid_faults.cu").read_text().splitlines()
        line = next(i for i, text in enumerate(source, 1) if text.endswith(f"// LINE {name}"))
        said = " ".join([report["message"], *report["details"]])
        near = range(line, line + 2) if name == "endless" else [line]
        assert any(f"grid_faults.cu:{n}" in said for n in near), said
        assert lines["error"] == str(error)
        assert lines["after"] == "0 8", "cleared, cooperative kernels run again"


def test_a_cooperative_launch_can_be_profiled():
    program = build_program(FAITHFUL / "grid_sync.cu", mode="profile").path
    done = subprocess.run([program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()
