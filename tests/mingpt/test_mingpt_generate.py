"""Sampling, the loop with and without a cache, cropping, and the figures."""

import numpy as np
import pytest
import torch
from checkpoints import SOLUTIONS

from mingpt.errors import LogitsError, SubmissionError
from mingpt.generate import Sampler, Stopwatch, generate
from mingpt.kernels import load_kv_cache
from mingpt.weights import load

GREEDY = Sampler(top_k=1)


@pytest.fixture(scope="module")
def model(tiny):
    return load(tiny[0])[0]


@pytest.fixture(scope="module")
def cached():
    return load_kv_cache(SOLUTIONS).generate


def prompt(T: int) -> torch.Tensor:
    return torch.randint(0, 256, (1, T), generator=torch.Generator().manual_seed(T))


@pytest.mark.parametrize("T", [1, 5, 60, 63, 64, 65, 100])
def test_crops_as_mingpt_does(model, T):
    """Each token follows from the last 64 (block_size), whatever came before."""
    text = prompt(T)[0].tolist()
    new = list(generate(model, prompt(T), 12, GREEDY))
    for i in new:
        window = text if len(text) <= 64 else text[len(text) - 64 :]
        assert i == int(model(torch.tensor([window]))[0, -1].argmax())
        text.append(i)
    assert len(new) == 12


@pytest.mark.parametrize("T", [1, 5, 60, 63, 64, 65])
@pytest.mark.parametrize("n", [1, 12])
def test_with_a_cache_the_same(model, cached, T, n):
    """Also where it has to go on without, past the block."""
    expected = list(generate(model, prompt(T), n, GREEDY))
    assert list(generate(model, prompt(T), n, GREEDY, cached)) == expected


def test_the_cache_never_gets_more_than_the_block(model, cached):
    asked = []

    def spy(model, ids, n, sample):
        asked.append((ids.shape[1], n))
        return cached(model, ids, n, sample)

    assert len(list(generate(model, prompt(60), 12, GREEDY, spy))) == 12
    assert asked == [(60, 4)]


def test_the_same_seed_the_same_text(model, cached):
    def ids(seed, cached=None):
        return list(generate(model, prompt(5), 40, Sampler(seed=seed), cached))

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)
    assert ids(1, cached) == ids(1)


def test_sampling_follows_the_softmax():
    """Frequencies of 20,000 draws, within 5 standard deviations."""
    logits = torch.tensor([[1.0, 0.0, 2.0, -1.0]])
    for temperature, top_k, kept in [(1.0, None, 4), (0.5, None, 4), (2.0, 2, 2), (1.0, 99, 4)]:
        sample = Sampler(temperature, top_k, seed=3)
        draws = np.array([int(sample(logits)) for _ in range(20_000)])
        p = np.exp(np.array([1.0, 0.0, 2.0, -1.0]) / temperature)
        p[np.argsort(p)[: 4 - kept]] = 0
        p /= p.sum()
        frequency = np.bincount(draws, minlength=4) / len(draws)
        assert np.all(np.abs(frequency - p) <= 5 * np.sqrt(p * (1 - p) / len(draws)))


@pytest.mark.parametrize("sampler", [Sampler(0.0), Sampler(top_k=1), Sampler(0.0, 5)])
def test_greedy(sampler):
    logits = torch.tensor([[0.1, 3.0, -2.0, 2.9]])
    assert sampler(logits).tolist() == [[1]]


@pytest.mark.parametrize("arguments", [(-1.0,), (float("nan"),), (1.0, 0), (1.0, -3)])
def test_impossible_samplers(arguments):
    with pytest.raises(ValueError, match="it must be"):
        Sampler(*arguments)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("sampler", [Sampler(), Sampler(top_k=1)])
def test_logits_that_are_not_finite(sampler, value):
    logits = torch.zeros(1, 5)
    logits[0, 3] = value
    with pytest.raises(LogitsError, match="1 of 5 logits are"):
        sampler(logits)


def test_empty_prompt(model):
    with pytest.raises(ValueError, match="prompt is empty"):
        next(generate(model, torch.zeros((1, 0), dtype=torch.int64), 1, GREEDY))


@pytest.mark.parametrize(
    ("cached", "message"),
    [
        (lambda *a: iter([torch.tensor([[1]])] * 2), "stopped after 2 of 3"),
        (lambda *a: iter([torch.tensor([[1, 2]])] * 3), r"a Tensor of shape \(1, 2\) where one id"),
        (lambda *a: iter([torch.tensor([[256]])] * 3), "where one id"),
        (lambda *a: iter([torch.tensor([[torch.inf]])] * 3), "where one id"),
        (lambda *a: iter(["x"] * 3), "a str where one id"),
        (lambda *a: None, "returned None"),
    ],
)
def test_a_generate_that_breaks_its_contract(model, cached, message):
    with pytest.raises(SubmissionError, match=message):
        list(generate(model, prompt(5), 3, GREEDY, cached))


def test_a_generate_that_never_ends(model):
    def forever(*_):
        while True:
            yield torch.tensor([[7]])

    assert list(generate(model, prompt(5), 3, GREEDY, forever)) == [7, 7, 7]


def test_figures(model):
    """Against numpy's, from given times."""
    seconds = np.random.default_rng(0).uniform(0.01, 0.03, 40).tolist()
    stopwatch = Stopwatch(model)
    stopwatch.seconds = seconds
    t = stopwatch.timings()
    decode = seconds[1:]
    assert t.tokens == 40
    assert t.ttft == seconds[0]
    assert [t.tpot_p10, t.tpot, t.tpot_p90] == pytest.approx(np.percentile(decode, [10, 50, 90]))
    assert t.tokens_per_s == pytest.approx(39 / sum(decode))
    weights = sum(p.numel() for n, p in model.named_parameters() if "wpe" not in n)
    assert t.bandwidth == pytest.approx(4 * weights / np.median(decode))


def test_figures_of_few_tokens(model):
    stopwatch = Stopwatch(model)
    assert stopwatch.timings().ttft is None
    ids = stopwatch.watch(iter([5, 6]))
    assert next(ids) == 5
    assert stopwatch.timings().ttft > 0
    assert stopwatch.timings().tpot is None
    assert list(ids) == [6]
    t = stopwatch.timings()
    assert t.tokens == 2
    assert t.tpot == t.tpot_p10 == t.tpot_p90 > 0
