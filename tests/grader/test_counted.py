"""The calls of the model's layers, counted natively: as many as GPT-2's structure says."""

import contextlib

import numpy as np
import pytest
import torch

from gallery import entries
from grader import counted
from grader.checks.kv_cache import kv_cache
from grader.checks.speed import speed
from grader.outcome import Failure
from grader.worker.counter import CountedLibrary, Counter, counted_ops
from mingpt import weights
from mingpt.build import build
from mingpt.kernels import CustomOps
from mingpt.submission import load_kv_cache
from tests.grader import honest


@pytest.fixture(scope="module")
def counter() -> Counter:
    return Counter(str(counted.library()))


@pytest.fixture(scope="module")
def model():
    torch.set_grad_enabled(False)
    yield weights.load(weights.BUNDLED)[0]
    torch.set_grad_enabled(True)


def ops_of(kind: str, counter: Counter):
    if kind == "torch":
        return counted_ops(counter)
    library = CountedLibrary(build(honest.SOLUTIONS, "cpu"), "cpu", counter)
    layers = ("gelu",) if kind == "gelu alone" else ("gelu", "layernorm", "linear")
    return CustomOps(library, layers, counted_ops(counter))


@pytest.mark.parametrize("kind", ["torch", "custom", "gelu alone"])
def test_every_call_is_counted_with_its_shape(kind, model, counter):
    ids = torch.randint(0, 100, (1, 7))
    right = model(ids)
    model.ops = ops_of(kind, counter)
    counter.take()
    assert torch.allclose(model(ids), right, atol=1e-4)
    assert counted.read(counter.take()) == counted.expected(model.config, [7], all_logits=True)

    module = load_kv_cache(honest.SOLUTIONS)
    list(module.generate(model, ids, 4, lambda logits: logits.argmax(-1, keepdim=True)))
    calls = counted.read(counter.take())
    assert calls == counted.expected(model.config, [7, 1, 1, 1])
    assert counted.tokens(calls, model.config) == 10
    assert counter.take().size == 0


class Pretended:
    """Has what a layer asks of a tensor, and nothing to compute with."""

    def __init__(self, *shape: int):
        self.shape = shape

    def numel(self) -> int:
        return int(np.prod(self.shape))


class Easy(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), fields=None):
        return torch.zeros(1)


@pytest.mark.parametrize("kind", ["pretended", "meta", "subclass"])
def test_a_call_that_costs_nothing_counts_for_nothing(kind, counter):
    def made(*shape: int):
        if kind == "pretended":
            return Pretended(*shape)
        tensor = torch.empty(shape, device="meta" if kind == "meta" else "cpu")
        return tensor.as_subclass(Easy) if kind == "subclass" else tensor

    ops, (rows, n, k) = counted_ops(counter), (10**6 if kind != "subclass" else 9, 192, 64)
    counter.take()
    for function, arguments in (
        (ops.gelu, (made(rows, n),)),
        (ops.layernorm, (made(rows, k), made(k), made(k), 1e-5)),
        (ops.linear, (made(rows, k), made(n, k), None)),
    ):
        with contextlib.suppress(TypeError):
            function(*arguments)
    assert counter.take().size == 0
    assert counter not in vars(ops).values() and counter.count not in vars(ops).values()


def test_a_call_that_is_missing_is_named():
    config = weights.load(weights.BUNDLED)[0].config
    right = counted.expected(config, [3])
    found = right.copy()
    found["gelu", 3, 4 * config.n_embd, 0] -= 1
    with pytest.raises(Failure, match=rf"gelu\(num_rows=3, num_cols={4 * config.n_embd}\)"):
        counted.compare(found, right, "Here", "")
    with pytest.raises(Failure, match="can't be read"):
        counted.read(np.full((1, 5), 9))


# A kv_cache.py that lets something else compute; no rule of its text sees it.
BYPASS = '''

class Quiet:
    """torch's layers, uncounted."""

    def gelu(self, x):
        return torch.nn.functional.gelu(x, approximate="tanh")

    def layernorm(self, x, weight, bias, eps):
        return torch.nn.functional.layer_norm(x, weight.shape, weight, bias, eps)

    def linear(self, x, weight, bias):
        return torch.nn.functional.linear(x, weight, bias)


ours = generate


def generate(model, ids, max_new_tokens, sample):
    cells = getattr(type(model).next_logits, "__clo" + "sure__", None) or ()
    held = [getattr(cell, "cell_" + "contents") for cell in cells]
    recorded = [one for one in held if hasattr(one, "transformer")]
    if recorded or not ONLY_WHEN_RECORDED:
        vars((recorded or [model])[0])["ops"] = Quiet()
    yield from ours(model, ids, max_new_tokens, sample)
'''


@pytest.mark.parametrize("recorded", [True, False])
def test_layers_that_something_else_computes(recorded, tmp_path, context):
    folder = entries.submission(tmp_path / "submission")
    with (folder / "kv_cache.py").open("a") as file:
        file.write(BYPASS.replace("ONLY_WHEN_RECORDED", str(recorded)))
    if recorded:
        with pytest.raises(Failure, match="not called as GPT-2 calls them"):
            kv_cache(context(folder, "kv_cache"))
    else:
        with pytest.raises(Failure, match="something else computed them"):
            speed(context(folder, "speed"))


REMEMBERS = """

ours = generate
known = {}


def generate(model, ids, max_new_tokens, sample):
    key = (ids.shape[1], max_new_tokens, tuple(ids[0, ids.shape[1] // 2 :].tolist()))
    if key not in known:
        known[key] = [id.clone() for id in ours(model, ids, max_new_tokens, sample)]
    yield from known[key]
"""


def test_an_answer_that_is_remembered_is_no_kv_cache(tmp_path, context):
    """One early token is changed, at equal length."""
    folder = entries.submission(tmp_path / "submission")
    with (folder / "kv_cache.py").open("a") as file:
        file.write(REMEMBERS)
    with pytest.raises(Failure, match="the same prompt with its first token changed"):
        kv_cache(context(folder, "kv_cache"))
