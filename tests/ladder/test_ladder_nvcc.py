"""nvcc takes each rung for the oldest GPU of the labs. (The first time takes seconds a rung.)"""

import re
import shutil
import subprocess

import pytest
from rungs import TYPES, WITH_LAYERS, by_name

from mingpt.build import _build_cuda
from mingpt.paths import INCLUDE, ROOT
from tests.whole import part

RUNGS = part(
    [rung for rung in WITH_LAYERS if rung.name not in TYPES],
    "2_tiled_linear",
)


@pytest.mark.skipif(not shutil.which("nvcc"), reason="no nvcc")
@pytest.mark.parametrize("rung", RUNGS, ids=by_name)
def test_compiles_for_turing(rung):
    assert _build_cuda(rung / "gpt.cu", 75).is_file()


@pytest.mark.skipif(not shutil.which("nvcc"), reason="no nvcc")
@pytest.mark.parametrize("weight", part(["__nv_bfloat16", "float", "int8_t"], "__nv_bfloat16"))
def test_rung_9s_kernel_for_hopper(weight, tmp_path):
    """No warnings. 160 registers a thread are enough, but for float32, where some go to memory."""
    source = tmp_path / "kernel.cu"
    kernel = ROOT / "solutions" / "ladder" / "9_hopper" / "kernel.cuh"
    source.write_text(f'#include <cstdint>\n#define WEIGHT {weight}\n#include "{kernel}"\n')
    flags = ["-O3", "-std=c++17", "-arch=sm_90a", "-Xptxas", "-v", "-Xcompiler", "-Wall"]
    command = ["nvcc", *flags, "-I", INCLUDE, "-cubin", "-o", tmp_path / "kernel.cubin", source]
    done = subprocess.run(command, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "warning" not in said
    about = said[said.index("Function properties for _ZN6hopper6kernel") :]
    spilled = int(re.search(r"(\d+) bytes spill stores", about)[1])
    assert spilled <= (128 if weight == "float" else 0)
    assert re.search(r"Used 128 registers", about)
