"""What CUDA programs compute on the CPU, against values worked out by hand or by numpy/math."""

import math

import numpy as np
import pytest


def f32(x: float) -> float:
    return float(np.float32(x))


@pytest.fixture(scope="module")
def grid_results(results):
    return results("grid")


@pytest.fixture(scope="module")
def numbers(results):
    return results("numbers")


class TestGrid:
    @pytest.fixture
    def r(self, grid_results):
        return grid_results

    @pytest.mark.parametrize(
        "i, grid, block",
        [
            (0, (7, 1, 1), (65, 1, 1)),
            (1, (3, 4, 1), (8, 9, 1)),
            (2, (2, 3, 4), (4, 5, 6)),
            (3, (1, 1, 1), (1024, 1, 1)),
        ],
    )
    def test_every_thread_runs_once_with_its_own_indices(self, r, i, grid, block):
        threads, blocks = math.prod(block), math.prod(grid)

        def digits(size):  # the sum of x + 10 y + 100 z over all
            return sum(
                x + 10 * y + 100 * z
                for z in range(size[2])
                for y in range(size[1])
                for x in range(size[0])
            )

        n = threads * blocks
        assert r[f"grid{i}"] == [n, n, n, digits(grid) * threads, digits(block) * blocks]

    def test_templates_pointers_lambdas_and_text(self, r):
        assert r["templates"] == [1 + 10 + 2 * 100 - 4 + 1000, len("k<<<1,1>>>(x)")]

    def test_struct_arguments_and_globals(self, r):
        assert r["by_value"] == [4]
        assert r["globals"] == [3.5, 5]


def test_shared_memory(results):
    r = results("shared")
    assert r["reverse"] == [640]
    assert r["dynamic"] == [127 * 128 / 2] * 2
    assert r["templates"] == [32, sum(range(16)), 3.0, 0, 3]
    assert r["poison"] == [64], "shared memory that nobody wrote must read as NaN, in every block"
    assert r["too_much"] == [1]  # cudaErrorInvalidValue
    assert r["opted_in"] == [0, sum(range(32))]


@pytest.mark.parametrize("order", ["forward", "reverse"])
def test_barriers_and_warps(results, order):
    r = results("sync", SIMT_ORDER=order)
    assert r["counts"] == [50, 1, 0, 0, 1]
    assert r["scan"] == [0, 33 * 34 / 2, 66 * 67 / 2, 99 * 100 / 2]

    def lane(i):
        low = i & ~7
        xor9 = i ^ 9
        return [
            30,
            (low + 3) * 10,
            i - 2 if i >= 2 else i,
            i + 2 if i % 16 + 2 < 16 else i,
            i ^ 5,
            int(31 * 1.5),
            (i ^ 1) + 100 * ((i ^ 1) + 3),
            xor9 if xor9 < low + 8 else i,
        ]

    for i in (0, 13, 31):
        assert r[f"shuffles_lane{i}"] == lane(i)
    ballot = sum(1 << i for i in range(0, 32, 3))
    low_half, high_half = 0xFFF0, sum(1 << i for i in range(21, 32))
    assert [r[f"vote{i}"][0] for i in range(6)] == [ballot, 1, 0, low_half, 1, high_half]
    sums = [sum(range(first, first + 16)) + 10000 for first in (0, 16, 32)]
    assert r["partial"] == sums
    assert r["syncwarp"] == [i ^ 31 for i in range(0, 64, 21)]
    assert r["early"] == [101, 120, 11, 30]
    assert r["cub"] == [sum(range(128)), 127, 40, sum(range(16, 24))]
    assert r["lock"] == [512, 0]


@pytest.mark.parametrize("order", ["forward", "reverse"])
def test_a_warp_keeps_step_at_volatile_arrays(results, order):
    r = results("warp_synchronous", SIMT_ORDER=order)
    values = [i * i % 101 + i % 7 for i in range(256)]
    assert r["sums"] == [sum(values[:128]), sum(values[128:])]
    rows = [values[i : i + 32] for i in range(0, 256, 32)]
    assert [row[at] for row, at in zip(rows, r["largest"], strict=True)] == [
        max(row) for row in rows
    ]
    assert r["prefix"] == [sum(values[: i + 1]) for i in range(32)]


class TestNumbers:
    @pytest.fixture
    def r(self, numbers):
        return numbers

    def test_atomics(self, r):
        n = range(64)
        assert r["int"] == [sum(n), -sum(n), -63, 63, 0, 255, 0, 0, 43, 42, 43]
        assert r["unsigned"] == [64 % 10, (10 - 64 % 10) % 10, 192, 0x80000000 + 63]
        assert r["long"] == [64 << 33, 1 << 59]
        assert r["float"] == [32, 64]
        assert r["double"] == [16]

    @pytest.mark.parametrize(
        "name, expected",
        [
            ("rsqrtf", 1 / math.sqrt(2)),
            ("expf", math.exp(f32(0.7))),
            ("logf", math.log(f32(0.7))),
            ("powf", f32(0.7) ** 3),
            ("exp10", 100.0),
            ("sinpif", math.sqrt(0.5)),
            ("normcdff", 0.5 * math.erfc(-math.sqrt(0.5))),
            ("erff", math.erf(0.5)),
            ("fdividef", 1 / 3),
        ],
    )
    def test_math_is_right_to_float_rounding(self, r, name, expected):
        assert r[name][0] == pytest.approx(expected, rel=3e-7)

    @pytest.mark.parametrize(
        "name, expected",
        [
            ("cospi_half", 0),
            ("fmaf", 3.25),
            ("saturate", 1),
            ("minmax", 3 + 2.5 + 1 - 1),
            ("fabsf", 2 + 3 + 2 + 2 + 3),
            ("popc", 8 + 3100 + 40000),
            ("clz0", 32 + 630000),
            ("brev", 0x80000000),
            ("byte_perm", 0x77553311),
            ("umulhi", 3),
            ("mulhi", -2),
            ("funnel", 3),
            ("dp4a", 15),
            ("hadd", 2147483646),
            ("as_int", 0x3F800000),
            ("as_float", f32(math.pi)),
            ("rn", 2 - 20 + 300),
            ("inf", 1),
            ("vectors", 12 + 1600 + 40000),
            ("fields", 9.5),
            ("float4", 41),
            ("sincos", 2),
            ("hints", 1 + 2 + 3),
        ],
    )
    def test_exact_values(self, r, name, expected):
        assert r[name] == [expected]


def test_runtime_api(results):
    r = results("api")
    for i in range(4):
        assert r[f"block{i}"] == [9, 9, 0], "cudaErrorInvalidConfiguration, once"
    assert r["block4"] == [0, 0, 0]
    assert [r[f"grid{i}"] for i in range(4)] == [[9], [9], [9], [0]]
    assert r["names"] == ["cudaErrorInvalidConfiguration", "text"]
    assert r["malloc"] == [0, 0]
    assert r["poison"] == [-1]
    assert r["copies"] == [0, 9, 9, 3, 4]
    assert r["destroy"] == [0]
    assert r["null_copy"] == [1]
    assert r["bad_kind"] == [21]
    assert r["free"] == [0, 1, 0]
    assert r["events"] == [0, 1]
    assert r["device"] == [1, 32, 1024, 49152, 101]


class TestWorkers:
    def test_the_guard_pages_of_many_workers_leave_the_process_its_mappings(self, results):
        r = results("workers", SIMT_WORKERS="64")  # each with 1024 stacks
        assert r["right"] == [1024 * 1024]
        assert r["error"] == [0]
        assert r["mappings"][0] < 40_000, "Linux allows a process 65530"
