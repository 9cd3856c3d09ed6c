"""The two cmake commands: cmake -S . -B build -G Ninja && cmake --build build."""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mingpt.paths import ROOT


def tool(name: str) -> str | None:
    """From the environment that the tests run in, else from the PATH."""
    import sys

    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


needs_cmake = pytest.mark.skipif(not (tool("cmake") and tool("ninja")), reason="no cmake or ninja")


def cmake(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        [tool("cmake"), *map(str, arguments)], capture_output=True, text=True, cwd=ROOT
    )


def configure(build: Path, *options) -> subprocess.CompletedProcess:
    ninja = f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"
    return cmake("-S", ROOT, "-B", build, "-G", "Ninja", ninja, *options)


@needs_cmake
def test_builds_and_rebuilds(tmp_path, submission):
    folder, build = submission(), tmp_path / "build"
    done = configure(build, f"-DSUBMISSION={folder}", "-DMINGPT_DEVICE=cpu")
    assert done.returncode == 0, done.stderr
    assert f"Building {folder}/gpt.cu for the CPU, with simt" in done.stdout

    done = cmake("--build", build)
    assert done.returncode == 0, done.stdout
    library = ctypes.CDLL(str(build / "libgpt.so"))
    assert all(hasattr(library, name) for name in ("gelu", "layernorm", "linear"))

    assert "no work to do" in cmake("--build", build).stdout
    source = folder / "gpt.cu"
    source.write_text(source.read_text().replace("float x = in[i];", "float x = inn[i];"))
    done = cmake("--build", build)
    assert done.returncode != 0
    assert "gpt.cu:" in done.stdout
    assert "inn" in done.stdout
    assert "Traceback" not in done.stdout


@needs_cmake
@pytest.mark.skipif(not shutil.which("nvcc"), reason="no nvcc")
def test_with_nvcc_for_the_gpu(tmp_path):
    done = configure(tmp_path / "build")
    assert "Building solutions/gpt.cu for the GPU, with" in done.stdout
    assert cmake("--build", tmp_path / "build").returncode == 0
    assert b"mingpt_get_last_error" in (tmp_path / "build" / "libgpt.so").read_bytes()


@needs_cmake
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("-DSUBMISSION=nobody", "There is no nobody/gpt.cu"),
        ("-DMINGPT_DEVICE=tpu", "MINGPT_DEVICE is tpu"),
    ],
)
def test_wrong_options(tmp_path, option, message):
    done = configure(tmp_path / "build", option)
    assert done.returncode != 0
    assert message in done.stderr
