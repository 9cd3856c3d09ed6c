"""Tiles multiplied by a warp (mma.h), against numpy."""

import ctypes
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from simt.build import CompileError, build_library, build_program

PROGRAM = Path(__file__).parent / "programs" / "wmma.cu"
RANDOM = np.random.default_rng(1)


@pytest.fixture(scope="module")
def library():
    library = ctypes.CDLL(build_library(PROGRAM).path)
    library.simt_last_report.restype = ctypes.c_char_p
    return library


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def stored(kind: str, values: np.ndarray) -> np.ndarray:
    """values (or what of them the kind has room for), as they lie in memory."""
    if kind == "bfloat16":
        return torch.tensor(values).bfloat16().view(torch.int16).numpy()
    types = {"half": "float16", "tf32": "float32", "float": "float32", "int": "int32"}
    return np.ascontiguousarray(values.astype(types.get(kind, kind)))


def wide(kind: str, memory: np.ndarray) -> np.ndarray:
    if kind == "bfloat16":
        memory = (memory.astype(np.uint16).astype(np.uint32) << 16).view(np.float32)
    if kind == "tf32":
        memory = (memory.view(np.uint32) & 0xFFFFE000).view(np.float32)
    return memory.astype(np.float64)


@pytest.mark.parametrize(
    "name, a_order, b_order, c_order",
    [
        ("half_float_16x16x16", "C", "C", "C"),
        ("half_float_32x8x16", "C", "F", "F"),
        ("half_float_8x32x16", "F", "C", "C"),
        ("half_half_16x16x16", "F", "F", "F"),
        ("half_half_32x8x16", "C", "F", "C"),
        ("bfloat16_float_16x16x16", "C", "F", "C"),
        ("bfloat16_float_8x32x16", "C", "C", "C"),
        ("tf32_float_16x16x8", "C", "C", "C"),
        ("int8_int_16x16x16", "C", "F", "C"),
        ("uint8_int_32x8x16", "F", "C", "F"),
        ("double_double_8x8x4", "C", "F", "C"),
    ],
)
def test_tile(library, name, a_order, b_order, c_order):
    kind, sum_kind, shape = name.split("_")
    m, n, k = map(int, shape.split("x"))
    whole = kind.endswith("int8")

    def matrix(kind, order, rows, columns):
        values = RANDOM.normal(size=rows * columns)
        if whole:
            values = RANDOM.integers(*((0, 256) if kind == "uint8" else (-128, 128)), values.size)
        memory = stored(kind, values)
        return memory, wide(kind, memory).reshape(rows, columns, order=order)

    (a_memory, a), (b_memory, b) = matrix(kind, a_order, m, k), matrix(kind, b_order, k, n)
    (c_memory, c), d_memory = matrix(sum_kind, c_order, m, n), stored(sum_kind, np.zeros(m * n))
    scale = stored(sum_kind, np.array([2.0]))
    arrays = [pointer(x) for x in (a_memory, b_memory, c_memory, d_memory, scale)]
    getattr(library, name)(*arrays)

    got, exact = wide(sum_kind, d_memory).reshape(m, n, order=c_order), 2 * (a @ b + c)
    relative = {"half": 2.0**-11, "float": 1e-6, "double": 1e-15, "int": 0}[sum_kind]
    sizes = 2 * (np.abs(a) @ np.abs(b) + np.abs(c)) if sum_kind != "half" else np.abs(exact) + 1e-2
    assert (np.abs(got - exact) <= relative * sizes).all()


def test_product_of_whole_matrices(library):
    size = 128
    a, b = RANDOM.normal(size=(2, size, size)).astype(np.float16)
    c = np.zeros((size, size), np.float32)
    library.multiply(size, pointer(a), pointer(b), pointer(c))
    np.testing.assert_allclose(c, a.astype(np.float64) @ b.astype(np.float64), atol=1e-4)


def test_int_overflow(library):
    a, b = RANDOM.integers(-128, 128, (2, 16, 16)).astype(np.int8)
    exact = a.astype(np.int64) @ b + (2**31 - 1)
    d = np.zeros((16, 16), np.int32)
    library.saturate(pointer(a), pointer(b), pointer(d), 0)
    np.testing.assert_array_equal(d, exact.astype(np.int32))
    library.saturate(pointer(a), pointer(b), pointer(d), 1)
    np.testing.assert_array_equal(d, np.minimum(exact, 2**31 - 1))


def test_half_a_warp_elsewhere_is_reported(library):
    assert library.diverge(pointer(np.zeros(256, np.float16))) != 0
    report = json.loads(library.simt_last_report())
    library.simt_clear()
    assert "load_matrix_sync() at wmma.cu" in json.dumps(report)


def test_half_a_warp_returned_shows_as_nan(library):
    total = np.zeros(1, np.float32)
    library.half_a_warp(pointer(np.ones(256, np.float16)), pointer(total))
    assert np.isnan(total[0])


@pytest.mark.parametrize(
    "fragment, message",
    [
        ("matrix_a, 16, 16, 8, half, wmma::row_major", "wmma has no such tile: half"),
        ("matrix_a, 16, 16, 16, half", "needs row_major or col_major"),
        ("accumulator, 16, 16, 16, double", "wmma has no such tile"),
    ],
)
def test_what_there_is_not(tmp_path, fragment, message):
    source = tmp_path / "bad.cu"
    source.write_text(
        "#include <mma.h>\nusing namespace nvcuda;\n"
        f"__global__ void k() {{ wmma::fragment<wmma::{fragment}> f; f.x[0] = 0; }}\n"
        "int main() {}\n"
    )
    with pytest.raises(CompileError, match=message):
        build_program(source)
