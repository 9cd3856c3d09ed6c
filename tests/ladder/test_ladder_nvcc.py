"""nvcc takes each rung for the oldest GPU of the labs. (The first time takes seconds a rung.)"""

import shutil

import pytest
from rungs import WITH_LAYERS, by_name

from mingpt.build import _build_cuda


@pytest.mark.skipif(not shutil.which("nvcc"), reason="no nvcc")
@pytest.mark.parametrize("rung", WITH_LAYERS, ids=by_name)
def test_compiles_for_turing(rung):
    assert _build_cuda(rung / "gpt.cu", 75).is_file()
