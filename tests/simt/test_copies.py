"""Asynchronous copies, pipelines, barriers and atomics in memory, in both thread orders."""

import pytest


def numbers(n: int) -> list[int]:
    """The input of the program."""
    return [i * 7919 % 1009 for i in range(n)]


class TestCopies:
    @pytest.fixture
    def r(self, results, order):
        return results("groups", SIMT_ORDER=order)

    @pytest.fixture
    def f(self, faithful):
        return faithful("pipeline")

    def test_what_is_read_before_the_wait_is_old(self, r):
        assert r["no_wait"] == [1, 1]
        assert r["no_commit"] == [1, 1]

    def test_any_number_of_bytes(self, r):
        assert r["bytes"] == [0]

    @pytest.mark.parametrize(
        "name, tiles, width, factor, at",
        [
            ("primitives", 9, 64, 3, lambda t: 63 - t),
            ("block_pipeline", 11, 64, 3, lambda t: t * 5 % 64),
            ("specialised", 13, 32, 3, lambda t: 63 - t),
        ],
    )
    def test_stages(self, f, name, tiles, width, factor, at):
        x = numbers(1024)

        def value(t):
            if name == "specialised" and t < 32:
                return 0  # a producer
            total = 0
            for i in range(tiles):
                total = total * factor % 10007 + x[i * width + at(t)]
            return total

        assert f[name] == [[value(t) for t in range(64)]]

    def test_stages_of_one_thread(self, f):
        x = numbers(1024)
        expected = []
        for t in range(64):
            total = 0
            for i in range(6):
                total = total * 7 % 10007 + x[64 * i + t]
            expected.append(total + x[64 * 6 + t] + x[64 * 7 + t])
        assert f["thread_pipeline"] == [expected]

    def test_groups(self, f):
        x = numbers(1024)
        expected = []
        for t in range(64):
            total = 0
            for i in range(7):
                total = total * 5 % 10007 + x[64 * i + (t + 1) % 64]
            expected.append(total)
        expected += [x[8 * (7 - t // 8) + 7 - t % 8] for t in range(64)]
        assert f["groups"] == [expected]

    def test_zero_fill(self, f):
        x = numbers(32)
        expected = [x[i] if i // 4 < 4 or i % 4 < 4 - (i // 4 - 3) else 0 for i in range(32)]
        assert f["zero_fill"] == [expected]

    def test_barriers_in_memory(self, f):
        x = numbers(1024)
        first = []
        for t in range(64):
            total = 3  # 0 + 1 + 2
            if t < 32:
                total += sum(x[t + 32] * r + x[63 - t] + r for r in range(3))
            first.append(total)
        second = [x[63 - (t + 5) % 64] for t in range(64)]
        third = [x[64 + 63 - t] for t in range(64)]
        assert f["barriers"] == [first + second + third]

    def test_atomics(self, f):
        assert f["atomic"] == [[sum(range(256)), 128]]
        assert f["atomic_bits"] == [[1024]]
        assert f["atomic_block"] == [[11] * 4 + [510] * 4]


def test_the_heap_of_kernels_has_a_size(results):
    assert results("groups")["heap"] == [0, 64 << 20]
