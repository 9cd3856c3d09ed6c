"""Building and calling a submission's gpt.cu: values, tensors of all kinds, and what goes wrong."""

import math
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from checkpoints import SOLUTIONS

from mingpt.build import _build_cuda
from mingpt.errors import BuildError, DeviceError, KernelError, SubmissionError
from mingpt.kernels import LAYERS, CustomOps, KernelLibrary, build, load_kv_cache, pick_device
from mingpt.paths import ROOT
from mingpt.weights import load

needs_gpu = pytest.mark.skipif(
    not (torch.cuda.is_available() and shutil.which("nvcc")), reason="no NVIDIA GPU, or no nvcc"
)
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, needs_gpu])]
EPS = 1e-5


@pytest.fixture(scope="module", params=DEVICES)
def library(request) -> KernelLibrary:
    return KernelLibrary(build(SOLUTIONS, request.param), request.param)


@pytest.fixture(scope="module")
def ops(library) -> CustomOps:
    return CustomOps(library)


def randn(*shape, device="cpu"):
    generator = torch.Generator().manual_seed(len(shape) + sum(shape))
    return torch.randn(*shape, generator=generator).to(device)


# The formulas, in float64 by numpy.


def f64(x):
    return x.detach().cpu().double().numpy()


def gelu64(x):
    x = f64(x)
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def layernorm64(x, weight, bias):
    x = f64(x)
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred**2).mean(-1, keepdims=True)
    return centred / np.sqrt(variance + EPS) * f64(weight) + f64(bias)


def linear64(x, weight, bias):
    return f64(x) @ f64(weight).T + (0 if bias is None else f64(bias))


def assert_close(out, expected, tolerance=1e-5):
    assert tuple(out.shape) == expected.shape
    assert np.abs(f64(out) - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("shape", [(1,), (5,), (3, 7), (2, 3, 33), (1, 1, 1025)])
def test_values(library, ops, shape):
    device, C = library.device, shape[-1]
    x, weight, bias = (t.to(device) for t in (randn(*shape), randn(C), randn(C + 1)[:C]))
    wide = randn(19, C, device=device)
    assert_close(ops.gelu(x), gelu64(x))
    assert_close(ops.layernorm(x, weight, bias, EPS), layernorm64(x, weight, bias))
    assert_close(ops.linear(x, wide, None), linear64(x, wide, None))
    assert_close(ops.linear(x, wide, randn(19, device=device)), linear64(x, wide, randn(19)))


def test_tensors_that_are_not_contiguous(library, ops):
    x = randn(6, 40, device=library.device)
    weight = randn(6, 10, device=library.device)
    assert_close(ops.gelu(x.t()), gelu64(x.t()))
    assert_close(ops.gelu(x[:, ::3]), gelu64(x[:, ::3]))
    assert_close(ops.linear(x.t(), weight.t(), None), linear64(x.t(), weight.t(), None))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_dtypes_are_converted_and_back(library, ops, dtype):
    x, weight = (randn(*s, device=library.device).to(dtype) for s in [(3, 8), (5, 8)])
    out = ops.linear(x, weight, None)
    assert out.dtype == dtype
    assert_close(out, linear64(x, weight, None), 1e-2)


def test_no_rows(library, ops):
    assert ops.gelu(torch.zeros(0, 4, device=library.device)).shape == (0, 4)
    weight = torch.zeros(3, 4, device=library.device)
    assert ops.linear(torch.zeros(2, 0, 4, device=library.device), weight, None).shape == (2, 0, 3)


def test_inputs_stay_as_they_are(library, ops):
    x, weight, bias = (randn(*s, device=library.device) for s in [(4, 8), (8,), (8,)])
    before = [t.clone() for t in (x, weight, bias)]
    ops.gelu(x)
    ops.layernorm(x, weight, bias, EPS)
    assert all(torch.equal(a, b) for a, b in zip((x, weight, bias), before, strict=True))


@pytest.mark.parametrize("layers", [(), ("gelu",), ("layernorm", "linear"), LAYERS])
def test_the_whole_model(library, tiny, layers):
    """Logits by the kernels, some or all, equal transformers' (and torch does the others)."""
    folder, reference = tiny
    model, _ = load(folder, library.device)
    used = []

    class Spy:
        def function(self, name):
            def call(*arguments):
                used.append(name)
                return library.function(name)(*arguments)

            return call

        def __getattr__(self, name):
            return getattr(library, name)

    model.ops = CustomOps(Spy(), layers)
    ids = torch.tensor([list(b"To be, or not to be")])
    with torch.no_grad():
        expected = reference(ids).logits
    error = (model(ids.to(library.device)).cpu() - expected).abs().max() / expected.abs().max()
    assert error <= 1e-5
    assert set(used) == set(layers)


def test_no_torch_needed(tmp_path):
    """KernelLibrary on numpy's memory, in a process that has not imported torch."""
    path = build(SOLUTIONS, "cpu")
    program = f"""
import sys, numpy as np
from mingpt.kernels import KernelLibrary
library = KernelLibrary({str(path)!r}, "cpu")
x, w, out = np.ones((2, 3), "f"), np.full((4, 3), 2, "f"), np.zeros((2, 4), "f")
library.call_linear(out.ctypes.data, x.ctypes.data, w.ctypes.data, None, 2, 4, 3)
library.check("linear")
print(out.tolist(), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == f"{[[6.0] * 4] * 2} False", done.stderr


# ---------------------------------------------------------------------------- what goes wrong


def ops_of(folder, device="cpu", **kwargs) -> CustomOps:
    return CustomOps(KernelLibrary(build(folder, device), device), **kwargs)


def test_compiler_errors_have_the_students_line(submission):
    folder = submission(replace=[("float x = in[i];", "float x = inn[i];")])
    lines = (folder / "gpt.cu").read_text().splitlines()
    number = next(i for i, line in enumerate(lines, 1) if "inn[i]" in line)
    with pytest.raises(BuildError, match=rf"gpt\.cu:{number}\b") as error:
        build(folder, "cpu")
    assert "inn" in str(error.value)


def test_an_unchanged_file_is_built_once(submission):
    folder = submission()
    first = build(folder, "cpu")
    modified = first.stat().st_ino
    assert build(folder, "cpu") == first
    assert first.stat().st_ino == modified
    (folder / "gpt.cu").write_text((folder / "gpt.cu").read_text() + "\n// changed\n")
    assert build(folder, "cpu") != first
    assert {p.name for p in folder.iterdir()} == {"gpt.cu", "kv_cache.py"}


def test_a_local_header_is_part_of_it(submission):
    folder = submission(replace=[('#include "gpt.h"', '#include "gpt.h"\n#include "mine.h"')])
    (folder / "mine.h").write_text("// one\n")
    first = build(folder, "cpu")
    (folder / "mine.h").write_text("// two\n")
    assert build(folder, "cpu") != first


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        (
            [("void gelu(", "void gellu(")],
            "no function gelu. .It has gellu.. Is it spelt",
        ),
        (
            [('#include "gpt.h"', "#include <cuda_runtime.h>")],
            r'not the one that gpt\.h declares \(extern "C"\)',
        ),
        (
            [
                (
                    "gelu(float* out, const float* in, int num_rows",
                    "gelu(float* out, float* in, int num_rows",
                )
            ],
            r'not the one that gpt\.h declares \(extern "C"\)',
        ),
    ],
    ids=["misspelt", 'no extern "C"', "other parameters"],
)
def test_a_function_that_is_not_there(submission, replace, message):
    folder = submission(replace=replace)
    with pytest.raises(BuildError, match=message):
        ops_of(folder)


def test_other_layers_still_work(submission):
    folder = submission(replace=[("void gelu(", "void gellu(")])
    assert ops_of(folder, layers=("linear",)).linear(randn(2, 3), randn(4, 3), None).shape == (2, 4)


def test_a_kernel_that_writes_nothing(submission):
    folder = submission(replace=[("gelu_kernel<<<", "if (num_rows < 0) gelu_kernel<<<")])
    with pytest.raises(KernelError, match="gelu wrote nothing"):
        ops_of(folder).gelu(randn(4, 5))


def test_a_kernel_that_writes_a_part(submission):
    folder = submission(replace=[("if (i >= n) return;", "if (i >= n || i % 5 == 3) return;")])
    with pytest.raises(KernelError, match=r"gelu left 4 of 20 .* first at out\[0\]\[3\]"):
        ops_of(folder).gelu(randn(4, 5))


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        ("volatile int go = 1; while (go) {}", "endless_loop"),
        ("if (i % 2) __syncthreads();\nelse __syncthreads();", "barrier_divergence"),
        ("volatile float* p = nullptr; out[i] = *p;", "null_pointer"),
    ],
)
def test_a_kernel_that_crashes_or_hangs(submission, monkeypatch, broken, kind):
    """simt's report comes with the exception; after `clear` the library works on."""
    monkeypatch.setenv("SIMT_TIMEOUT", "1")
    body = f"if (n == 20) {{ {broken} }}\n  float x = in[i];"
    ops = ops_of(submission(replace=[("float x = in[i];", body)]))
    with pytest.raises(KernelError, match=r"^gelu failed\.\nsimt: ") as error:
        ops.gelu(randn(4, 5))
    assert error.value.report.kernel.startswith("gelu_kernel")
    assert error.value.report.kind == kind
    assert error.value.report.text() in str(error.value)
    ops.library.clear()
    assert_close(ops.gelu(randn(4, 6)), gelu64(randn(4, 6)))


def test_a_launch_that_cannot_be(submission):
    folder = submission(replace=[("const int block = 256;", "const int block = 2048;")])
    with pytest.raises(KernelError, match=r"gelu failed\.\n.*invalid configuration"):
        ops_of(folder).gelu(randn(4, 5))


def test_a_tensor_on_another_device():
    with pytest.raises(KernelError, match=r"a tensor on meta, and gpt\.cu was built for cpu"):
        ops_of(SOLUTIONS).gelu(torch.zeros(2, 2, device="meta"))


def test_no_such_submission(tmp_path):
    with pytest.raises(SubmissionError, match="There is no submission"):
        build(tmp_path / "nobody", "cpu")
    with pytest.raises(SubmissionError, match=r"has no gpt\.cu"):
        build(tmp_path, "cpu")


def test_devices(monkeypatch):
    assert pick_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == "cpu"
    with pytest.raises(DeviceError, match="sees no NVIDIA GPU"):
        pick_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert pick_device("auto") == "cpu"
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    assert pick_device("auto") == "cuda"


# ---------------------------------------------------------------------------- kv_cache.py


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def generate(:\n", r"line 1\n.*def generate\(:"),
        ("\n\nx = 1 / 0\n", r"kv_cache\.py, line 3, in <module>:\n    x = 1 / 0\nZeroDivision"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError: No module named 'nothing"),
        ("raise SystemExit(0)\n", "SystemExit"),
        ("x = 1\n", "no function `generate`"),
        ("x = '\x00'\n", "cannot be loaded"),
    ],
)
def test_a_kv_cache_that_does_not_load(submission, text, message):
    folder = submission(kv_cache_py=text)
    with pytest.raises(SubmissionError, match=message):
        load_kv_cache(folder)
    assert {p.name for p in folder.iterdir()} == {"gpt.cu", "kv_cache.py"}


def test_two_submissions_do_not_mix(submission):
    mine = load_kv_cache(submission(kv_cache_py="def generate(*a):\n    return 'mine'\n"))
    theirs = load_kv_cache(SOLUTIONS)
    assert mine.generate() == "mine"
    assert theirs.KVCache.__module__ != mine.generate.__module__


# ---------------------------------------------------------------------------- nvcc


@pytest.mark.skipif(not shutil.which("nvcc"), reason="no nvcc")
def test_builds_for_a_gpu_without_one(submission):
    """Compiles, exports the three functions and the error hooks; errors have the line."""
    path = _build_cuda(SOLUTIONS / "gpt.cu", 80)
    symbols = subprocess.run(["nm", "-D", "--defined-only", path], capture_output=True, text=True)
    exported = {line.split()[-1] for line in symbols.stdout.splitlines()}
    assert {*LAYERS, "mingpt_get_last_error", "mingpt_error_string"} <= exported
    assert _build_cuda(SOLUTIONS / "gpt.cu", 80) == path
    folder = submission(replace=[("float x = in[i];", "float x = inn[i];")])
    with pytest.raises(BuildError, match=r'gpt\.cu\(\d+\): error: identifier "inn"'):
        _build_cuda(folder / "gpt.cu", 80)
