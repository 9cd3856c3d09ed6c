"""The model equals transformers' GPT-2 on three levels: logits, greedy ids, decoded text."""

import json

import pytest
import torch
from checkpoints import save_random_gpt2

from mingpt.generate import Sampler, generate
from mingpt.model import GPT, GPTConfig
from mingpt.weights import load

MAX_RELATIVE_ERROR = 1e-5  # max |ours - theirs| / max |theirs|, float32


def relative_error(ours, theirs) -> float:
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@torch.no_grad()
def check_parity(model, tokenizer, reference, ids, decode) -> None:
    error = relative_error(model(ids), reference(ids).logits)
    print(f"logits: max relative error {error:.1e}")
    assert error <= MAX_RELATIVE_ERROR
    assert (
        relative_error(model.next_logits(ids), reference(ids).logits[:, -1]) <= MAX_RELATIVE_ERROR
    )

    theirs = reference.generate(
        ids, max_new_tokens=50, do_sample=False, eos_token_id=None, pad_token_id=0
    )[0, ids.shape[1] :].tolist()
    assert len(set(theirs)) >= 10  # a text that repeats itself would show little
    ours = list(generate(model, ids, 50, Sampler(top_k=1)))
    assert ours == theirs
    assert tokenizer.decode(ours) == decode(theirs)


def test_tiny_equals_transformers(tiny):
    folder, reference = tiny
    model, tokenizer = load(folder)
    ids = torch.tensor([tokenizer.encode("To be, or not")])
    check_parity(model, tokenizer, reference, ids, lambda ids: bytes(ids).decode(errors="replace"))


def test_124m_equals_transformers(tmp_path):
    reference = save_random_gpt2(tmp_path, initializer_range=0.06)
    model, tokenizer = load(tmp_path)
    assert model.num_parameters == 124_439_808
    ids = torch.tensor([tokenizer.encode("Shall I compare thee")])
    check_parity(model, tokenizer, reference, ids, decode_as_tokenizers_does)


def decode_as_tokenizers_does(ids: list[int]) -> str:
    """By Hugging Face's byte-level decoder, which writes each byte as a printable character."""
    import base64

    from tokenizers.decoders import ByteLevel

    from mingpt.tokenizer import GPT2_RANKS

    lines = GPT2_RANKS.read_text().split("\n")
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [b for b in range(256) if b not in printable]
    shown = {b: chr(b) if b in printable else chr(256 + others.index(b)) for b in range(256)}
    tokens = [base64.b64decode(lines[i].split()[0]) for i in ids]
    return ByteLevel().decode(["".join(shown[b] for b in token) for token in tokens])


def test_batch_and_every_position(tiny):
    """Causality: what comes later changes nothing; a batch is its rows."""
    folder, reference = tiny
    model, _ = load(folder)
    ids = torch.randint(0, 256, (3, 20), generator=torch.Generator().manual_seed(1))
    logits = model(ids)  # (3, 20, 256)
    with torch.no_grad():
        assert relative_error(logits, reference(ids).logits) <= MAX_RELATIVE_ERROR
    for b, t in [(0, 1), (1, 7), (2, 19)]:
        alone = model(ids[b : b + 1, :t])[0, -1]
        assert relative_error(alone, logits[b, t - 1]) <= MAX_RELATIVE_ERROR


def test_cache_in_the_documented_order(tiny):
    """positions, mask, then each layer's update, then advance; T new tokens against all so far."""
    model, _ = load(tiny[0])
    calls = []

    class Cache:
        k, v, length = {}, {}, 0

        def positions(self, T):
            calls.append("positions")
            return torch.arange(self.length, self.length + T)

        def mask(self, T):
            calls.append("mask")
            return torch.ones(self.length + T, self.length + T).tril().bool()[-T:]

        def update(self, layer, k, v):
            calls.append(layer)
            assert k.shape == v.shape == (1, 4, k.shape[2], 16)
            for store, new in ((self.k, k), (self.v, v)):
                store[layer] = torch.cat([store[layer], new], 2) if layer in store else new
            return self.k[layer], self.v[layer]

        def advance(self, T):
            calls.append("advance")
            self.length += T

    ids = torch.randint(0, 256, (1, 9), generator=torch.Generator().manual_seed(1))
    cache = Cache()
    parts = [model(part, cache) for part in (ids[:, :5], ids[:, 5:6], ids[:, 6:])]
    assert calls == ["positions", "mask", 0, 1, 2, "advance"] * 3
    assert relative_error(torch.cat(parts, 1), model(ids)) <= MAX_RELATIVE_ERROR


def test_lm_head_is_a_linear_without_bias(tiny):
    """All 4 L + 1 linears, 2 L + 1 layernorms and L gelus go through ops; so does the lm_head."""
    model, _ = load(tiny[0])
    calls = []

    class Recorder(type(model.ops)):
        def gelu(self, x):
            calls.append("gelu")
            return super().gelu(x)

        def layernorm(self, *arguments):
            calls.append("layernorm")
            return super().layernorm(*arguments)

        def linear(self, x, weight, bias):
            calls.append(("linear", tuple(x.shape), tuple(weight.shape), bias is not None))
            return super().linear(x, weight, bias)

    model.ops = Recorder()
    model.next_logits(torch.zeros((1, 5), dtype=torch.int64))
    assert calls.count("gelu") == 3
    assert calls.count("layernorm") == 7
    assert len(calls) == 3 + 7 + 13
    assert calls[-1] == ("linear", (1, 64), (256, 64), False)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("gpt2", 124.4), ("gpt2-medium", 354.8), ("gpt2-large", 774.0), ("gpt2-xl", 1557.6)],
)
def test_published_sizes(name, parameters):
    with torch.device("meta"):
        model = GPT(GPTConfig.preset(name))
    assert model.num_parameters / 1e6 == pytest.approx(parameters, abs=0.05)


def test_bytes_per_step():
    """Every weight once, but for the position embedding."""
    model = GPT(GPTConfig(n_layer=1, n_head=2, n_embd=8, vocab_size=10, block_size=100))
    wte, block, ln_f = 10 * 8, 12 * 8 * 8 + 13 * 8, 2 * 8
    assert model.bytes_per_step == 4 * (wte + block + ln_f)


def test_too_many_or_no_tokens():
    model = GPT(GPTConfig(n_layer=1, n_head=2, n_embd=8, vocab_size=10, block_size=6))
    for T in (0, 7):
        with pytest.raises(ValueError, match=f"{T} tokens at once.*1 to 6"):
            model(torch.zeros((1, T), dtype=torch.int64))


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match=r"n_embd = 10 .* n_head = 4"):
        GPTConfig(n_layer=1, n_head=4, n_embd=10)


def test_names_are_hugging_faces(tiny):
    folder, reference = tiny
    model, _ = load(folder)
    theirs = {name for name, _ in reference.named_parameters()}
    assert {name for name, _ in model.named_parameters()} == theirs
    assert json.loads((folder / "config.json").read_text())["model_type"] == "gpt2"
