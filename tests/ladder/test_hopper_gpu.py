"""Rung 9 at work, on a Hopper GPU: logits and texts against float64, and waits that end."""

import copy
import shutil
import subprocess
import sys
from contextlib import nullcontext

import pytest
import torch
from rungs import LADDER

from bench.ladder import RANDOM, model_for
from bench.soak import busy_gpu
from mingpt.decoder import open_decoder
from mingpt.generate import Sampler
from mingpt.kernels import KernelLibrary, build
from mingpt.paths import ROOT

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]

# Largest error of a logit, of the largest logit; the rung with the same weights that is below.
RUNGS = {
    "9_hopper_fp32": (1e-5, "8_persistent_fp32"),
    "9_hopper": (2e-2, "8_persistent"),
    "9_hopper_int8": (5e-2, "7_int8"),
}


@pytest.fixture(scope="module")
def models():
    """(GPT-2 124M with random weights, also where they would be 0 and 1; the same in float64)."""
    if not torch.cuda.is_available() or torch.cuda.get_device_capability() < (9, 0):
        pytest.skip("needs a Hopper GPU and nvcc")
    model = model_for(RANDOM, "cuda")
    torch.manual_seed(1)
    for p in model.parameters():
        if p.dim() == 1:
            p += 0.1 * torch.randn_like(p)
    return model, copy.deepcopy(model).double()


@pytest.fixture(scope="module", params=RUNGS)
def opened(request, models):
    """(decoder, tolerance, decoder of the rung below)."""
    tolerance, below = RUNGS[request.param]
    model = models[0]
    with open_on(LADDER / request.param, model) as decoder, open_on(LADDER / below, model) as other:
        yield decoder, tolerance, other


def open_on(rung, model):
    return open_decoder(model, KernelLibrary(build(rung, "cuda"), "cuda"))


def some_ids(count: int, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 50257, (1, count), generator=rng).cuda()


def text(decoder, prompt, new: int, *sampler) -> list[int]:
    return list(decoder.generate(prompt, new, Sampler(*(sampler or (0.0,)))))


@torch.no_grad()
def test_logits_at_all_ages_of_the_cache(opened, models):
    decoder, tolerance, _ = opened
    ids = some_ids(1024)
    want = models[1](ids)[0]
    for prefilled in (0, 70, 505, 1000):
        if prefilled:
            decoder.feed(ids[0, :prefilled])
        for position in range(prefilled, min(prefilled + 24, 1024)):
            got = decoder.feed(ids[0, position : position + 1], position)[0]
            error = (got - want[position]).abs().max() / want.abs().max()
            assert error < tolerance, f"position {position}"


@torch.no_grad()
@pytest.mark.parametrize(("prompt", "new"), [(10, 500), (3, 500), (512, 256), (1, 1024)])
def test_greedy_ids(opened, models, prompt, new):
    decoder, tolerance, _ = opened
    ids = some_ids(prompt, seed=prompt)
    found = text(decoder, ids, new)
    assert all(text(decoder, ids, new) == found for _ in range(3)), "a repeat differs"
    whole = torch.cat([ids, torch.tensor([found[:-1]], device="cuda", dtype=ids.dtype)], 1)
    logits = models[1](whole)[0, -new:]
    behind = logits.max(1).values - logits.gather(1, torch.tensor(found).cuda()[:, None])[:, 0]
    assert (behind / logits.abs().max()).max() < tolerance


def test_drawn_ids(opened):
    decoder, _, below = opened
    prompt = some_ids(10)
    for top_k in (None, 1, 40):
        first, again, other = (text(decoder, prompt, 60, 0.9, top_k, s) for s in (5, 5, 6))
        assert first == again
        assert first != other or top_k == 1
    assert text(decoder, prompt, 60, 0.9, 1, 5) == text(decoder, prompt, 60)
    if RUNGS["9_hopper_fp32"][0] == opened[1]:  # rounding decides nothing
        assert text(decoder, prompt, 60, 0.9, None, 5) == text(below, prompt, 60, 0.9, None, 5)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another process"])
def test_a_thousand_generations(opened, beside):
    """None hangs, and each text is what it was the first time."""
    decoder = opened[0]
    with busy_gpu() if beside else nullcontext():
        texts = {}
        for i in range(1000):
            prompt, new = ((10, 80), (100, 37), (512, 20))[i % 3]
            found = text(decoder, some_ids(prompt), new)
            assert texts.setdefault(prompt, found) == found, f"generation {i}"


DECODE = """
import sys
from pathlib import Path
import torch
from bench.ladder import RANDOM, model_for
from mingpt.decoder import open_decoder
from mingpt.errors import KernelError
from mingpt.generate import Sampler
from mingpt.kernels import KernelLibrary, build
library = KernelLibrary(build(Path(sys.argv[1]), "cuda"), "cuda")
prompt = torch.arange(10).cuda()[None]
decoder = open_decoder(model_for(RANDOM, "cuda"), library)
for last in (False, True):
    try:
        print(list(decoder.generate(prompt, 500, Sampler(0))))
        break
    except KernelError:
        if last:
            raise
"""


def test_a_wait_in_vain_ends(models, tmp_path):
    """One block sends nothing to its cluster: all give up, it is said, and rung 8 goes on."""
    shutil.copytree(LADDER, tmp_path / "ladder")
    exchange = tmp_path / "ladder" / "9_hopper" / "exchange.cuh"
    source, sends = exchange.read_text(), "    if (!WITH_CHAIN) return;\n"
    assert sends in source
    exchange.write_text(source.replace(sends, "    if (blockIdx.x == 5) return;\n"))

    def decoded(folder):  # in a process of its own: a fault is the end of its CUDA
        build(folder, "cuda")
        command = [sys.executable, "-c", DECODE, folder]
        # The wait itself takes seconds. All others would take minutes, if they were as patient.
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=90)

    found, below = decoded(tmp_path / "ladder" / "9_hopper"), decoded(LADDER / "8_persistent")
    assert found.stdout == below.stdout, found.stderr
    assert "waited seconds for" in found.stderr
