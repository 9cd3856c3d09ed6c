"""simt check: each seeded bug is found, with its kind and line, and correct programs pass."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tables
from verdicts import BUG_SOURCES, CORRECT, build_all, check_bug, check_program, seeded

ROOT = Path(__file__).parents[2]
BUGS = seeded()
SANITIZER = json.loads((BUG_SOURCES[0].parent / "compute_sanitizer.json").read_text())["bugs"]
# Programs that try launches that are refused, and ask for the error: worth a note.
TRY_LAUNCHES = {"grid_sync", "launch_api"}


@pytest.mark.parametrize("name", BUGS)
def test_a_seeded_bug_is_found(name):
    reports = check_bug(BUGS[name]).reports
    report = BUGS[name].is_in(reports)
    assert report, reports
    assert report.problem


def test_nothing_is_missed_that_compute_sanitizer_finds():
    found = {
        name
        for name, tools in SANITIZER.items()
        if any(verdict.get("reports") for verdict in tools.values())
    }
    assert found <= set(BUGS)
    assert len(found) >= 25


def test_the_table_in_docs_is_today_s():
    page = (tables.DOCS / "simt-checks.md").read_text()
    assert page == tables.checks_page(), "run make tables"


@pytest.fixture(scope="module")
def built():
    build_all(CORRECT)


@pytest.mark.parametrize("order", ["forward", "reverse"])
@pytest.mark.parametrize("path", CORRECT, ids=lambda path: path.stem)
def test_a_correct_program_has_no_report(built, path, order, monkeypatch):
    monkeypatch.setenv("SIMT_ORDER", order)
    verdict = check_program(path)
    assert verdict.result.status == 0
    assert verdict.result.kernels
    assert verdict.problems == []
    assert bool(verdict.result.reports) == (path.stem in TRY_LAUNCHES)


@pytest.mark.parametrize("name", BUGS)
def test_the_number_of_os_threads_changes_nothing(name, monkeypatch):
    def found(workers: str) -> set[tuple[str, bool]]:
        monkeypatch.setenv("SIMT_WORKERS", workers)
        return {(r.kind, BUGS[name].is_at(r)) for r in check_bug(BUGS[name]).reports}

    assert found("1") == found("4") != set()


# ------------------------------------------------------------------ what ends before its end

ENDS_EARLY = """
#include <csignal>
#include <cstdio>
#include <cstring>
#include <unistd.h>
__global__ void add(int* sum) { *sum += 1; }
int main(int, char** argv) {
  int* sum;
  cudaMalloc(&sum, 4);
  cudaMemset(sum, 0, 4);
  add<<<1, 32>>>(sum);
  printf("added\\n");
  fflush(stdout);
  if (!strcmp(argv[1], "crash")) raise(SIGSEGV);
  if (!strcmp(argv[1], "abort")) raise(SIGABRT);
  if (!strcmp(argv[1], "exit")) _exit(3);
  if (!strcmp(argv[1], "reset")) return cudaDeviceReset();
  for (;;) pause();
}
"""


@pytest.fixture(scope="module")
def ends_early(tmp_path_factory):
    path = tmp_path_factory.mktemp("early") / "early.cu"
    path.write_text(ENDS_EARLY)
    return path


def start_check(source, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "simt", "check", source, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("how", ["crash", "abort", "exit", "reset"])
def test_what_was_found_is_told_however_it_ends(ends_early, how):
    process = start_check(ends_early, how)
    _, told = process.communicate(timeout=60)
    assert "GLOBAL RACE in kernel add" in told
    assert process.returncode == 1


def test_what_was_found_before_ctrl_c_is_told(ends_early):
    process = start_check(ends_early, "wait")
    assert process.stdout.readline() == "added\n"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, told = process.communicate(timeout=60)
    assert "GLOBAL RACE in kernel add" in told
    assert process.returncode == 1
