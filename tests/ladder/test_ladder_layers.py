"""Each rung's gelu, layernorm and linear, and GPT-2 with them, on the CPU."""

import math

import numpy as np
import pytest
import torch
from rungs import RUNGS, TYPES, WITH_LAYERS, by_name, number, random_gpt2, some_ids, tolerance

from mingpt.generate import Sampler, generate
from mingpt.kernels import CustomOps, KernelLibrary, build, load_kv_cache
from tests.whole import part

EPS = 1e-5
SHAPES = [(1, 1, 1), (1, 33, 7), (1, 64, 192), (5, 70, 33), (65, 66, 100), (130, 67, 36)]


# On a CPU rung 9's are rung 8's.
SOME = [rung.name for rung in WITH_LAYERS if rung.name not in TYPES and number(rung) < 9]


@pytest.fixture(scope="module", params=part(WITH_LAYERS, *SOME), ids=by_name)
def rung(request):
    return request.param


@pytest.fixture(scope="module")
def ops(rung) -> CustomOps:
    return CustomOps(KernelLibrary(build(rung, "cpu"), "cpu"))


@pytest.fixture(scope="module")
def models():
    return random_gpt2()


def arrays(*shapes):
    """float32 tensors, and the same in float64 by numpy."""
    random = np.random.default_rng(sum(map(sum, shapes)))
    wide = [random.standard_normal(shape).astype(np.float32) for shape in shapes]
    return [torch.from_numpy(a) for a in wide], [a.astype(np.float64) for a in wide]


def assert_close(out, expected, tolerance=1e-5):
    assert tuple(out.shape) == expected.shape
    assert np.abs(out.double().numpy() - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 1001), (2, 4096)])
def test_gelu(ops, shape):
    (x,), (y,) = arrays(shape)
    inner = math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)
    assert_close(ops.gelu(x), 0.5 * y * (1 + np.tanh(inner)))


@pytest.mark.parametrize("shape", [(1, 1), (5, 33), (1, 768), (67, 130), (3, 2001)])
def test_layernorm(ops, shape):
    (x, weight, bias), (y, w, b) = arrays(shape, shape[1:], (shape[1] + 1,))
    centred = y - y.mean(1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(1, keepdims=True) + EPS) * w + b[:-1]
    assert_close(ops.layernorm(x, weight, bias[:-1], EPS), expected)


@pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_linear(ops, rung, shape, with_bias):
    m, n, k = shape
    (x, weight, bias), (y, w, b) = arrays((m, k), (n, k), (n,))
    expected = y @ w.T + with_bias * b
    assert_close(ops.linear(x, weight, bias if with_bias else None), expected, tolerance(rung))


@pytest.mark.parametrize("T", [1, 2, 17, 65])
def test_logits_equal_transformers(ops, models, rung, T):
    ours, reference = models
    ours.ops = ops
    ids = some_ids(ours, T)
    with torch.no_grad():
        assert_close(ours(ids)[0], reference(ids).logits[0].numpy(), tolerance(rung))


@pytest.mark.parametrize("rung", RUNGS, ids=by_name)
def test_greedy_text_by_its_kv_cache(models, rung):
    """Each rung's generate, with torch's layers, as transformers writes it."""
    from mingpt.ops import TorchOps

    ours, reference = models
    ours.ops = TorchOps()
    ids = some_ids(ours, 5)
    expected = reference.generate(
        ids, max_new_tokens=60, do_sample=False, eos_token_id=None, pad_token_id=0
    )[0, 5:].tolist()
    cached = load_kv_cache(rung).generate
    assert list(generate(ours, ids, 60, Sampler(0), cached)) == expected
    assert len(set(expected)) > 5
