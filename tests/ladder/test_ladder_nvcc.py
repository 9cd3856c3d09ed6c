"""nvcc takes each rung for the oldest GPU of the labs. (The first time takes seconds a rung.)"""

import shutil

import pytest
from rungs import WITH_LAYERS, by_name

from mingpt.build import _build_cuda
from tests.whole import part

# 8_persistent_fp32 is 8_persistent with another type of weights, and takes the longest.
RUNGS = part(
    [rung for rung in WITH_LAYERS if rung.name != "8_persistent_fp32"],
    *("2_tiled_linear", "8_persistent"),
)


@pytest.mark.skipif(not shutil.which("nvcc"), reason="no nvcc")
@pytest.mark.parametrize("rung", RUNGS, ids=by_name)
def test_compiles_for_turing(rung):
    assert _build_cuda(rung / "gpt.cu", 75).is_file()
