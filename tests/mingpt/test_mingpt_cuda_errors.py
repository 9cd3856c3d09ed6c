"""CUDA's errors: in words, of the right kernel. On a GPU each in a process of its own."""

import ctypes
import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
from checkpoints import SOLUTIONS

from mingpt import cli, cuda_errors
from mingpt.build import _architectures, _build_cuda, _target
from mingpt.errors import AsynchronousError, BuildError, KernelError
from mingpt.paths import ROOT

needs_gpu = pytest.mark.skipif(
    not (torch.cuda.is_available() and shutil.which("nvcc")), reason="no NVIDIA GPU, or no nvcc"
)
needs_nvcc = pytest.mark.skipif(not shutil.which("nvcc"), reason="no nvcc")


def of_torch(text: str) -> RuntimeError:
    return RuntimeError(f"CUDA error: {text}\nSearch for `cudaError' in https://docs.nvidia.com\n")


@pytest.mark.parametrize("code", sorted(cuda_errors.MEANINGS))
def test_codes_from_torchs_texts(code):
    assert cuda_errors.code_of(of_torch(cuda_errors.MEANINGS[code].text)) == code


def test_other_exceptions_are_not_cudas():
    assert cuda_errors.code_of(RuntimeError("shape mismatch")) is None
    assert cuda_errors.code_of(KeyError("CUDA error")) is None
    assert cuda_errors.from_torch(ValueError("x")) is None
    assert cuda_errors.code_of(of_torch("something new")) == 0


def test_torchs_number_counts():
    error = of_torch("something new")
    error.error_code = 716
    assert cuda_errors.code_of(error) == 716


@pytest.mark.parametrize("code", [700, 716, 719, 702])
def test_a_crash_that_nobody_knows_the_kernel_of(code):
    error = cuda_errors.from_torch(of_torch(cuda_errors.MEANINGS[code].text))
    assert isinstance(error, AsynchronousError)
    assert f"CUDA error {code}: " in str(error)
    assert "compute-sanitizer" in str(error)


@pytest.mark.parametrize("code", [1, 2, 9, 98, 209, 222, 701, 720])
def test_errors_of_the_launch_itself(code):
    error = cuda_errors.kernel_error(code)
    assert type(error) is KernelError


def test_a_known_kernel_is_named():
    error = cuda_errors.kernel_error(700, "an illegal memory access was encountered", "linear")
    assert type(error) is KernelError
    assert str(error).startswith("linear failed.\nCUDA error 700: an illegal memory access")
    assert "outside of its buffers" in str(error)


def test_out_of_memory():
    error = cuda_errors.from_torch(RuntimeError("CUDA out of memory. Tried to allocate 20 GiB."))
    assert "no memory left" in str(error)
    assert "nvidia-smi" in str(error)


# ---------------------------------------------------------------------------- the second run


def test_once_more_to_see_which():
    """main() runs the command again, launches blocking, its text not written twice."""
    program = """
import os, sys
from mingpt import cli
from mingpt.errors import AsynchronousError, KernelError
def command(argv):
    print("To be")
    if os.environ.get(cli.BLOCKING) == "1":
        raise KernelError("gelu failed.")
    raise AsynchronousError("A kernel failed after its launch.")
sys.exit(cli.main(command))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stdout == "To be\n"
    assert re.search(r"after its launch\.\n.*Once more, .*gelu failed\.", done.stderr, re.DOTALL), (
        done.stderr
    )
    assert "Traceback" not in done.stderr


def test_a_second_run_that_goes_well():
    program = """
import os, sys
from mingpt import cli
from mingpt.errors import AsynchronousError
def command(argv):
    if os.environ.get(cli.BLOCKING) != "1":
        raise AsynchronousError("A kernel failed after its launch.")
    return 0
sys.exit(cli.main(command))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert "This time it went well" in done.stderr


def test_no_child_for_profilers(monkeypatch):
    """MINGPT_GUARD=0: the command runs in this process, and there is no second run."""
    monkeypatch.setenv("MINGPT_GUARD", "0")
    monkeypatch.setattr(cli, "end", lambda command: cli.WHICH_KERNEL if command else os.getpid())
    assert cli.guarded(lambda: cli.end(None)) == os.getpid()
    assert cli.main(print) == 1


def test_a_second_time_it_is_told_as_it_is(monkeypatch, capsys):
    def command(_):
        raise AsynchronousError("A kernel failed after its launch.")

    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "reconfigure", lambda **_: None, raising=False)
    monkeypatch.setenv(cli.BLOCKING, "1")
    assert cli.end(command) == 1
    monkeypatch.delenv(cli.BLOCKING)
    assert cli.end(command) == cli.WHICH_KERNEL
    assert "after its launch" in capsys.readouterr().err


# ---------------------------------------------------------------------------- nvcc


@pytest.mark.parametrize(
    ("capability", "flag"),
    [
        (75, "-arch=sm_75"),
        (90, "-arch=sm_90a"),
        (87, "-gencode=arch=compute_86,code=compute_86"),  # between two that nvcc knows
        (130, "-gencode=arch=compute_100,code=compute_100"),  # newer than nvcc
    ],
)
def test_what_nvcc_builds_for(capability, flag):
    assert _target(capability, [75, 80, 86, 90, 100], 13) == flag
    assert _target(90, [75, 80, 86, 90], 11) == "-arch=sm_90"


def test_gpus_that_are_too_old():
    with pytest.raises(BuildError, match=r"compute capability 6\.1, and 7\.5 is .* nvcc can"):
        _target(61, [75, 80], 12)
    with pytest.raises(BuildError, match=r"compute capability 6\.1, and 7\.0 is .* the labs can"):
        _target(61, [50, 61, 70, 75], 12)


@needs_nvcc
def test_an_nvcc_that_says_nothing(tmp_path):
    broken = tmp_path / "nvcc"
    broken.write_text("#!/bin/sh\necho no such thing >&2\n")
    broken.chmod(0o755)
    with pytest.raises(BuildError, match=r"names no GPU.*\nno such thing"):
        _architectures(str(broken))


def exported(library) -> set[str]:
    symbols = subprocess.run(
        ["nm", "-D", "--defined-only", library], capture_output=True, text=True
    )
    return {line.split()[-1] for line in symbols.stdout.splitlines()}


@needs_nvcc
@pytest.mark.parametrize("capability", [75, 80, 86, 89, 90, 100, 999])
def test_the_reference_compiles_for(capability):
    """999: a GPU that nvcc doesn't know yet. The library then has code for the driver (PTX)."""
    library = _build_cuda(SOLUTIONS / "gpt.cu", capability)
    assert {"gelu", "layernorm", "linear"} <= exported(library)


COUNTER = """
template <typename T> int count() { static int calls = %d; return ++calls; }
int helper() { return count<int>(); }
extern "C" int call() { return helper(); }
"""


@needs_nvcc
def test_two_libraries_share_nothing(tmp_path):
    """Neither functions of one name, nor a template's static variable."""
    calls = []
    for start in (10, 20):
        source = tmp_path / f"{start}.cu"
        source.write_text(COUNTER % start)
        calls.append(ctypes.CDLL(str(_build_cuda(source, 90))).call)
    assert [call() for call in [*calls, *calls]] == [11, 21, 12, 22]


# ---------------------------------------------------------------------------- on a GPU

CRASHES = {
    "illegal address": ("float x = in[i];", "float x = in[i + (1ll << 40)];", 700),
    "misaligned": ("float x = in[i];", "float x = *(float*)((char*)in + 1);", 716),
    "trap": ("float x = in[i];", "__trap(); float x = 0;", 719),
    "launch": ("const int block = 256;", "const int block = 2048;", "[19]"),  # as the driver has it
}


def run_py(submission, *arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "run.py", "--device", "cuda", "--use_custom_layers", "--steps", "8"]
    environment = {name: value for name, value in os.environ.items() if name != cli.BLOCKING}
    return subprocess.run(
        [*command, "--submission", str(submission), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
    )


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_names_the_layer(submission, crash):
    old, new, code = CRASHES[crash]
    done = run_py(submission(replace=[(old, new)]))
    assert done.returncode == 1
    assert "gelu failed.\n" in done.stderr
    assert re.search(f"CUDA error {code}: ", done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.gpu
@needs_gpu
def test_a_later_crash_names_the_layer(submission):
    """For one token, so in decoding, after the first launches: found by the second run."""
    later = "float x = in[n == 1024 ? i + (1ll << 40) : i];"  # 1024 = 4 n_embd
    folder = submission(replace=[("float x = in[i];", later)])
    done = run_py(folder, "--prompt", "Shall I compare thee", "--use_kv_cache")
    assert done.returncode == 1
    assert "Once more" in done.stderr
    assert "gelu failed.\n" in done.stderr
    assert "CUDA error 700" in done.stderr


@pytest.mark.gpu
@needs_gpu
def test_test_py_goes_on_after_a_crash(submission):
    old, new, _ = CRASHES["illegal address"]
    folder = submission(replace=[(old, new)])
    done = subprocess.run(
        [sys.executable, "test.py", "--device", "cuda", "--submission", str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert "CUDA error 700" in done.stdout
    assert "Traceback" not in done.stderr
