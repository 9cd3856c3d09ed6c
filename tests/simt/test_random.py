"""Random numbers (curand_kernel.h): published vectors, and the statistics of each distribution."""

import ctypes
import math
from pathlib import Path

import numpy as np
import pytest

from simt.build import build_library

PROGRAM = Path(__file__).parent / "programs" / "random.cu"
THREADS, EACH = 256, 1024
N = THREADS * EACH
generators = pytest.mark.parametrize("generator", ["xorwow", "philox"])


@pytest.fixture(scope="module")
def library():
    return ctypes.CDLL(build_library(PROGRAM).path)


@pytest.fixture(scope="module")
def draw(library):
    """draw(name, type, ...) -> [threads, each] numbers, or vectors of `width` of them."""

    def draw(name, dtype, threads=THREADS, each=EACH, seed=42, sequence=0, offset=0, width=1):
        out = np.zeros((threads, each * width), dtype)
        start = (ctypes.c_ulonglong(x) for x in (seed, sequence, offset))
        getattr(library, name)(*start, each, ctypes.c_void_p(out.ctypes.data), threads)
        return out

    return draw


@pytest.mark.parametrize(
    "given, expected",
    [
        ("00000000 " * 6, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff " * 6, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            "243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_vectors(library, given, expected):
    """The known answers that Random123 comes with, for a counter of four words and a key of two."""
    words = (ctypes.c_uint * 6)(*(int(word, 16) for word in given.split()))
    out = (ctypes.c_uint * 4)()
    library.philox_block(words, out)
    assert " ".join(f"{word:08x}" for word in out) == expected


def test_philox_seed_sequence_and_offset(library, draw):
    """As cuRAND: key = seed, high words of the counter = sequence, low words = offset / 4."""
    first = draw("philox_bits", np.uint32, threads=1, each=4, seed=0)
    assert [hex(x) for x in first[0]] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]
    seed, sequence, offset = 0x299F31D0A4093822, 0x0370734413198A2E, 0x05A308D3243F6A88
    whole = draw("philox_bits", np.uint32, 1, 16, seed, sequence, offset * 4)
    words = [0x243F6A88, 0x05A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0]
    block = (ctypes.c_uint * 4)()
    library.philox_block((ctypes.c_uint * 6)(*words), block)
    np.testing.assert_array_equal(whole[0, :4], list(block))
    for skipped in range(1, 9):
        later = draw("philox_bits", np.uint32, 1, 8, seed, sequence, offset * 4 + skipped)
        np.testing.assert_array_equal(later[0], whole[0, skipped : skipped + 8])
    np.testing.assert_array_equal(
        draw("philox_bits4", np.uint32, 1, 3, seed, sequence, offset * 4 + 1, width=4)[0],
        whole[0, 1:13],
    )


def test_xorwow_is_curands(draw):
    """What cuRAND's documentation prints for seed 1234: the first numbers of ten sequences."""
    got = draw("xorwow_uniform", np.float32, threads=10, each=1, seed=1234)[:, 0]
    published = [0.1455, 0.8202, 0.5504, 0.2948, 0.9147, 0.8690, 0.3219, 0.7829, 0.0113, 0.2854]
    np.testing.assert_allclose(got, published, atol=1e-4)


@generators
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 1023, 70_001])
def test_skipahead(library, generator, n):
    assert getattr(library, f"{generator}_skips")(ctypes.c_ulonglong(n)) == 1


@generators
def test_bits(draw, generator):
    x = draw(f"{generator}_bits", np.uint32)
    ones = np.unpackbits(x.view(np.uint8)).reshape(-1, 32).sum(0)
    assert np.abs(ones - N / 2).max() < 5 * math.sqrt(N) / 2
    assert len(np.unique(x[:, :16])) > 0.999 * THREADS * 16, "sequences differ"
    again, other = (
        draw(f"{generator}_bits", np.uint32),
        draw(f"{generator}_bits", np.uint32, seed=43),
    )
    np.testing.assert_array_equal(x, again)
    assert (x == other).mean() < 0.01


def moments_are(x, mean, deviation):
    x = x.astype(np.float64).ravel()
    assert abs(x.mean() - mean) < 5 * deviation / math.sqrt(x.size)
    assert x.std() == pytest.approx(deviation, rel=0.02)


def follows(x, distribution):
    """Kolmogorov and Smirnov's test, at a level of about 1e-5."""
    x = np.sort(x.astype(np.float64).ravel())
    exact = distribution(x)
    steps = np.arange(x.size + 1) / x.size
    assert max((exact - steps[:-1]).max(), (steps[1:] - exact).max()) < 2.5 / math.sqrt(x.size)


NORMAL = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)))


@generators
class TestDistributions:
    def test_uniform(self, draw, generator):
        for name, dtype in (("uniform", np.float32), ("uniform_double", np.float64)):
            x = draw(f"{generator}_{name}", dtype)
            assert x.min() > 0
            assert x.max() <= 1
            follows(x, lambda x: x)
            pairs = np.corrcoef(x[:, :-1].ravel(), x[:, 1:].ravel())[0, 1]
            assert abs(pairs) < 5 / math.sqrt(N)

    def test_normal(self, draw, generator):
        for name, dtype, width in (
            ("normal", np.float32, 1),
            ("normal2", np.float32, 2),
            ("normal_double", np.float64, 1),
        ):
            x = draw(f"{generator}_{name}", dtype, each=128, width=width)
            moments_are(x, 0, 1)
            follows(x, NORMAL)
            assert abs(np.corrcoef(x[:, ::2].ravel(), x[:, 1::2].ravel())[0, 1]) < 0.05

    def test_log_normal(self, draw, generator):
        moments_are(np.log(draw(f"{generator}_log_normal", np.float32)), 0.5, 0.25)

    def test_poisson(self, draw, generator):
        x = draw(f"{generator}_poisson_small", np.uint32, each=256)
        moments_are(x, 3.5, math.sqrt(3.5))
        for k in range(8):
            share = math.exp(-3.5) * 3.5**k / math.factorial(k)
            assert (x == k).mean() == pytest.approx(share, abs=5 * math.sqrt(share / x.size))
        large = draw(f"{generator}_poisson_large", np.uint32, each=64)
        moments_are(large, 10_000, 100)


def test_philox_in_fours(draw):
    one, four = (
        draw("philox_uniform", np.float32),
        draw("philox_uniform4", np.float32, each=256, width=4),
    )
    np.testing.assert_array_equal(one, four)
    pairs = draw("philox_normal2", np.float32, each=256, width=2)
    np.testing.assert_array_equal(pairs, draw("philox_normal4", np.float32, each=128, width=4))
    np.testing.assert_array_equal(pairs, draw("philox_normal", np.float32, each=512))
