"""simt check finds nothing in the ladder: no race, no stray access, nothing read that nobody wrote.

In a process of its own, for the buffers that simt watches come from the library's own cudaMalloc.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rungs import WITH_LAYERS, by_name, decodes_alone, number

from mingpt.kernels import build
from mingpt.paths import ROOT
from tests.whole import part

# Rung 8 is not among them: its blocks hand each other floats with tags, an order that simt check
# doesn't know.
RUNGS = part(
    [rung for rung in WITH_LAYERS if decodes_alone(rung) and number(rung) < 8],
    "6_cuda_graph",
)


@pytest.mark.parametrize("rung", RUNGS, ids=by_name)
def test_a_decoder_is_clean(rung):
    """Prefill, two steps of decoding, and logits of a text of two pieces."""
    library = build(rung, "cpu", mode="check")
    drive = Path(__file__).with_name("drive.py")
    done = subprocess.run(
        [sys.executable, drive, library],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert all(0 <= i < 71 for i in said["ids"])
    assert said["reports"] == []
