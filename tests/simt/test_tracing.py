"""The steps of kernels, one by one: their sums are what simt profile counts."""

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from simt.build import build_program
from simt.profiling import run_profiled
from simt.tracing import WHOLE_BLOCK, read_traces, run_traced

KERNELS = Path(__file__).parent / "counters" / "kernels.cu"


@pytest.fixture(scope="module")
def build():
    return build_program(KERNELS, mode="profile")


@pytest.fixture(scope="module")
def traces(build):
    result = run_traced(build)
    assert result.status == 0
    return {launch.kernel: launch for launch in result.launches}


@pytest.fixture(scope="module")
def text(build, tmp_path_factory):
    """The recording as the runtime writes it."""
    path = tmp_path_factory.mktemp("trace") / "trace.json"
    subprocess.run([build.path], env={**os.environ, "SIMT_TRACE": str(path)}, check=True)
    return path.read_text()


def test_steps_add_up_to_the_profile(build, traces):
    kernels = run_profiled(build, blocks=0).kernels
    assert list(traces) == [kernel.name for kernel in kernels] and len(kernels) == 30
    for kernel in kernels:
        launch = traces[kernel.name]
        assert launch.lost == 0
        for space, cost in (("global", "sectors"), ("shared", "wavefronts")):
            counted, total = kernel.total(space), launch.total(space)
            ideal = getattr(counted, f"ideal_{cost}")
            assert total == (counted.requests, getattr(counted, cost), ideal), kernel.name
        assert launch.barriers() == kernel.barriers


def test_and_so_do_those_of_each_line(build, traces):
    for kernel in run_profiled(build, blocks=0).kernels:
        launch = traces[kernel.name]
        by_line = Counter()
        for steps in launch.blocks.values():
            for step in steps:
                form = launch.forms[step.form]
                if form.kind == "request":
                    by_line[form.line, launch.arrays[form.array].name, form.op] += form.active
        expected = Counter()
        for access in kernel.accesses:
            expected[access.line, access.array, access.op] += access.lanes
        assert by_line == expected, kernel.name


def test_where_lanes_go(traces):
    launch = traces["transpose_padded"]
    step = launch.blocks[0][0]
    form = launch.forms[step.form]
    assert (form.op, launch.arrays[form.array].name, step.offset) == ("load", "in", 0)
    assert form.lanes == tuple(range(0, 128, 4))
    tile = next(array for array in launch.arrays if array.space == "shared")
    assert (tile.name, tile.extents, tile.element_size, tile.size) == ("tile", (32, 33), 4, 4224)
    columns = [form for form in launch.forms if form.op == "load" and form.lanes[1] == 33 * 4]
    assert [form.cost for form in columns] == [1]
    assert traces["copy_half_of_warp"].forms[0].active == 16


def test_warps_take_turns_between_barriers(traces):
    launch = traces["tiled_linear"]
    steps = launch.blocks[0]
    kinds = [launch.forms[step.form].kind for step in steps]
    first = kinds.index("barrier")
    assert first % 32 == 0
    assert [step.warp for step in steps[: first + 1]] == [*range(32)] * (first // 32) + [
        WHOLE_BLOCK
    ]
    assert launch.forms[steps[first].form].threads == 1024
    assert launch.forms[steps[first].form].what == "__syncthreads"


def test_shuffles_are_meetings_of_lanes(traces):
    meetings = [form for form in traces["reduce_shuffle"].forms if form.kind == "meeting"]
    assert meetings and {form.active for form in meetings} == {32}
    assert all("shfl" in form.what and form.line.startswith("kernels.cu:") for form in meetings)


def test_the_same_in_each_run_and_with_any_number_of_workers(build, traces, monkeypatch):
    for workers in ("1", "3"):
        monkeypatch.setenv("SIMT_WORKERS", workers)
        for launch in run_traced(build).launches:
            known = traces[launch.kernel]
            assert (launch.forms, launch.blocks) == (known.forms, known.blocks)


PROGRAM = """
__global__ void add_one(float* x) { x[blockIdx.x * 32 + threadIdx.x] += 1.0f; }
extern "C" void simt_record(long numbers);
int main() {
  float* x;
  cudaMalloc(&x, 64 * 128);
  cudaMemset(x, 0, 64 * 128);
  simt_record(32 + 3 * 50);
  add_one<<<64, 32>>>(x);
}
"""


def test_a_long_recording_ends_at_the_same_step(tmp_path):
    source = tmp_path / "long.cu"
    source.write_text(PROGRAM)
    for _ in range(3):
        (launch,) = run_traced(build_program(source, mode="profile")).launches
        kept = sum(len(steps) for steps in launch.blocks.values())
        assert kept + launch.lost == 128 and 30 <= kept <= 50
        assert sorted(launch.blocks) == [*range(len(launch.blocks))]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((), 3),
        ((0,), None),
        ((0, "grid"), [1, 2]),
        ((0, "lost"), -1),
        ((0, "arrays", 0, "space"), "heaven"),
        ((0, "arrays", 0, "size"), 10**30),
        ((0, "patterns", 0), [0] * 31),
        ((0, "patterns", 0), [-1] * 32),
        ((0, "patterns", 0, 3), 1.5),
        ((0, "forms", 0, "pc"), "main"),
        ((0, "forms", 0, "pattern"), 400),
        ((0, "forms", 0, "array"), 2),
        ((0, "forms", 0, "cost"), True),
        ((0, "blocks", 0), [16, []]),
        ((0, "blocks", 0, 1), [0, 0]),
        ((0, "blocks", 0, 1, 1), 4),
        ((0, "blocks", 0, 1, 0), 99),
        ((0, "blocks", 0, 1, 2), -8),
    ],
)
def test_what_is_no_recording_is_refused(text, build, path, value):
    data = json.loads(text)
    if not path:
        data = value
    else:
        *way, last = path
        inner = data
        for step in way:
            inner = inner[step]
        inner[last] = value
    with pytest.raises(ValueError, match="not a recording of simt"):
        read_traces(json.dumps(data), build.path)
