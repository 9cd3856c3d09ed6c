"""Profiles of a library: of what was launched since the last time, with lines, read with care."""

import ctypes
import json

import pytest

from simt.build import build_library
from simt.profiling import read_profiles

SOURCE = """#include <cstddef>
template <typename T>
__global__ void twice(T* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = x[i] + x[i];  // twice
}
__global__ void every(float* x, int n, int step) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i * step < n) x[i * step] = 1.0f;  // every
}
__global__ void padded(float* out, const float* in, int n) {
  __shared__ float tile[8][32];
  int i = threadIdx.y * 32 + threadIdx.x;
  tile[threadIdx.y][threadIdx.x] = i < n ? in[i] : 0.0f;
  __syncthreads();
  if (i < n) out[i] = tile[threadIdx.y][threadIdx.x];
}
extern "C" void edge(void* out, void* in, int n) {
  padded<<<1, dim3(32, 8)>>>((float*)out, (float*)in, n);
}
extern "C" void both(void* x, int n) {
  twice<float><<<n / 64, 64>>>((float*)x, n);
  twice<double><<<n / 128, 64>>>((double*)x, n / 2);
  every<<<1, 32>>>((float*)x, n, 8);
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("profiles") / "two.cu"
    path.write_text(SOURCE)
    loaded = ctypes.CDLL(str(build_library(path, mode="profile").path))
    loaded.simt_profiles.restype = ctypes.c_char_p
    return loaded


@pytest.fixture
def profiles(library):
    """profiles(calls) -> what so many calls of both() on 256 floats are counted as."""

    def run(calls: int):
        memory = ctypes.c_void_p()
        assert library.cudaMalloc(ctypes.byref(memory), ctypes.c_size_t(1024)) == 0
        library.simt_forget_profiles()
        for _ in range(calls):
            library.both(memory, 256)
        library.cudaFree(memory)
        return read_profiles(library.simt_profiles().decode(), library._name)

    return run


def test_each_kernel_of_a_function_with_its_lines(profiles):
    floats, doubles, every = profiles(1)
    assert floats.name.startswith("twice<float>") and doubles.name.startswith("twice<double>")
    for kernel, size in ((floats, 4), (doubles, 8)):
        load, store = kernel.total("global", "load"), kernel.total("global", "store")
        assert load.sectors == store.sectors == 1024 / 32
        assert load.requests == store.requests == 1024 / size / 32
        assert {access.line for access in kernel.accesses} == {line("// twice")}
    assert every.total("global", "store").sectors_per_request == 32
    assert {access.line for access in every.accesses} == {line("// every")}
    assert [kernel.launches for kernel in (floats, doubles, every)] == [1, 1, 1]


def line(ending: str) -> str:
    (number,) = [i for i, text in enumerate(SOURCE.splitlines(), 1) if text.endswith(ending)]
    return f"two.cu:{number}"


def test_repeated_calls_add_up_and_earlier_ones_are_forgotten(profiles):
    thrice, once = profiles(3), profiles(1)
    for many, one in zip(thrice, once, strict=True):
        assert (many.launches, one.launches) == (3, 1)
        assert many.blocks == 3 * one.blocks
        assert many.total("global").sectors == 3 * one.total("global").sectors
    assert profiles(0) == []


def test_arithmetic_can_be_left_out(profiles, library):
    assert sum(kernel.flops for kernel in profiles(1)) == 256 + 128
    text = library.simt_profiles().decode()
    without = read_profiles(text, library._name, arithmetic=False)
    assert [kernel.flops for kernel in without] == [0, 0, 0]
    assert without[0].accesses == read_profiles(text, library._name)[0].accesses


def change(data, *path, value):
    *way, last = path
    for step in way:
        data = data[step]
    data[last] = value


ACCESS = (0, "accesses", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((0,), 3),
        ((0, "kernel"), None),
        ((0, "blocks"), -1),
        ((0, "blocks"), True),
        ((0, "truncated"), "0"),
        ((0, "accesses"), "many"),
        ((0, "accesses"), None),
        ((0, "code"), [[1, 2]]),
        ((*ACCESS, "sectors"), 1.5),
        ((*ACCESS, "sectors"), float("nan")),
        ((*ACCESS, "requests"), 10**40),
        ((*ACCESS, "requests"), -4),
        ((*ACCESS, "lanes"), [1]),
        ((*ACCESS, "pc"), "0x12"),
        ((*ACCESS, "pc"), {}),
        ((*ACCESS, "space"), 7),
        ((*ACCESS, "array"), []),
        ((*ACCESS, "colour"), "red"),
    ],
)
def test_what_is_no_profile_is_refused(profiles, library, path, value):
    profiles(1)
    data = json.loads(library.simt_profiles())
    change(data, *path, value=value)
    with pytest.raises(ValueError, match="not a profile of simt"):
        read_profiles(json.dumps(data), library._name, arithmetic=False)


@pytest.mark.parametrize("text", ["", "{", "3", "null", "[" * 100_000, '{"a": 1}'])
def test_what_is_no_list_of_profiles_is_refused(text, library):
    with pytest.raises(ValueError, match="not a profile of simt"):
        read_profiles(text, library._name)


def test_lanes_that_load_and_lanes_that_take_zero_store_together(library):
    """By hand: 8 warps store all 32 lanes at once; 100 floats are 3 whole warps and 4 lanes."""
    memory = ctypes.c_void_p()
    assert library.cudaMalloc(ctypes.byref(memory), ctypes.c_size_t(2048)) == 0
    library.simt_forget_profiles()
    library.edge(memory, ctypes.c_void_p(memory.value + 1024), 100)
    library.cudaFree(memory)
    (kernel,) = read_profiles(library.simt_profiles().decode(), library._name)
    assert kernel.total("shared", "store").requests == 8
    assert kernel.total("global", "load").requests == 4
    assert kernel.total("shared", "load").requests == kernel.total("global", "store").requests == 4
