"""Floating-point operations and active lanes, line by line, against sums made by hand."""

from pathlib import Path

import pytest

from simt.profiling import profile

SOURCE = Path(__file__).parent / "programs" / "arithmetic.cu"
LINES = SOURCE.read_text().splitlines()


@pytest.fixture(scope="module")
def kernels():
    return {kernel.name: kernel for kernel in profile(SOURCE, blocks=0).kernels}


def line_with(text: str) -> str:
    (number,) = [number for number, line in enumerate(LINES, 1) if text in line]
    return f"{SOURCE.name}:{number}"


@pytest.mark.parametrize(
    "name, flops",
    [
        ("saxpy", 2 * 1000),
        ("matmul", 2 * 40**3),
        ("vectors", 4 * 64),
        ("functions", (1 + 3) * 64),
        ("doubles", 2 * 64),
        ("halves", 64),
        ("integers", 0),
        ("divergent", 2 * (2 * 16 + 16 + 2 * sum(range(32)))),
    ],
)
def test_operations(kernels, name, flops):
    assert kernels[name].flops == flops


def test_calls_of_functions_are_counted_by_name(kernels):
    assert kernels["functions"].calls == {"expf": 64, "logf": 64, "tanhf": 8}


def test_operations_belong_to_their_line(kernels):
    flops = {line.line: line.flops for line in kernels["divergent"].code}
    assert flops[line_with("return x * x * x")] == 2 * 2 * 16
    assert flops[line_with("v = v + 3")] == 2 * 16
    assert flops[line_with("v *= x[i]")] == 2 * 2 * sum(range(32))


def test_active_lanes_of_a_line(kernels):
    lanes = {line.line: line.active_lanes for line in kernels["divergent"].code}
    assert lanes[line_with("return x * x * x")] == 8
    assert lanes[line_with("v = v + 3")] == 8
    # The loop's step i is made by the lanes above i: 31, 30, ..., 1 of them.
    assert lanes[line_with("v *= x[i]")] == 16


def test_only_lines_of_the_kernels_are_named(kernels):
    files = {line.line.rpartition(":")[0] for kernel in kernels.values() for line in kernel.code}
    assert files == {SOURCE.name}


def test_intensity_is_operations_over_bytes_moved(kernels):
    # 1000 elements: 125 sectors of 32 bytes are read of x, and of y, and as many written.
    assert kernels["saxpy"].intensity == pytest.approx(2 * 1000 / (3 * 125 * 32))
