"""decoder.cuh and persistent.cuh: right as they are given to students, and as the solutions have
them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rungs import FLOAT32, TOLERANCE, random_gpt2, some_ids

from grader.make_starter import with_decoder
from mingpt.build import _build_cuda, build
from mingpt.decoder import open_decoder
from mingpt.generate import Sampler
from mingpt.kernels import KernelLibrary
from mingpt.paths import INCLUDE, ROOT
from simt.build import build_library
from tests.whole import part

SOLUTIONS = ROOT / "solutions"
# A history in four parts on its last positions, sizes that no block divides.
SIZES = dict(n_head=2, n_embd=128, vocab_size=131, n_positions=50)
BF16 = "using Weight = __nv_bfloat16;"
GRAPH = "cudaGraphLaunch(g->recorded, stream);"


def variant(name: str, folder: Path) -> Path:
    """gpt.cu of solutions/, and the decoder that `name` says, in `folder`."""
    text = with_decoder((SOLUTIONS / "gpt.cu").read_text())
    (folder / "gpt.cu").write_text(text)
    where = ROOT / "starter" if name == "starter" else SOLUTIONS
    for file in ("decoder.cuh", "persistent.cuh"):
        shutil.copy(where / file, folder)
    decoder = (folder / "decoder.cuh").read_text()
    if name in ("float32", "persistent float32"):
        assert BF16 in decoder
        decoder = decoder.replace(BF16, "using Weight = float;")
    if name.startswith("persistent"):
        assert GRAPH in decoder
        decoder = decoder.replace(
            f"for (int i = 0; i < num_steps; i++) {GRAPH}",
            "persistent_decode(g, num_steps, stream);",
        )
        commented = '// #include "persistent.cuh"'
        assert commented in decoder
        decoder = decoder.replace(commented, commented.removeprefix("// "))
    (folder / "decoder.cuh").write_text(decoder)
    return folder


VARIANTS = part(
    ("starter", "solutions", "float32", "persistent", "persistent float32"),
    *("starter", "persistent"),
)


@pytest.fixture(scope="module", params=VARIANTS)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def submission(name, tmp_path_factory) -> Path:
    return variant(name, tmp_path_factory.mktemp("submission"))


@pytest.fixture(scope="module")
def models():
    return random_gpt2(**SIZES)


@pytest.fixture(scope="module")
def decoder(submission, models):
    library = KernelLibrary(build(submission, "cpu"), "cpu")
    with open_decoder(models[0], library) as decoder:
        yield decoder


def logits64(reference, ids) -> torch.Tensor:
    with torch.no_grad():
        return reference(ids).logits[0]


def is_exact(name: str) -> bool:
    return name in ("starter", "float32", "persistent float32")


def test_no_warnings(submission):
    assert build_library(submission / "gpt.cu", include_dirs=[INCLUDE]).log == ""


@pytest.mark.parametrize("sizes", [[1] * 50, [41, 1, 7, 1]], ids=["one by one", "in pieces"])
def test_logits_equal_transformers(decoder, models, name, sizes):
    ids, position, pieces = some_ids(models[0], 50), 0, []
    for size in sizes:
        pieces.append(decoder.feed(ids[:, position : position + size], position, size))
        position += size
    expected = logits64(models[1], ids)
    error = (torch.cat(pieces).double() - expected).abs().max() / expected.abs().max()
    assert error <= (FLOAT32 if is_exact(name) else TOLERANCE["7_bf16"])


def test_greedy_text_up_to_the_last_position(decoder, models, name):
    """The ids are the best ones; with rounded weights as good as the best."""
    text = some_ids(models[0], 20)
    new = list(decoder.generate(text, 31, Sampler(0)))
    text = torch.cat([text, torch.tensor([new])], dim=1)
    expected = logits64(models[1], text[:, :-1])[19:]
    behind = expected.max(1).values - expected.gather(1, torch.tensor(new)[:, None])[:, 0]
    allowed = FLOAT32 if is_exact(name) else 2 * TOLERANCE["7_bf16"]
    assert behind.max() <= allowed * expected.abs().max()


def test_bytes_per_step(decoder, models, name):
    share = 1 if is_exact(name) else 0.5
    full = models[0].bytes_per_step
    assert share * full * 0.97 <= decoder.bytes_per_step <= share * full * 1.06


def test_simt_check_finds_nothing(submission):
    library = build(submission, "cpu", mode="check")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("drive.py"), library],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["reports"] == []


@pytest.mark.skipif(not shutil.which("nvcc"), reason="no nvcc")
def test_compiles_for_turing(submission, name):
    if "float32" in name:
        pytest.skip("the same code with another type of weights")
    assert _build_cuda(submission / "gpt.cu", 75).is_file()
