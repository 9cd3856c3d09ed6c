"""python -m simt run: what it compiles, what it passes on, and how it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simt.__main__ import UsageError, parse
from simt.build import runtime_archive

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
#include <cstdio>
#ifndef FACTOR
#define FACTOR 1
#endif
__global__ void square(int* x) { x[threadIdx.x] *= x[threadIdx.x]; }
int main(int argc, char** argv) {
  int* x;
  cudaMalloc(&x, 4 * sizeof(int));
  for (int i = 0; i < 4; i++) x[i] = i * FACTOR;
  square<<<1, 4>>>(x);
  printf("%d %d\\n", x[2], x[3]);
  for (int i = 1; i < argc; i++) printf("[%s]\\n", argv[i]);
  return argc;
}
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    shutil.copy2(runtime_archive(), folder)
    return folder


@pytest.fixture
def environment(cache):
    return {**os.environ, "MINGPT_CACHE": str(cache), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def simt(tmp_path, environment):
    """simt("run", "prog.cu", ...) in a folder that has prog.cu"""
    (tmp_path / "prog.cu").write_text(PROGRAM)

    def call(*words: str, **more: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "simt", *words],
            cwd=tmp_path,
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=100,
        )

    return call


def test_output_arguments_and_status(simt):
    done = simt("run", "prog.cu", "1024", "-x", "two words", "-o")
    assert done.stdout == "4 9\n[1024]\n[-x]\n[two words]\n[-o]\n"
    assert done.returncode == 5
    assert done.stderr == ""


def test_options(simt, tmp_path):
    done = simt("run", "-DFACTOR=10", "prog.cu", "-o", "kept", "--", "-D", "x.cu")
    assert done.stdout == "400 900\n[-D]\n[x.cu]\n"
    kept = subprocess.run([tmp_path / "kept"], capture_output=True, text=True, timeout=60)
    assert (kept.stdout, kept.returncode) == ("400 900\n", 1)


def test_several_files_and_an_include_folder(simt, tmp_path):
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "value.h").write_text("int value();\n")
    (tmp_path / "value.cpp").write_text('#include "value.h"\nint value() { return 7; }\n')
    (tmp_path / "main.cu").write_text('#include "value.h"\nint main() { return value(); }\n')
    assert simt("run", "main.cu", "value.cpp", "-I", "include").returncode == 7


def test_standard_input_is_the_programs(tmp_path, environment):
    (tmp_path / "cat.cu").write_text(
        "#include <cstdio>\nint main() { int c; while ((c = getchar()) != EOF) putchar(c); }\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "simt", "run", tmp_path / "cat.cu"],
        input=b"some text",
        env=environment,
        capture_output=True,
        timeout=100,
    )
    assert done.stdout == b"some text"


def test_ended_by_a_signal(simt, tmp_path):
    (tmp_path / "dies.cu").write_text("#include <csignal>\nint main() { raise(SIGTERM); }\n")
    done = simt("run", "dies.cu")
    assert done.returncode == 128 + signal.SIGTERM
    assert "SIGTERM" in done.stderr


def test_a_kernel_that_fails_is_reported(simt, tmp_path):
    (tmp_path / "fails.cu").write_text(
        "__global__ void half(int* x) {\n  if (threadIdx.x == 2) __trap();\n  x[0] = 1;\n}\n"
        "int main() {\n  half<<<1, 4>>>(new int);\n  return cudaDeviceSynchronize() != 0;\n}\n"
    )
    done = simt("run", "fails.cu")
    assert done.returncode == 1
    assert "half" in done.stderr
    assert "fails.cu:2" in done.stderr
    assert "fails.cu:6" in done.stderr


def test_compile_error(simt, tmp_path):
    (tmp_path / "wrong.cu").write_text("int main() {\n  return missing;\n}\n")
    done = simt("run", "wrong.cu")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "wrong.cu:2:10: error: 'missing' was not declared" in done.stderr
    assert "Traceback" not in done.stderr


def test_warnings_are_shown(simt, tmp_path):
    (tmp_path / "warns.cu").write_text("int main() {\n  int unused;\n}\n")
    for _ in range(2):  # compiled, then from the cache
        done = simt("run", "warns.cu")
        assert done.returncode == 0
        assert "warns.cu:2:7: warning: unused variable 'unused'" in done.stderr


@pytest.mark.parametrize(
    "words, said",
    [
        (["run"], "which file?"),
        (["run", "missing.cu"], "there is no file missing.cu"),
        (["run", "prog.txt"], "prog.txt is no source"),
        (["run", "--fast", "prog.cu"], "there is no option --fast"),
        (["run", "prog.cu", "-I"], "-I needs a value"),
        (["run", "-I", "nowhere", "prog.cu"], "there is no folder nowhere"),
        (["run", "prog.cu", "-o", "prog.cu"], "would overwrite a source"),
        (["fly"], "there is no command fly"),
    ],
)
def test_not_understood(simt, words, said):
    done = simt(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["run", "--help"]])
def test_help(simt, words):
    done = simt(*words)
    assert done.returncode == 0
    assert "usage: python -m simt run     FILE.cu" in done.stdout
    assert "SIMT_TIMEOUT" in done.stdout


def test_interrupt_is_the_programs(tmp_path, environment):
    """Ctrl-C reaches a program that handles it, and its status is passed on."""
    (tmp_path / "waits.cu").write_text(
        "#include <csignal>\n#include <cstdio>\n#include <unistd.h>\n"
        "int main() {\n  signal(SIGINT, [](int) { _exit(42); });\n"
        '  puts("ready");\n  fflush(stdout);\n  for (;;) pause();\n}\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "simt", "run", tmp_path / "waits.cu"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 42
    finally:
        process.stdout.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


class TestParse:
    @pytest.fixture(autouse=True)
    def files(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for name in ("a.cu", "b.cpp", "dir/c.cc"):
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text("")

    @pytest.mark.parametrize(
        "words, sources, arguments",
        [
            ("a.cu", ["a.cu"], []),
            ("a.cu b.cpp dir/c.cc 1 2", ["a.cu", "b.cpp", "dir/c.cc"], ["1", "2"]),
            ("a.cu 1 b.cpp -D X", ["a.cu"], ["1", "b.cpp", "-D", "X"]),
            ("a.cu -v -D X", ["a.cu"], ["-v", "-D", "X"]),
            ("a.cu -D X -I dir -std=c++20 b.cpp x", ["a.cu", "b.cpp"], ["x"]),
            ("a.cu -- b.cpp", ["a.cu"], ["b.cpp"]),
            ("a.cu -- -- x", ["a.cu"], ["--", "x"]),
            ("a.cu x -- y", ["a.cu"], ["x", "--", "y"]),
        ],
    )
    def test_where_the_programs_arguments_start(self, words, sources, arguments):
        command = parse(["run", *words.split()])
        assert [str(path) for path in command.sources] == sources
        assert command.arguments == arguments

    def test_options(self):
        command = parse(["run", "-DX=1", "-D", "Y", "-Idir", "a.cu", "-std=c++20", "-o", "out"])
        assert command.defines == ["X=1", "Y"]
        assert command.include_dirs == [Path("dir")]
        assert (command.std, command.keep) == ("c++20", Path("out"))

    def test_output_that_is_a_source(self):
        with pytest.raises(UsageError):
            parse(["run", "a.cu", "-o", "b.cpp"])


def test_check_tells_what_it_found_and_fails(simt, tmp_path):
    (tmp_path / "race.cu").write_text(
        "__global__ void sum(int* x) {\n  *x += threadIdx.x;\n}\n"
        "int main() {\n  int* x;\n  cudaMalloc(&x, 4);\n  cudaMemset(x, 0, 4);\n"
        "  sum<<<1, 64>>>(x);\n  return cudaFree(x);\n}\n"
    )
    done = simt("check", "--json", "found.json", "race.cu")
    assert done.returncode == 1
    assert "GLOBAL RACE in kernel sum" in done.stderr
    assert "x[0] in global memory" in done.stderr
    assert "race.cu:2" in done.stderr
    assert "atomicAdd" in done.stderr
    assert json.loads((tmp_path / "found.json").read_text())[0]["kind"] == "global_race"


def test_check_passes_a_correct_program(simt, tmp_path):
    (tmp_path / "fine.cu").write_text(
        "__global__ void sum(int* x) {\n  atomicAdd(x, threadIdx.x);\n}\n"
        "int main() {\n  int *x, y;\n  cudaMalloc(&x, 4);\n  cudaMemset(x, 0, 4);\n"
        "  sum<<<1, 64>>>(x);\n  cudaMemcpy(&y, x, 4, cudaMemcpyDeviceToHost);\n"
        "  cudaFree(x);\n  return y == 2016 ? 0 : 5;\n}\n"
    )
    done = simt("check", "fine.cu")
    assert done.returncode == 0
    assert done.stderr == "simt: no problem found\n"


def test_profile_shows_lines(simt, tmp_path):
    (tmp_path / "copy.cu").write_text(
        "__global__ void copy(float* out, const float* in) {\n"
        "  out[threadIdx.x] = in[8 * threadIdx.x];\n}\n"
        "int main() {\n  float *x;\n  cudaMalloc(&x, 4096);\n  cudaMemset(x, 0, 4096);\n"
        "  copy<<<1, 32>>>(x, x + 64);\n  return cudaFree(x);\n}\n"
    )
    done = simt("profile", "copy.cu")
    assert done.returncode == 0
    assert "copy.cu:2  out[threadIdx.x] = in[8 * threadIdx.x];" in done.stdout
    assert "load, 4 bytes a lane of in: 1 request; 32.00 sectors a request" in done.stdout
    assert "store, 4 bytes a lane of out: 1 request; 4.00 sectors a request" in done.stdout


def test_profile_says_why_a_kernel_did_not_end_well(simt, tmp_path):
    (tmp_path / "null.cu").write_text(
        "__global__ void read(const float* in, float* out) {\n"
        "  out[threadIdx.x] = in[threadIdx.x];\n}\n"
        "int main() {\n  float* x;\n  cudaMalloc(&x, 4096);\n  read<<<1, 32>>>(nullptr, x);\n"
        "  return cudaDeviceSynchronize() == cudaErrorIllegalAddress ? 3 : 0;\n}\n"
    )
    done = simt("profile", "null.cu")
    assert done.returncode == 3
    assert "null.cu:2" in done.stderr
    assert "in kernel read, launched at null.cu:7" in done.stderr
