"""The rungs that decode by themselves (decoder.h), on the CPU, against transformers in float64."""

from pathlib import Path

import numpy as np
import pytest
import torch
from rungs import (
    SHARE,
    WITH_LAYERS,
    by_name,
    decodes_alone,
    is_exact,
    random_gpt2,
    some_ids,
    tolerance,
)

from mingpt.decoder import Decoder, open_decoder
from mingpt.errors import KernelError, LogitsError
from mingpt.generate import Sampler, generate
from mingpt.kernels import KernelLibrary, build
from mingpt.weights import load
from tests.whole import ALL, part

RUNGS = part(
    [rung for rung in WITH_LAYERS if decodes_alone(rung)],
    *("6_cuda_graph", "8_persistent"),
)
# On a CPU a step takes some 0.1 s: a text of three parts of a history (16), and odd sizes.
BLOCK = 35


@pytest.fixture(scope="module", params=RUNGS, ids=by_name)
def rung(request):
    return request.param


@pytest.fixture(scope="module")
def library(rung) -> KernelLibrary:
    return KernelLibrary(build(rung, "cpu"), "cpu")


@pytest.fixture(scope="module")
def models():
    return random_gpt2(n_head=2, n_embd=128, vocab_size=131, n_positions=BLOCK)


@pytest.fixture(scope="module")
def decoder(library, models):
    with open_decoder(models[0], library) as decoder:
        yield decoder


def logits64(reference, ids) -> torch.Tensor:
    """(T, V) by transformers, in float64."""
    with torch.no_grad():
        return reference(ids).logits[0]


def assert_close(logits, expected, rung):
    assert logits.shape == expected.shape
    error = (logits.double() - expected).abs().max() / expected.abs().max()
    assert error <= tolerance(rung)


def feed_in_pieces(decoder, ids, sizes) -> torch.Tensor:
    """All logits, (T, V), of a text that is fed in pieces of these sizes."""
    pieces, position = [], 0
    for size in sizes:
        piece = ids[:, position : position + size]
        pieces.append(decoder.feed(piece, position, num_logits=size))
        position += size
    assert position == ids.shape[1]
    return torch.cat(pieces)


@pytest.mark.parametrize(
    "sizes",
    [[1], [2], [BLOCK], [7, 1, 18, 2, 1, 6], [34, 1], *([[1] * BLOCK] if ALL else [])],
    ids=lambda sizes: f"{len(sizes)} pieces of {sum(sizes)}",
)
def test_logits_equal_transformers(decoder, models, rung, sizes):
    """However the text is fed: each piece sees what came before it."""
    ids = some_ids(models[0], sum(sizes))
    logits = feed_in_pieces(decoder, ids, sizes)
    assert_close(logits, logits64(models[1], ids), rung)


def test_a_few_of_the_logits(decoder, models, rung):
    ids = some_ids(models[0], 21)
    expected = logits64(models[1], ids)
    for count in (1, 2, 5):
        assert_close(decoder.feed(ids, 0, count), expected[-count:], rung)


def test_the_bundled_model(library, rung):
    """Real weights, real text; the reference is our own model in float64, which equals theirs."""
    model, tokenizer = load()
    ids = torch.tensor([tokenizer.encode("Shall I compare thee")])
    with open_decoder(model, library) as decoder, torch.no_grad():
        logits = decoder.feed(ids, 0, ids.shape[1])
        expected = model.double()(ids)[0]
    assert_close(logits, expected, rung)
    chosen = expected.gather(1, logits.argmax(1, keepdim=True)).squeeze(1)  # as good as the best
    assert (expected.max(1).values - chosen).max() <= 2 * tolerance(rung) * expected.abs().max()


@pytest.mark.parametrize(("T", "count"), [(5, 8), (20, BLOCK - 19), (BLOCK, 1)])
def test_greedy_text(decoder, models, rung, T, count):
    """Also a second text after a first, and up to the last position (T + count = block + 1)."""
    if not is_exact(rung):
        pytest.skip("greedy ids of rounded weights may differ")
    ids = some_ids(models[0], T, seed=count)
    text = ids
    for new in decoder.generate(ids, count, Sampler(0)):
        best = logits64(models[1], text)[-1].argmax()
        assert new == best
        text = torch.cat([text, torch.tensor([[new]])], dim=1)
    assert text.shape[1] == T + count


def test_generate_takes_the_decoder(decoder, models, rung):
    """The same ids by mingpt.generate, where it goes on by itself past the block."""
    ids = some_ids(models[0], BLOCK - 5)
    alone = list(decoder.generate(ids, 5, Sampler(0)))
    assert list(generate(models[0], ids, 9, Sampler(0), None, decoder))[:5] == alone


def test_the_same_seed_the_same_text(decoder, models):
    ids = some_ids(models[0], 3)

    def text(seed):
        return list(decoder.generate(ids, 6, Sampler(3.0, seed=seed)))

    assert text(1) == text(1)
    assert text(1) != text(2)


def test_one_of_one_is_the_likeliest(decoder, models):
    """top_k = 1 leaves nothing to chance, at any temperature."""
    ids = some_ids(models[0], 3)
    greedy = list(decoder.generate(ids, 6, Sampler(0)))
    assert list(decoder.generate(ids, 6, Sampler(5.0, 1, seed=3))) == greedy


def test_frequencies_follow_the_softmax(library):
    """Of the first id over 40 seeds: within top_k, and a chi-square that chance exceeds once in a
    million times."""
    top_k, temperature, draws = 4, 2.0, 40
    model, _ = random_gpt2(n_layer=1, n_head=1, n_embd=64, vocab_size=71)
    ids = some_ids(model, 2)
    with open_decoder(model, library) as decoder:
        logits = decoder.feed(ids).double()[0]
        likely = logits.topk(top_k).indices.tolist()
        p = (logits[likely] / temperature).softmax(0).numpy()
        first = [
            next(decoder.generate(ids, 1, Sampler(temperature, top_k, seed)))
            for seed in range(draws)
        ]
        assert set(first) <= set(likely)
        counts = np.array([first.count(i) for i in likely])
        assert ((counts - draws * p) ** 2 / (draws * p)).sum() <= 31  # 3 degrees of freedom

        for seed in range(6):  # the second follows the first
            a, b = decoder.generate(ids, 2, Sampler(temperature, top_k, seed))
            assert a == first[seed]
            after = decoder.feed(torch.tensor([[*ids[0].tolist(), a]]))[0]
            assert b in after.topk(top_k).indices.tolist()


@pytest.mark.parametrize("sampler", [Sampler(0), Sampler(1.0, 5, 3)], ids=["greedy", "sampled"])
def test_weights_that_are_not_finite(library, sampler):
    model, _ = random_gpt2(n_layer=1, n_head=1, n_embd=64, vocab_size=71)
    model.blocks[0].mlp.c_fc.bias[5] = float("nan")
    with open_decoder(model, library) as decoder, pytest.raises(LogitsError, match="not finite"):
        list(decoder.generate(some_ids(model, 3), 4, sampler))


def test_a_size_that_it_does_not_hold(library):
    """Heads of 64 only, as all of GPT-2's are."""
    model, _ = random_gpt2(n_layer=1, n_head=3, n_embd=96)
    with pytest.raises(KernelError, match="gpt_open returned NULL"):
        open_decoder(model, library)


def test_opening_often_leaks_nothing(library):
    """10 more of 15 MB each take less memory than 5 of them."""
    model, _ = random_gpt2(n_layer=1, n_embd=448, n_head=7, vocab_size=3000)

    def open_and_close(times):
        for _ in range(times):
            with Decoder(model, library) as decoder:
                decoder.feed(some_ids(model, 1))
        resident = int(Path("/proc/self/statm").read_text().split()[1])  # pages of 4 KB
        return resident >> 8  # MB

    before = open_and_close(3)
    assert open_and_close(10) - before < 5 * 15


def test_bytes_per_step(decoder, models, rung):
    """All weights but wpe, which a step reads a row of; fewer bytes where they are rounded."""
    full = models[0].bytes_per_step
    share = SHARE.get(rung.name, 1)
    assert share * full * 0.97 <= decoder.bytes_per_step <= share * full * 1.06
