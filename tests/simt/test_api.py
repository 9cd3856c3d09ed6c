"""The runtime API's errors, and the C++ around it."""

import pytest

from simt.build import build_program

VALUE, PITCH, NO_FUNCTION, DEVICE, LIMIT, HANDLE, STATE = 1, 12, 98, 101, 215, 400, 401
NOT_SUPPORTED = 801
UNSUPPORTED, INVALIDATED, MERGE, UNMATCHED, UNJOINED = 900, 901, 902, 903, 904
ISOLATION, IMPLICIT, CAPTURED_EVENT, UPDATE_FAILURE = 905, 906, 907, 910


@pytest.fixture(scope="module")
def errors(results):
    return results("api_errors")


@pytest.mark.parametrize(
    "calls, expected",
    [
        ("streams", [HANDLE, HANDLE, HANDLE, HANDLE, VALUE, 0]),
        ("events", [HANDLE, 0, 0, HANDLE, 0, VALUE, HANDLE]),
        ("frees", [VALUE, VALUE, VALUE, VALUE, 0]),
        ("rows", [0, PITCH, VALUE, 0]),
        ("managed", [VALUE, DEVICE, VALUE, VALUE]),
        ("device", [DEVICE, DEVICE, DEVICE, DEVICE, VALUE, LIMIT]),
        ("clusters", [NOT_SUPPORTED, 0, 0]),
        ("functions", [VALUE, VALUE, NO_FUNCTION, VALUE]),
        ("names", [1, 1]),
    ],
)
def test_error_codes(errors, calls, expected):
    assert errors[calls] == expected


@pytest.mark.parametrize(
    "call, error, at_the_end",
    [
        ("nothing", 0, 0),
        ("again", STATE, 0),
        ("malloc", UNSUPPORTED, INVALIDATED),
        ("malloc_relaxed", 0, 0),
        ("synchronize", UNSUPPORTED, INVALIDATED),
        ("other_stream", 0, 0),
        ("device_synchronize", UNSUPPORTED, INVALIDATED),
        ("memcpy", IMPLICIT, INVALIDATED),
        ("legacy", IMPLICIT, INVALIDATED),
        ("malloc_async", NOT_SUPPORTED, 0),
        ("after_an_error", INVALIDATED, INVALIDATED),
        ("unjoined", 0, UNJOINED),
        ("captured_event", CAPTURED_EVENT, INVALIDATED),
        ("isolation", ISOLATION, INVALIDATED),
        ("unmatched", UNMATCHED, INVALIDATED),
        ("merge", MERGE, INVALIDATED),
    ],
)
def test_calls_while_a_stream_is_captured(errors, call, error, at_the_end):
    assert errors[call] == [error, at_the_end, int(at_the_end == 0)]


def test_a_capture_needs_its_own_stream_and_a_beginning(errors):
    assert errors["begin"] == [UNSUPPORTED, STATE]


def test_graphs(errors):
    assert errors["graph"] == [VALUE, 0, 0, HANDLE, 2]
    topology_changed = 2
    assert errors["update"] == [0, 0, UPDATE_FAILURE, topology_changed]
    assert errors["circle"] == [VALUE]


def test_language_and_small_headers(results):
    r = results("language")
    assert r["nvtx"] == [1, 1, 0]
    assert r["lambdas"] == [(2 + 3 + 1) ** 2]
    assert r["member"] == [2.5]
    assert r["variadic"] == [6.5, 3, 7.5]
    assert r["copied"] == [1, 1, 99]
    on_the_device, on_the_host = 11, 2
    assert r["spaces"] == [1, 1, 1, 1, 1, 1, on_the_device, on_the_host]
    assert r["third"] == [3]
    assert r["std"] == [-3, 2, 32767, 1]
    assert r["alignments"] == [4, 4, 16, 16, 8, 16]


@pytest.mark.parametrize("std", ["c++17", "c++20"])
def test_headers_compile_without_warnings(tmp_path, std):
    headers = ["cuda.h", "cuda_runtime_api.h", "vector_types.h", "vector_functions.h"]
    headers += ["cuda_profiler_api.h", "nvToolsExt.h", "nvtx3/nvtx3.hpp", "nv/target"]
    program = tmp_path / "all.cu"
    program.write_text("".join(f"#include <{name}>\n" for name in headers) + "int main() {}\n")
    assert build_program(program, std=std).log == ""
