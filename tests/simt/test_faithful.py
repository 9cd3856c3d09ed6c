"""Programs that run on a GPU too: here they run on the CPU, and must print what the GPU printed."""

import os
import subprocess
from pathlib import Path

import pytest

from simt.build import build_program

FAITHFUL = Path(__file__).parent / "faithful"
PROGRAMS = sorted(path.stem for path in FAITHFUL.glob("*.cu"))


def differences(cpu: str, gpu: str) -> list[str]:
    """What the two outputs disagree in, by the rules of faithful/README.md."""
    cpu_lines, gpu_lines = cpu.splitlines(), gpu.splitlines()
    found = []
    if len(cpu_lines) != len(gpu_lines):
        found.append(f"{len(cpu_lines)} lines on the CPU, {len(gpu_lines)} on the GPU")
    for ours, theirs in zip(cpu_lines, gpu_lines, strict=False):
        if not _agree(ours, theirs):
            found.append(f"CPU: {ours}\nGPU: {theirs}")
    return found


def _agree(ours: str, theirs: str) -> bool:
    label, _, values = theirs.partition(" = ")
    _, rounded, tolerance = label.rpartition(" ~")
    if not rounded:
        return ours == theirs
    our_label, _, our_values = ours.partition(" = ")
    pairs = list(zip(our_values.split(), values.split(), strict=False))
    return (
        our_label == label
        and len(our_values.split()) == len(values.split())
        and all(_close(float(cpu), float(gpu), float(tolerance)) for cpu, gpu in pairs)
    )


def _close(cpu: float, gpu: float, tolerance: float) -> bool:
    if cpu == gpu or (cpu != cpu and gpu != gpu):  # infinities; NaN and NaN
        return True
    return abs(cpu - gpu) <= tolerance * max(1.0, abs(gpu))


@pytest.mark.parametrize(
    "cpu, gpu, same",
    [
        ("x = 1 2\n", "x = 1 2\n", True),
        ("x = 1 2\n", "x = 1 3\n", False),
        ("x = 1.0\n", "x = 1\n", False),  # exact means the same text
        ("x = 1\ny = 2\n", "x = 1\n", False),
        ("x ~1e-3 = 1.0005 -2\n", "x ~1e-3 = 1 -2.001\n", True),
        ("x ~1e-3 = 1.002\n", "x ~1e-3 = 1\n", False),
        ("x ~1e-3 = 0.0009\n", "x ~1e-3 = 0\n", True),  # below 1 the tolerance is absolute
        ("x ~1e-3 = 1000.9\n", "x ~1e-3 = 1000\n", True),
        ("x ~1e-3 = 1 2\n", "x ~1e-3 = 1\n", False),
        ("y ~1e-3 = 1\n", "x ~1e-3 = 1\n", False),
        ("x ~1e-2 = 1\n", "x ~1e-3 = 1\n", False),
        ("x ~1e-3 = inf nan\n", "x ~1e-3 = inf nan\n", True),
        ("x ~1e-3 = nan\n", "x ~1e-3 = 0\n", False),
    ],
)
def test_the_rule_of_agreement(cpu, gpu, same):
    assert (not differences(cpu, gpu)) == same


@pytest.fixture(scope="module")
def output():
    """output(name, SIMT_ORDER=...) -> what the program prints, having ended well"""

    def run(name: str, **environment: str) -> str:
        done = subprocess.run(
            [build_program(FAITHFUL / f"{name}.cu").path],
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, "SIMT_REPORT": "stderr", **environment},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == "", "a report"
        return done.stdout

    return run


@pytest.mark.parametrize("name", PROGRAMS)
def test_any_order_of_threads_gives_the_same(output, name):
    first = output(name, SIMT_WORKERS="1")
    assert first, "a program that prints nothing"
    assert output(name, SIMT_WORKERS="1", SIMT_ORDER="reverse") == first
    assert output(name, SIMT_WORKERS="2") == first


@pytest.mark.parametrize("name", PROGRAMS)
def test_agrees_with_the_gpu(output, name):
    gpu = FAITHFUL / "outputs" / f"{name}.txt"
    if not gpu.exists():
        pytest.skip("no GPU has run this program yet")
    assert differences(output(name), gpu.read_text()) == []
