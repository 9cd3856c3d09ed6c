"""cuda_fp16.h and cuda_bf16.h against numpy's float16 and torch's bfloat16."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
import torch

from simt.build import build_library

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy, about inf and NaN

PROGRAM = Path(__file__).parent / "programs" / "half.cu"
ALL = np.arange(65536, dtype=np.uint16)
RANDOM = np.random.default_rng(0)
MANY = 300_000


class Format:
    """What one 16-bit format should do; numbers are arrays of their bits."""

    def __init__(self, name, mantissa, min_exponent):
        self.name, self.mantissa, self.min_exponent = name, mantissa, min_exponent
        self.infinity = 0x7FFF >> mantissa << mantissa

    def __repr__(self):
        return self.name

    def wide(self, bits) -> np.ndarray:
        """As float64, exactly."""
        if self.name == "half":
            return bits.view(np.float16).astype(np.float64)
        return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)

    def near(self, x) -> np.ndarray:
        """float32, or a float64 that float32 has room for, rounded to nearest even."""
        if self.name == "half":
            return np.asarray(x).astype(np.float16).view(np.uint16)
        x = torch.from_numpy(np.asarray(x).astype(np.float32))
        return x.bfloat16().view(torch.int16).numpy().view(np.uint16)

    def random(self, n=MANY):
        """All bit patterns are as likely; a third has exponents near that of 1."""
        bits = RANDOM.integers(0, 65536, n, dtype=np.uint16)
        one = RANDOM.uniform(-4, 4, n // 3)
        bits[: len(one)] = self.near(one)
        RANDOM.shuffle(bits)
        return bits


HALF, BFLOAT16 = Format("half", 10, -14), Format("bfloat16", 7, -126)
both = pytest.mark.parametrize("f", [HALF, BFLOAT16], ids=str)


def same(f, got, expected):
    """The same bits, and any NaN is CUDA's."""
    nan = np.isnan(f.wide(expected))
    wrong = np.flatnonzero(np.where(nan, got != 0x7FFF, got != expected))
    assert len(wrong) == 0, [(hex(got[i]), hex(expected[i])) for i in wrong[:5]]


@pytest.fixture(scope="module")
def library():
    return ctypes.CDLL(build_library(PROGRAM).path)


@pytest.fixture(scope="module")
def call(library):
    def call(name, *arrays, out=np.uint16):
        result = np.zeros(len(arrays[0]), out)
        n = len(result)
        if name.endswith(("mul2", "fma2", "hcmadd")):  # pairs
            n //= 2
        pointers = [ctypes.c_void_p(np.ascontiguousarray(a).ctypes.data) for a in (result, *arrays)]
        getattr(library, name)(n, *pointers)
        return result

    return call


@both
def test_every_value_widened(call, f):
    got = call(f"convert__{f}2float", ALL, out=np.float32)
    np.testing.assert_array_equal(got.astype(np.float64), f.wide(ALL))


def test_every_value_widened_without_the_processors_help(call):
    got = call("convertwiden", ALL, out=np.float32)
    np.testing.assert_array_equal(got, HALF.wide(ALL))
    assert (np.signbit(got) == np.signbit(HALF.wide(ALL)))[~np.isnan(got)].all()


def hard_floats(f):
    """All numbers of the format, what lies half way between two, just beside, and any floats."""
    exact = f.wide(ALL).astype(np.float32)
    ties = ((f.wide(ALL[:-1]) + f.wide(ALL[1:])) / 2).astype(np.float32)
    overflow = np.float32([65519.996, 65520, -65520, 65536, 3.3961775e38, 3.4e38, np.inf, -np.inf])
    near = np.concatenate([exact, ties, overflow])
    anything = RANDOM.integers(0, 2**32, MANY, dtype=np.uint32).view(np.float32)
    ups, downs = np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))
    return np.concatenate([near, ups, downs, anything])


class TestNarrowing:
    @both
    def test_to_nearest(self, call, f):
        x = hard_floats(f)
        for name in ("", "_rn"):
            same(f, call(f"convert__float2{f}{name}", x), f.near(x))

    @both
    @pytest.mark.parametrize("mode, pick", [("rz", 0), ("ru", 1), ("rd", -1)])
    def test_directed(self, call, f, mode, pick):
        x = hard_floats(f)
        got = call(f"convert__float2{f}_{mode}", x)
        nan = np.isnan(x)
        assert (got[nan] == 0x7FFF).all()
        x, got = x[~nan].astype(np.float64), got[~nan]
        value = f.wide(got)
        limit = f.wide(np.uint16([f.infinity - 1]))[0]  # the largest number
        spacing = 2.0 ** (
            np.maximum(np.frexp(np.where(np.isinf(x), 1, x))[1] - 1, f.min_exponent) - f.mantissa
        )
        down = np.floor(x / spacing) * spacing
        up = np.ceil(x / spacing) * spacing
        toward_zero = np.where(x < 0, up, down)
        expected = {0: toward_zero, 1: up, -1: down}[pick]
        beyond = np.abs(expected) > limit
        stays = {0: np.isinf(x) == 0, 1: (x < 0) & ~np.isinf(x), -1: (x > 0) & ~np.isinf(x)}[pick]
        expected = np.where(beyond, np.sign(x) * np.where(stays, limit, np.inf), expected)
        np.testing.assert_array_equal(value, expected)
        assert (np.signbit(value) == np.signbit(x)).all()

    @both
    def test_double_is_rounded_once(self, call, f):
        x = hard_floats(f).astype(np.float64)
        x = np.concatenate([x, np.nextafter(x, np.inf), np.nextafter(x, -np.inf)])
        got = call(f"convert__double2{f}", x)
        if f is HALF:
            same(f, got, f.near(x))
        else:  # torch rounds to float first: correct where that went wrong
            as_float = x.astype(np.float32)
            expected = f.near(as_float)
            middle = (as_float.view(np.uint32) & 0xFFFF) == 0x8000
            upper = as_float.view(np.uint32) >> 16
            larger = np.abs(x) > np.abs(as_float.astype(np.float64))
            smaller = np.abs(x) < np.abs(as_float.astype(np.float64))
            expected = np.where(middle & larger & ~np.isnan(x), upper + 1, expected)
            expected = np.where(middle & smaller & ~np.isnan(x), upper, expected)
            same(f, got, expected.astype(np.uint16))

    def test_integers(self, call):
        x = RANDOM.integers(-70000, 70000, MANY).astype(np.int32)
        same(HALF, call("convert__int2half_rn", x), HALF.near(x.astype(np.float64)))
        same(HALF, call("convert__ushort2half_rn", ALL), HALF.near(ALL.astype(np.float64)))
        wide = RANDOM.integers(-(2**63), 2**63 - 1, 10_000)
        wide[:1000] = (0x101 << 54) + RANDOM.integers(-2, 3, 1000)  # ties, and beside
        expected = [exact_round(int(v), abs(int(v)).bit_length() - 8) for v in wide]
        same(
            BFLOAT16,
            call("convert__ll2bfloat16_rn", wide),
            BFLOAT16.near(np.array(expected, np.float64)),
        )


def exact_round(value: int, exponent: int) -> int:
    """value to a multiple of 2^exponent, ties to even."""
    sign, value = (-1 if value < 0 else 1), abs(value)
    quotient, rest = divmod(value, 1 << exponent)
    half = 1 << (exponent - 1)
    quotient += rest > half or (rest == half and quotient % 2 == 1)
    return sign * quotient << exponent


@pytest.mark.parametrize(
    "name, f, out, change",
    [
        ("half2int_rn", HALF, np.int32, np.rint),
        ("half2int_rz", HALF, np.int32, np.trunc),
        ("half2int_ru", HALF, np.int32, np.ceil),
        ("half2int_rd", HALF, np.int32, np.floor),
        ("half2short_rn", HALF, np.int16, np.rint),
        ("half2uint_rz", HALF, np.uint32, np.trunc),
        ("half2uchar_rz", HALF, np.uint8, np.trunc),
        ("bfloat162int_rn", BFLOAT16, np.int32, np.rint),
        ("bfloat162ll_rz", BFLOAT16, np.int64, np.trunc),
        ("bfloat162ull_rd", BFLOAT16, np.uint64, np.floor),
    ],
)
def test_every_value_to_integers(call, name, f, out, change):
    limits = np.iinfo(out)
    nan = 1 << 63 if limits.bits == 64 else 0
    nan = nan - (1 << 64) if nan > limits.max else nan
    got = call(f"convert__{name}", ALL, out=out)
    for bits, value, result in zip(ALL, change(f.wide(ALL)), got, strict=True):
        if np.isnan(value):
            expected = nan
        elif np.isinf(value):
            expected = limits.max if value > 0 else limits.min
        else:
            expected = min(max(int(value), limits.min), limits.max)
        assert int(result) == expected, hex(bits)


class TestArithmetic:
    @both
    @pytest.mark.parametrize(
        "name, function",
        [("hadd", np.add), ("hsub", np.subtract), ("hmul", np.multiply), ("hdiv", np.divide)],
    )
    def test_rounded_once(self, call, f, name, function):
        a, b = f.random(), f.random()
        # float32 holds enough: see simt/include/simt/narrow/format.h. numpy and torch rely on it.
        expected = f.near(function(f.wide(a).astype(np.float32), f.wide(b).astype(np.float32)))
        same(f, call(f"{f}___{name}", a, b), expected)

    @both
    def test_fma_is_rounded_once(self, call, f):
        n = 40_000
        a, b, c = f.random(n), f.random(n), f.random(n)
        hard = n // 2  # a * b half way between two numbers, and a tiny c to tip the balance
        odd = {HALF: (683, 3), BFLOAT16: (171, 3)}[f]
        a[:hard] = f.near(np.full(hard, float(odd[0])))
        b[:hard] = f.near(
            RANDOM.choice([-odd[1], odd[1]], hard) * 2.0 ** RANDOM.integers(-14, 3, hard)
        )
        c[:hard] = RANDOM.integers(0, 64, hard) | RANDOM.integers(0, 2, hard) << 15
        got = call(f"{f}___hfma", a, b, c)
        wide = f.wide(a), f.wide(b), f.wide(c)
        expected = np.array([fma(f, *abc) for abc in zip(*wide, strict=True)], np.uint16)
        same(f, got, expected)
        pairs = call(f"{f}___hfma2", a, b, c)
        np.testing.assert_array_equal(pairs, got)

    @both
    def test_complex(self, call, f):
        one = [f.near(RANDOM.integers(-4, 5, 64).astype(np.float32)) for _ in range(3)]
        a, b, c = (f.wide(v).reshape(-1, 2) @ [1, 1j] for v in one)
        expected = f.near((a * b + c).view(np.float64).astype(np.float32))
        same(f, call(f"{f}___hcmadd", *one), expected)

    @both
    def test_saturation(self, call, f):
        a, b = f.random(), f.random()
        total = f.wide(call(f"{f}___hadd", a, b))
        expected = f.near(np.nan_to_num(np.clip(total, 0, 1), nan=0.0) + 0.0)
        same(f, call(f"{f}___hadd_sat", a, b), expected)
        product = f.wide(call(f"{f}___hfma", a, b, b))
        same(
            f, call(f"{f}___hfma_sat", a, b, b), f.near(np.nan_to_num(np.clip(product, 0, 1)) + 0.0)
        )
        relu = f.wide(call(f"{f}___hfma_relu", a, b, b))
        np.testing.assert_array_equal(relu, np.where(product < 0, 0, product))

    @both
    def test_pairs(self, call, f):
        a, b = f.random(), f.random()
        np.testing.assert_array_equal(call(f"{f}___hmul2", a, b), call(f"{f}___hmul", a, b))

    @both
    def test_sign(self, call, f):
        np.testing.assert_array_equal(call(f"{f}___hneg", ALL), ALL ^ 0x8000)
        np.testing.assert_array_equal(call(f"{f}___habs", ALL), ALL & 0x7FFF)


def fma(f, a, b, c) -> int:
    """The bits of a * b + c, by whole numbers: exact, then rounded."""
    scale = 320  # numbers of both formats are multiples of 2^-160, products of 2^-320
    exact = 0
    if np.isfinite([a, b, c]).all():
        exact = int(a * 2.0**160) * int(b * 2.0**160) + (int(c * 2.0**160) << 160)
    if exact == 0:
        return int(f.near(np.float32([a * b + c]))[0])
    exponent = max(abs(exact).bit_length() - 1 - scale, f.min_exponent)
    last_place = exponent - f.mantissa + scale
    units = abs(exact_round(exact, last_place)) >> last_place
    bits = min((exponent - f.min_exponent << f.mantissa) + units, f.infinity)
    return bits | (0x8000 if exact < 0 else 0)


class TestComparisons:
    @both
    def test_ordered_and_unordered(self, call, f):
        a, b = f.random(), f.random()
        b[::3] = a[::3]
        x, y = f.wide(a), f.wide(b)
        nan = np.isnan(x) | np.isnan(y)
        functions = {
            "eq": np.equal,
            "ne": np.not_equal,
            "lt": np.less,
            "le": np.less_equal,
            "gt": np.greater,
            "ge": np.greater_equal,
        }
        for name, function in functions.items():
            holds = function(x, y)
            np.testing.assert_array_equal(call(f"{f}_{name}", a, b, out=np.int32), holds & ~nan)
            np.testing.assert_array_equal(call(f"{f}_{name}u", a, b, out=np.int32), holds | nan)

    @both
    def test_larger_and_smaller(self, call, f):
        a, b = f.random(), f.random()
        a[:4], b[:4] = [0, 0x8000, 0, 0x8000], [0x8000, 0, 0, 0x8000]
        x, y = f.wide(a), f.wide(b)
        x_first = x + np.where(np.signbit(x), -1e-300, 1e-300)  # so that -0 < +0
        y_first = y + np.where(np.signbit(y), -1e-300, 1e-300)
        for name, choose_a in (("max", x_first > y_first), ("min", x_first < y_first)):
            expected = np.where(np.isnan(y) | choose_a, a, b)
            same(f, call(f"{f}___h{name}", a, b), expected)
            either = np.where(np.isnan(x) | np.isnan(y), 0x7FFF, expected).astype(np.uint16)
            same(f, call(f"{f}___h{name}_nan", a, b), either)


@both
@pytest.mark.parametrize(
    "name, function, units",
    [
        ("hceil", np.ceil, 0),
        ("hfloor", np.floor, 0),
        ("htrunc", np.trunc, 0),
        ("hrint", np.rint, 0),
        ("hsqrt", np.sqrt, 0),
        ("hrcp", np.reciprocal, 0),
        ("hrsqrt", lambda x: 1 / np.sqrt(x), 0),
        ("hexp", np.exp, 1),
        ("hexp2", np.exp2, 1),
        ("hexp10", lambda x: 10**x, 1),
        ("hlog", np.log, 1),
        ("hlog2", np.log2, 1),
        ("hlog10", np.log10, 1),
        ("hsin", np.sin, 1),
        ("hcos", np.cos, 1),
        ("htanh", np.tanh, 1),
    ],
)
def test_math_of_every_value(call, f, name, function, units):
    """units: of the last place, by which the result may be off where it lies half way."""
    got, expected = call(f"{f}_{name}", ALL), f.near(function(f.wide(ALL)))
    if units == 0:
        return same(f, got, expected)
    nan = np.isnan(f.wide(expected))
    np.testing.assert_array_equal(np.isnan(f.wide(got)), nan)
    off = np.abs(got[~nan].astype(int) - expected[~nan].astype(int))
    assert off.max() <= units
    assert (off > 0).mean() < 1e-3, "as exact as float allows"
    return None
