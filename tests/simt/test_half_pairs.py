"""Pairs of narrow numbers, their shuffles and atomics, and what C++ makes of mixed types."""

import pytest


@pytest.fixture(scope="module")
def printed(results):
    return results("pairs")


@pytest.mark.parametrize(
    "name, expected",
    [  # a = (1.5, -2), b = (0.5, 3)
        ("add", [2, 1]),
        ("operators", [2 * 1.5 - 3, -2 + 0.666503906]),  # -2 / 3 as half
        ("fma", [2.25, -8]),
        ("div", [3, -0.666503906]),
        ("neg", [-1.5, 2]),
        ("abs", [1.5, 2]),
        ("max", [1.5, 3]),
        ("eq", [1, 0]),
        ("lt", [0, 1]),
        ("isnan", [1, 0]),
        ("swap", [-2, 1.5]),
        ("lows", [1.5, 0.5]),
        ("highs", [-2, 3]),
        ("low2", [1.5, 1.5]),
        ("high2", [-2, -2]),
        ("twice", [3, 3]),
        ("constant", [0.25, 0.25]),
        ("float2", [0.5, 3]),
        ("sqrt", [2, 3]),
        ("bfloat16", [4.5, -6]),
        ("bfloat16_halves", [5, 7]),
        ("both", [1, 1, 0, 1]),
        ("mask", [0xFFFF]),
        ("scalar", [4, 4.5, 4.5, 1, 0]),
        ("bits", [0x3C00, -32768]),
        ("inf", [1, -1, 0]),
    ],
)
def test_pairs_and_mixed_types(printed, name, expected):
    assert printed[name] == pytest.approx(expected, abs=1e-3 if name == "operators" else 0)


@pytest.mark.parametrize("name", ["half", "bfloat16"])
def test_lanes_together(printed, name):
    sums, values = printed[f"together_{name}"][:3], printed[f"together_{name}"][3:]
    assert sums == [16, 32, -64]
    assert values[:32] == [i ^ 1 for i in range(32)]
    assert values[32:64] == [-(i + 2 if i + 2 < 32 else i) for i in range(32)]
    assert values[64:] == [i + 3 for i in range(32)]
