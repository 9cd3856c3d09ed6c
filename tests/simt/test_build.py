"""Building: the cache, what is rebuilt when, and what a failure says."""

import contextlib
import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from simt import build as build_module
from simt.build import CompileError, build_library, build_program, runtime_archive
from simt.compiler import INCLUDE, RUNTIME

ROOT = Path(__file__).resolve().parents[2]

ANSWER = """
__global__ void answer_kernel(int* out) { *out = ANSWER; }
extern "C" int answer() {
  int* x;
  cudaMalloc(&x, sizeof(int));
  answer_kernel<<<1, 1>>>(x);
  int result = *x;
  cudaFree(x);
  return result;
}
"""


@pytest.fixture(autouse=True, scope="module")
def private_cache(tmp_path_factory):
    """A cache of this module alone, with the runtime in it, which takes longest to compile."""
    folder = new_cache(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINGPT_CACHE", str(folder))
        yield


def new_cache(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    shutil.copy2(runtime_archive(), folder)
    return folder


@pytest.fixture
def answer(tmp_path):
    path = tmp_path / "answer.cu"
    path.write_text(ANSWER)
    return path


def call(path: Path) -> int:
    return ctypes.CDLL(str(path)).answer()


def fails(source: Path, **options) -> str:
    """Builds what does not compile; returns the log."""
    with pytest.raises(CompileError) as caught:
        build_library(source, **options)
    assert str(caught.value) == caught.value.log
    return caught.value.log


class TestCache:
    def test_a_library_is_built_once(self, answer):
        first = build_library(answer, defines=["ANSWER=42"])
        again = build_library(answer, defines=["ANSWER=42"])
        assert (call(first.path), first.cached) == (42, False)
        assert (again.path, again.cached) == (first.path, True)

    def test_other_defines_make_another_library_in_one_process(self, answer):
        paths = [build_library(answer, defines=[f"ANSWER={i}"]).path for i in (5, 6)]
        assert [call(path) for path in paths] == [5, 6]

    def test_a_changed_header_rebuilds(self, tmp_path):
        (tmp_path / "mine.cu").write_text('#include "sub/a.cuh"\n' + ANSWER)
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub/a.cuh").write_text('#pragma once\n#include "../b.h"\n')
        (tmp_path / "b.h").write_text("#define ANSWER 1\n")
        first = build_library(tmp_path / "mine.cu")
        assert build_library(tmp_path / "mine.cu").cached
        (tmp_path / "b.h").write_text("#define ANSWER 2\n")
        second = build_library(tmp_path / "mine.cu")
        assert not second.cached
        assert [call(first.path), call(second.path)] == [1, 2]

    def test_warnings_are_kept_with_the_library(self, tmp_path):
        source = tmp_path / "warns.cu"
        source.write_text("__global__ void k() {\n  int never_used;\n}\n")
        logs = [build_library(source).log for _ in range(2)]
        assert f"{source}:2:7: warning: unused variable 'never_used'" in logs[0]
        assert logs[0] == logs[1]

    def test_two_processes_at_once(self, answer, tmp_path):
        code = (
            "import sys; from pathlib import Path; from simt.build import build_library\n"
            "print(build_library(Path(sys.argv[1]), defines=['ANSWER=3']).path)"
        )
        cache = new_cache(tmp_path / "cache")
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code, answer],
                cwd=ROOT,
                env={**os.environ, "MINGPT_CACHE": str(cache)},
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        paths = {process.communicate(timeout=100)[0].strip() for process in processes}
        assert len(paths) == 1
        assert call(Path(paths.pop())) == 3
        assert not list(cache.glob("building-*"))

    def test_a_cache_that_cannot_be_written(self, answer, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        archive = runtime_archive()
        monkeypatch.setattr(build_module, "runtime_archive", lambda _: archive)
        built = build_library(answer, defines=["ANSWER=4"], cache_dir=tmp_path / "file" / "cache")
        assert tmp_path / "temporary" in built.path.parents
        assert call(built.path) == 4

    def test_a_full_disk(self, answer, monkeypatch):
        def replace(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "replace", replace)
        log = fails(answer, defines=["ANSWER=77"])
        assert "the disk is full" in log
        assert "MINGPT_CACHE" in log

    def test_old_entries_go_and_used_ones_stay(self, answer, tmp_path):
        cache = new_cache(tmp_path / "cache")
        kept = build_library(answer, defines=["ANSWER=1"], cache_dir=cache).path
        (cache / "building-left-over").mkdir()
        old = time.time() - 40 * 24 * 3600
        for path in cache.iterdir():
            if path.suffix != ".a":
                os.utime(path, (old, old))
        build_library(answer, defines=["ANSWER=1"], cache_dir=cache)  # used again
        build_library(answer, defines=["ANSWER=2"], cache_dir=cache)
        assert kept.exists()
        assert not (cache / "building-left-over").exists()


class TestSources:
    def test_kernels_in_included_files(self, tmp_path):
        (tmp_path / "include").mkdir()
        (tmp_path / "include" / "kernels.cuh").write_text(
            "template <class T> __global__ void answer_kernel(T* out) {\n"
            "  __shared__ T x[1]; x[0] = 9; *out = x[0];\n"
            "}\n"
        )
        source = tmp_path / "mine.cu"
        source.write_text("#include <kernels.cuh>\n" + "\n".join(ANSWER.split("\n")[2:]))
        assert call(build_library(source, include_dirs=[tmp_path / "include"]).path) == 9

    def test_several_sources(self, tmp_path):
        (tmp_path / "main.cpp").write_text(
            'extern "C" int answer();\nint main() { return answer(); }\n'
        )
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "main.cu").write_text(ANSWER)  # the same stem
        sources = [tmp_path / "main.cpp", tmp_path / "a" / "main.cu"]
        program = build_program(sources, defines=["ANSWER=33"])
        assert subprocess.run([program.path], timeout=60).returncode == 33

    @pytest.mark.parametrize("name", ["two words.cu", 'a"b\\c$(d).cu', "-I.cu", "é'.cu", ".cu"])
    def test_hostile_file_names(self, tmp_path, name, monkeypatch):
        monkeypatch.chdir(tmp_path)
        Path(name).write_text(ANSWER)
        assert call(build_library(Path(name), defines=["ANSWER=1"]).path) == 1
        Path(name).write_text("int f() { return missing; }\n")
        assert f"{name}:1:18: error: 'missing'" in fails(Path(name))

    def test_other_line_ends_encodings_and_marks(self, tmp_path):
        source = tmp_path / "windows.cu"
        text = "// caf\xe9\n" + ANSWER
        source.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode("latin-1"))
        assert call(build_library(source, defines=["ANSWER=8"]).path) == 8

    def test_the_standard(self, tmp_path):
        source = tmp_path / "standard.cu"
        source.write_text('extern "C" int answer() { return __cplusplus / 100 % 100; }\n')
        assert call(build_library(source).path) == 17
        assert call(build_library(source, std="c++14").path) == 14


class TestErrors:
    @pytest.mark.parametrize(
        "line, place, words",
        [
            ("int x = missing;", "2:9", "'missing' was not declared"),
            ("void f(int* p) { k<<<1, 32>>>(p, missing); }", "2:34", "'missing' was not declared"),
            ("void f(int* p) { k<<<missing, 32>>>(p, 1); }", "2:22", "'missing' was not declared"),
            ("void f(int* p) { k<<<1, 32>>>(p); }", "2:30", "takes (int*, int), but the launch"),
            ("void f(int* p) { k<<<1>>>(p, 1); }", "2:23", "a launch is kernel<<<grid, block>>>"),
            ("void f(int* p) { k<<<1, 32>>>(p, 1) }", "2:36", "expected ';'"),
            ("void f(int* p) { k<<<1, 32(p, 1); }", "2:19", "without its >>>"),
            ("__global__ void g() { __shared__ int a[2]; a = 1; }", "2:46", "'int [2]'"),
            ("__global__ void g() { __shared__ int a[2]; b = 1; }", "2:44", "'b' was not declared"),
            ("__global__ void g() { __shared__ int a[20000]; a[0] = 1; }", "2:46", "48 KB"),
            ('__global__ void g() { asm("mov"); }', "2:23", "PTX"),
            ("void f() { t<<<1, 32>>>(3); }", "2:13", "no matching function for call to 't(int&)'"),
            ("\tint x = missing;", "2:10", "'missing' was not declared"),
        ],
    )
    def test_the_place_is_the_users(self, tmp_path, line, place, words):
        source = tmp_path / "wrong.cu"
        kernels = "__global__ void k(int*, int) {} template <class T> __global__ void t(T*) {}"
        source.write_text(f"{kernels}\n{line}\n")
        log = fails(source)
        assert f"{source}:{place}: error: " in log
        assert words in log
        column = int(place.split(":")[1])
        mark = "".join("\t" if c == "\t" else " " for c in line[: column - 1]) + "^"
        assert f"    2 | {line}\n      | {mark}\n" in log
        for inside in ("simt::", "simt_t_", "lambda", str(INCLUDE), "building-", "<command-line>"):
            assert inside not in log

    def test_in_an_included_file(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        Path("sub").mkdir()
        Path("sub/a.cuh").write_text("__global__ void k() {\n  x = 1;\n}\n")
        Path("prog.cu").write_text('#include "sub/a.cuh"\n')
        log = fails(Path("prog.cu"))
        assert "In file included from prog.cu:1:\n" in log
        assert "sub/a.cuh:2:3: error: 'x' was not declared" in log

    def test_an_undefined_function(self, tmp_path):
        source = tmp_path / "wrong.cu"
        source.write_text("void missing(int);\nvoid f() {\n  missing(1);\n}\n")
        log = fails(source)
        assert f"{source}:3:3: error: missing(int) is used, but defined nowhere" in log

    def test_a_program_without_main(self, tmp_path):
        source = tmp_path / "wrong.cu"
        source.write_text("int x;\n")
        with pytest.raises(CompileError, match="needs a main function"):
            build_program(source)

    def test_no_such_file(self, tmp_path):
        assert "missing.cu: cannot be read: No such file" in fails(tmp_path / "missing.cu")

    def test_no_such_include(self, tmp_path):
        source = tmp_path / "wrong.cu"
        source.write_text('#include "missing.h"\n')
        assert f"{source}:1:10: fatal error: missing.h: No such file" in fails(source)


class TestCompiler:
    @pytest.fixture
    def slow(self, tmp_path, monkeypatch):
        """A compiler that never finishes, and notes its process id in the folder."""
        script = tmp_path / "slow-cc"
        script.write_text(
            '#!/bin/sh\ncase "$*" in\n'
            "  *--version*) echo slow-cc 1.0 ;;\n"
            "  *-fsyntax-only*) ;;\n"
            f"  *) echo $$ > '{tmp_path}/pid'; sleep 1000 & wait ;;\nesac\n"
        )
        script.chmod(0o755)
        monkeypatch.setenv("CXX", f"'{script}'")
        monkeypatch.setattr(build_module, "runtime_archive", lambda _: Path("none.a"))
        return tmp_path / "pid"

    @staticmethod
    def is_group_alive(pid_file: Path) -> bool:
        """Whether a process of the compiler's group still runs, a moment later."""
        time.sleep(0.2)
        group = pid_file.read_text().strip()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
                if pgrp == group and state != "Z":
                    return True
        return False

    def test_a_time_limit(self, slow, answer):
        assert "did not finish within 0.5 s" in fails(answer, timeout=0.5)
        assert not self.is_group_alive(slow)

    def test_an_interrupt_ends_the_compiler(self, slow, answer):
        running = []

        def interrupt(*_):
            if running:
                raise KeyboardInterrupt
            if slow.exists() and slow.read_text():
                running.append(True)  # once more: the compiler's start is over by then
            signal.setitimer(signal.ITIMER_REAL, 0.3)

        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            with pytest.raises(KeyboardInterrupt):
                build_library(answer)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert not self.is_group_alive(slow)

    def test_none_here(self, answer, monkeypatch, tmp_path):
        monkeypatch.delenv("CXX", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "apt install g++" in fails(answer)

    def test_cxx_is_not_there(self, answer, monkeypatch):
        monkeypatch.setenv("CXX", "no-such-compiler -x")
        assert fails(answer) == "$CXX is no-such-compiler -x, but there is no such compiler here."


def test_the_runtime_is_what_libraries_export(answer):
    library = ctypes.CDLL(str(build_library(answer, defines=["ANSWER=42"]).path))
    library.cudaGetErrorString.restype = ctypes.c_char_p
    library.simt_last_report.restype = ctypes.c_char_p
    assert library.cudaGetLastError() == 0
    assert library.cudaGetErrorString(0) == b"no error"
    assert library.simt_last_report() is None
    library.simt_clear()
    library.simt_set_order(0)


def test_a_changed_runtime_is_compiled_anew(monkeypatch, tmp_path):
    """The archive's name depends on the code of the runtime."""
    before = runtime_archive()
    other = tmp_path / "runtime"
    other.mkdir()
    for path in RUNTIME.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    assert build_module._content(other) == build_module._content(RUNTIME)
    (other / "extra.cpp").write_text("int extra;\n")
    assert build_module._content(other) != build_module._content(RUNTIME)
    assert runtime_archive() == before
