"""cub's collectives, against values computed here, in both thread orders."""

import itertools

import numpy as np
import pytest


def numbers(n: int) -> list[int]:
    """The input of the program."""
    return [i * 7919 % 1009 for i in range(n)]


class TestCub:
    @pytest.fixture
    def f(self, faithful):
        return faithful("cub")

    def test_warps(self, f):
        x = numbers(96)
        for t, got in enumerate(f["warps"]):
            warp = x[t // 32 * 32 :][:32]
            eight, sixteen = x[t // 8 * 8 :][:8], x[t // 16 * 16 :][:16]
            lane = t % 32
            first = lane == 0
            assert got[:3] == [sum(warp) * first, max(warp) * first, sum(warp[:11]) * first]
            assert got[3] == (0 if t % 8 else min(eight))
            assert got[4:7] == [sum(warp[: lane + 1]), sum(warp[:lane]), sum(warp)]
            assert got[7] == max(warp[:lane], default=-(1 << 31))
            assert got[8:11] == [min(sixteen[: t % 16 + 1]), min(sixteen), warp[9]]

    def test_reductions(self, f):
        x, t = numbers(96), sum(range(96))
        items = sum(x) + 2 * sum(x) - sum(x) + t
        assert f["blocks"] == [
            [sum(x), min(x), sum(x[:50]), max(x[:40]), items, t // 2, 96 - t, sum(x)]
        ]
        values = [i + 10 * j for j in range(6) for i in range(8)]
        assert f["block2d"] == [[sum(values), *itertools.accumulate(values)]]

    def test_scans(self, f):
        x = numbers(96)
        flat = [v for t in range(96) for v in (x[t], t, x[t] % 5)]
        sums = [0, *itertools.accumulate(flat)]
        largest = [-1, *itertools.accumulate(flat, max)]
        for t, got in enumerate(f["scans"]):
            assert got[:3] == [sum(x[: t + 1]), sum(x[:t]), sum(x)]
            assert got[3:5] == [max(x[: t + 1]), min([5000, *x[:t]])]
            assert got[5:12] == [*sums[3 * t + 1 :][:3], *sums[3 * t :][:3], sums[-1]]
            assert got[12:15] == [max(-1, m) for m in largest[3 * t :][:3]]
            assert got[15] == 1000 + sum(x) + sum(x[:t]) + t, "the second tile follows the first"

    @pytest.mark.parametrize(
        "name, striped, valid",
        [
            ("direct_striped", (False, True), 77),
            ("striped_direct", (True, False), 50),
            ("transpose_vectorize", (False, False), 101),
        ],
    )
    def test_loads_and_stores(self, f, name, striped, valid):
        x = numbers(128)
        all_of_it, guarded = [0] * 128, [0] * 128

        def index(is_striped, t, i):
            return i * 32 + t if is_striped else 4 * t + i

        for t, i in itertools.product(range(32), range(4)):
            source, target = index(striped[0], t, i), index(striped[1], t, i)
            all_of_it[target] = x[source] * 10 + i
            if target < valid + 3:
                guarded[target] = (x[source] if source < valid else -7) + t
        assert list(itertools.chain(*f[name])) == all_of_it + guarded

    def test_sorts(self, f):
        got = list(itertools.chain(*f["sorts"]))
        keys = sorted(x - 500 for x in numbers(128))
        assert got[:128] == keys
        halves = [int(np.fmod(x, 40)) - 20 for x in numbers(128)]
        order = sorted(range(128), key=lambda i: -halves[i])  # stable
        assert got[128:256] == [halves[i] for i in order]
        assert got[256:384] == order
        by_bits = sorted(keys, key=lambda k: k >> 2 & 7)
        assert got[384:] == by_bits

    def test_whole_arrays(self, f):
        x = numbers(5000)
        flat = {name: list(itertools.chain(*lines)) for name, lines in f.items()}
        assert flat["sum"] == [sum(x), 0]
        assert flat["max"] == [max(x)]
        assert flat["min"] == [min(x[1:901])]
        assert flat["reduce"] == [int(np.bitwise_xor.reduce(x)) ^ 12345]
        sums = [0, *itertools.accumulate(x)]
        assert flat["inclusive"] == sums[1:51]
        assert flat["exclusive"] == sums[:50]
        assert flat["exclusive_max"] == [300, *itertools.accumulate(x, max, initial=300)][1:51]
        for name in ("sum", "max", "min", "reduce", "inclusive", "exclusive"):
            assert flat[f"errors of {name}"] == [0, 0, 1]

    def test_own_storage(self, results, order):
        r = results("groups", SIMT_ORDER=order)
        before = [sum(3 * i for i in range(t)) for t in range(64)]
        assert r["own_storage"] == [before[63] + 3 * 63, *before[21::21]]
