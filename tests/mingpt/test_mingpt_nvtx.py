"""The ranges that Nsight Systems shows: names, order, and that each is closed."""

import pytest
import torch
from checkpoints import SOLUTIONS

from mingpt import nvtx
from mingpt.generate import Sampler, generate
from mingpt.kernels import load_kv_cache
from mingpt.weights import load


@pytest.fixture
def pushed(monkeypatch):
    """What was pushed and popped, ("+", name) and "-", as if the tensors were on a GPU."""
    events = []
    monkeypatch.setattr(torch.cuda.nvtx, "range_push", lambda name: events.append(("+", name)))
    monkeypatch.setattr(torch.cuda.nvtx, "range_pop", lambda: events.append("-"))
    monkeypatch.setattr(nvtx, "on_gpu", lambda x: True)
    return events


def step(name: str, layers: int = 3) -> list:
    """A step's range with those of its layers in it."""
    inner = [event for n in range(layers) for event in (("+", f"layer {n}"), "-")]
    return [("+", name), *inner, "-"]


def test_prefill_then_decode(tiny, pushed):
    model, _ = load(tiny[0])
    ids = torch.tensor([[1, 2, 3, 4, 5]])
    list(generate(model, ids, 3, Sampler(0), load_kv_cache(SOLUTIONS).generate))
    assert pushed == step("prefill (5 tokens)") + 2 * step("decode")


def test_without_a_cache_every_step_is_a_prefill(tiny, pushed):
    model, _ = load(tiny[0])
    list(generate(model, torch.tensor([[1]]), 2, Sampler(0)))
    assert pushed == step("prefill (1 tokens)") + step("prefill (2 tokens)")


def test_an_exception_closes_them(tiny, pushed):
    model, _ = load(tiny[0])

    class Broken:
        def layernorm(self, *_):
            raise RuntimeError("broken")

    model.ops = Broken()
    with pytest.raises(RuntimeError, match="broken"):
        model.next_logits(torch.tensor([[1, 2]]))
    assert pushed == [("+", "prefill (2 tokens)"), ("+", "layer 0"), "-", "-"]


def test_nothing_on_a_cpu(tiny, monkeypatch):
    monkeypatch.setattr(torch.cuda.nvtx, "range_push", lambda name: pytest.fail(name))
    load(tiny[0])[0].next_logits(torch.tensor([[1, 2]]))
