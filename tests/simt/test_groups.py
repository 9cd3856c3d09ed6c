"""Warp intrinsics and cooperative groups, against values computed here, in both thread orders."""

import itertools

import numpy as np
import pytest


def signed(x: int) -> int:
    """The 32-bit integer with these bits."""
    x &= 0xFFFFFFFF
    return x - (1 << 32) if x >> 31 else x


class TestWarpIntrinsics:
    @pytest.fixture
    def r(self, faithful):
        return faithful("warp_intrinsics")

    def test_matches(self, r):
        lanes = range(32)

        def same(key, among=lanes):
            return [sum(1 << o for o in among if key(o) == key(lane)) for lane in among]

        every = [0xFFFFFFFF - 1] * 32  # all match, less the predicate
        none = [0] * 32
        assert r["match"][0] == [
            *same(lambda i: i % 3),
            *same(lambda i: 1.5 if i < 10 else i // 8),
            *same(lambda i: i & 1),
            *every,
            *none,
            *same(lambda i: i // 5, range(12)),
        ]

    def test_reductions(self, r):
        u = [1000003 * lane + 17 for lane in range(32)]
        i = [lane if lane % 2 else -lane for lane in range(32)]
        expected = [sum(u), sum(i), min(u), min(i), max(u), max(i)]
        bits = [np.bitwise_and.reduce([x | 16 for x in u])]
        bits += [np.bitwise_or.reduce([x & 0xFF00 for x in u]), np.bitwise_xor.reduce(u)]
        expected = [int(x) & 0xFFFFFFFF for x in [*expected, *bits]]
        assert r["reduce"] == [[x] * 32 for x in expected]
        assert r["reduce_part"] == [[sum(range(20, 32)), 0x80000000]]

    def test_lanes_of_a_branch_add_together(self, r):
        kept = [x for i in range(1000) if (x := i * 7919 % 1013) % 3 == 0]
        assert r["filter"] == [[len(kept), sum(kept), sum(x * x for x in kept)]]
        assert r["whole_warp"] == [[1] * 32]


class TestActiveLanes:
    @pytest.fixture
    def r(self, results, order):
        return results("groups", SIMT_ORDER=order)

    def test_branches(self, r):
        low, odd = (1 << 10) - 1, sum(1 << i for i in range(11, 32, 2))
        expected = [low if t % 32 < 10 else odd if t % 2 else 0 for t in range(64)]
        assert r["branches"] == expected[::7]

    def test_loops_of_different_length(self, r):
        assert r["loops"] == [4, 4 * 5 + 3, (4 * 5 + 3) * 5 + 2, ((4 * 5 + 3) * 5 + 2) * 5 + 1]

    def test_others_may_wait_or_spin(self, r):
        assert set(r["waiting_elsewhere"]) == {16}
        assert r["after_barrier"] == [sum(1 << i for i in range(k, 32, 3)) for k in (0, 1)]
        assert set(r["held_lock"]) == {1}


class TestGroups:
    @pytest.fixture
    def r(self, results, order):
        return results("groups", SIMT_ORDER=order)

    @pytest.fixture
    def f(self, faithful):
        return faithful("groups")

    def test_any_kind_as_a_thread_group(self, r):
        assert r["as_thread_group"] == [3219, 403, 803, 201, 3219]

    def test_values_of_any_size(self, r):
        sums = [range(first, first + 16) for first in (0, 16, 32, 48)]
        xor = [int(np.bitwise_xor.reduce(list(part))) for part in sums]
        expected = [sum(part) * 256 + x for part, x in zip(sums, xor, strict=True)]
        assert r["large_values"] == expected

    def test_an_incomplete_tile_of_many_warps(self, r):
        def value(t):
            tile = range(64) if t < 64 else range(64, 80)
            return sum(tile) * 1000 + 100 + tile.index(t) + 1

        assert r["partial_tiles"] == [value(t) for t in range(0, 80, 13)]

    @pytest.mark.parametrize("n", [32, 8, 2])
    def test_tiles(self, f, n):
        for x, got in enumerate(f[f"tile{n}"]):
            first, rank = x // n * n, x % n
            tile = range(first, first + n)
            half = first + rank // (n // 2) * (n // 2)
            assert got == [
                rank,
                n,
                x // n,
                64 // n,
                first + 1,
                x - 2 if rank >= 2 else x,
                x + 2 if rank + 2 < n else x,
                x ^ 1,
                5 in tile,
                tile[-1] < 20,
                signed(sum(1 << i for i in range(n) if tile[i] % 3 == 0)),
                signed(sum(1 << i for i in range(n) if tile[i] % 2 == x % 2)),
                signed((1 << n) - 1),
                1,
                tile[-1],  # 2 * 0.5 * x + 1000 * (x - x)
                half + 1000 * (rank // (n // 2)) + 20000,
            ]

    def test_coalesced_threads(self, f):
        group = list(range(0, 32, 3))
        for x, got in enumerate(f["coalesced"]):
            if x % 3:
                assert got == [-1] * 12
                continue
            rank, four = x // 3, x // 12
            assert got == [
                len(group),
                rank,
                group[2],
                x - 3 if rank else x,
                x + 3 if rank < 10 else x,
                1,
                0,
                sum(1 << i for i, y in enumerate(group) if y > 15),
                sum(1 << i for i, y in enumerate(group) if y // 12 == x // 12),
                (4 if four < 2 else 3) * 100 + rank % 4,
                four + 30,
                12 * four,
            ]

    def test_partitions(self, f):
        for x, got in enumerate(f["partitions"]):
            warp = range(x // 32 * 32, x // 32 * 32 + 32)
            binary = [y for y in warp if (y % 4 == 1) == (x % 4 == 1)]
            label = [y for y in warp if y * 7 % 5 == x * 7 % 5]
            sizes = [len(binary), binary.index(x), len(label), label.index(x), 5]
            assert got == [*sizes, sum(label), max(binary), label[0]]

    def test_reductions_and_scans(self, f):
        def of(group, x):
            others = [y for y in group if y <= x]
            mixed = [y * 37 % 29 for y in group]
            bits = [np.bitwise_and.reduce([y | 64 for y in group])]
            bits += [np.bitwise_or.reduce([1 << y % 32 for y in group])]
            bits += [np.bitwise_xor.reduce([y * y for y in group])]
            return [
                sum(group),
                min(mixed),
                max(mixed),
                *(signed(int(b)) for b in bits),
                1,
                int(sum(group) / 4),
                sum(others),
                max(y * 37 % 29 for y in others),
                sum(others) - x,
                len(others) - 1,
            ]

        for x, got in enumerate(f["collectives"]):
            warp, four = x // 32 * 32, x // 4 * 4
            assert got[:12] == of(range(warp, warp + 32), x)
            assert got[12:24] == of(range(four, four + 4), x)
            together = [y for y in range(warp, warp + 32) if y % 5 < 2]
            assert got[24:36] == (of(together, x) if x % 5 < 2 else [-1] * 12)
            first = x // 64 * 64
            tile = range(first, first + 64)
            before = sum(range(first, x))
            assert got[36:40] == [x - first, x // 64, 2, first + 40]
            assert got[40:45] == [70 in tile, tile[-1] < 100, 64, sum(tile), max(tile)]
            assert got[45:] == [before + x, before, -x]

    def test_one_thread_for_all(self, f):
        assert f["one_for_all"] == [[20, 2, 10 * 32]]

    def test_a_barrier_in_two_steps(self, f):
        got = list(itertools.chain(*f["two_steps"]))
        assert got == [3 * x + (95 - x) ** 2 for x in range(96)]
