"""What the reports of simt check say: of places, of what is missing, of launches that fail."""

import subprocess

import pytest
from verdicts import BUG_SOURCES, check_bug, seeded

from simt.build import build_program
from simt.checking import run_checked
from simt.report import Report

BUGS = seeded()
WORDS = {  # bug: how the place is called, and what its first report says is missing
    "dynamic_halves": ("buffer[63]", "no __syncthreads()"),
    "reverse_no_barrier": ("s[64]", "no __syncthreads() in between"),
    "warp_no_syncwarp": ("s[1]", "no __syncwarp() or __syncthreads() in between"),
    "shared_counter": ("count", "if each of them adds to it, use atomicAdd()"),
    "sum_no_atomic": ("out[0]", "if each of them adds to it, use atomicAdd()"),
    "global_scratch": ("scratch[", "blocks run in any order"),
    "variable_counter": ("counter", "use atomicAdd()"),
    "shared_too_far": ("s[64]", "the 256 bytes that the launch asked for: 64 elements"),
    "no_bounds_check": ("out[1000]", "out has 1000 elements"),
    "shared_neighbour": ("first[32]", "outside of first[32]"),
    "too_many_threads": ("the kernel nothing", "a block of 2048 threads, where 1024 are the most"),
    "too_much_shared": ("the kernel nothing", "50000 bytes of dynamic shared memory"),
}


@pytest.mark.parametrize("name", WORDS)
def test_a_report_names_the_place_and_what_is_missing(name):
    place, missing = WORDS[name]
    bug = BUGS[name]
    report = next(r for r in check_bug(bug).reports if r.kind == bug.kind)
    assert place in report.message
    assert missing in report.message


def test_a_report_names_kernel_block_threads_and_both_lines():
    bug = BUGS["reverse_no_barrier"]
    report = bug.is_in(check_bug(bug).reports)
    write, read = bug.lines[0] - 1, bug.lines[0]
    assert (report.kernel, report.block) == ("reverse_no_barrier", (0, 0, 0))
    assert report.at in (f"bugs.cu:{write}", f"bugs.cu:{read}")  # whichever came second
    assert {detail.split(": thread (")[0] for detail in report.details} == {
        f"bugs.cu:{write} writes it",
        f"bugs.cu:{read} reads it",
    }
    assert report.file.endswith(BUG_SOURCES[0].name)


LAUNCHES = """
#include <cstdio>
#include <cstring>
__global__ void fill(int* p) { p[0] = 1; }
int main(int, char** argv) {
  int* p = nullptr;
  auto is = [&](const char* how) { return !strcmp(argv[1], how); };
  if (is("null") || is("null, then asks")) {
    fill<<<1, 1>>>(nullptr);
    return is("null") ? 0 : cudaDeviceSynchronize();
  }
  cudaMalloc(&p, 4);
  dim3 block(is("fine") ? 32 : 4096);
  fill<<<1, block>>>(p);  // line 14
  if (is("get")) printf("%d\\n", cudaGetLastError());
  if (is("peek")) printf("%d\\n", cudaPeekAtLastError());
  if (is("cudaDeviceSynchronize"))
    printf("%d\\n", cudaDeviceSynchronize());  // that is not what returns it
  if (is("call")) {
    cudaGetLastError();
    void* arguments[] = {&p};
    printf("%d\\n", cudaLaunchKernel((void*)fill, dim3(0), dim3(1), arguments, 0, 0));
  }
}
"""


@pytest.fixture(scope="module")
def launches(tmp_path_factory):
    path = tmp_path_factory.mktemp("launches") / "launches.cu"
    path.write_text(LAUNCHES)
    program = build_program(path, mode="check").path
    return lambda how: run_checked(program, [how], stdout=subprocess.DEVNULL).reports


def kinds(reports: list[Report]) -> list[str]:
    return [report.kind for report in reports if report.problem]


def test_a_launch_that_works_needs_no_question(launches):
    assert launches("fine") == []


@pytest.mark.parametrize("how", ["nobody", "cudaDeviceSynchronize"])
def test_a_refused_launch_that_nobody_asks_about(launches, how):
    reports = launches(how)
    assert kinds(reports) == ["invalid_launch", "unchecked_launch_error"]
    assert [report.at for report in reports] == ["launches.cu:14"] * 2
    assert "cudaErrorInvalidConfiguration" in reports[1].message


@pytest.mark.parametrize("how", ["get", "peek", "call"])
def test_a_refused_launch_that_the_program_asks_about_is_a_note(launches, how):
    reports = launches(how)
    assert kinds(reports) == []
    assert {report.kind for report in reports} == {"invalid_launch"}
    assert len(reports) == (2 if how == "call" else 1)


def test_a_kernel_that_fails_unnoticed(launches):
    assert kinds(launches("null")) == ["null_pointer", "unchecked_launch_error"]
    assert kinds(launches("null, then asks")) == ["null_pointer"]
