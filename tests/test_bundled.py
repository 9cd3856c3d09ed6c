"""The bundled model, and the scripts that make it (on a text of a few lines)."""

import csv
import json

import pytest
import tiktoken
import torch
from safetensors.torch import load_file

from mingpt import weights
from mingpt.bundled import corpus, train, vocabulary
from mingpt.paths import ROOT
from mingpt.tokenizer import Tokenizer

MARKDOWN = """# Hamlet

## ACT I

### SCENE I. Elsinore. A platform before the castle.

_FRANCISCO at his post. Enter to him
BERNARDO_

**BERNARDO**  
Who's there? [Aside] Nobody\\--

_Exit_

I go.

**First Lord**  
*Enter Ghost.* Nay, answer me: caf\u00e9
"""


def test_a_play_becomes_speeches():
    assert corpus.play_text(MARKDOWN) == (
        "BERNARDO:\nWho's there?  Nobody--\nI go.\n\nFIRST LORD:\nNay, answer me: cafe\n\n"
    )


def test_the_vocabulary_is_byte_pair_encoding_that_loses_nothing():
    text = "the cat and the hat and the bat sat with other mathematicians\n" * 20
    tokens = vocabulary.learn(text, 270)
    assert len(set(tokens)) == 270
    assert {t for t in tokens if len(t) == 1} == {bytes([b]) for b in range(256)}
    assert b"the" in tokens or b" the" in tokens
    encoding = tiktoken.Encoding(
        "t",
        pat_str=vocabulary.GPT2_PATTERN,
        mergeable_ranks={t: i for i, t in enumerate(tokens)},
        special_tokens={},
    )
    ids = encoding.encode(text + "\u00e9\u4e16!")
    assert encoding.decode(ids) == text + "\u00e9\u4e16!"
    assert len(encoding.encode(text)) < len(text) / 2


@pytest.fixture
def tiny(monkeypatch):
    text = "HAMLET:\nTo be, or not to be: that is the question.\n\n" * 40
    monkeypatch.setattr(corpus, "split", lambda: (text, text[:400]))
    return train.Recipe(
        n_layer=2, n_head=2, n_embd=32, vocab_size=280, block_size=32, steps=30, batch_size=8,
        learning_rate=1e-2, warmup=5, dropout=0.0, ema=0.9,
    )  # fmt: skip


def test_training_learns_exports_and_goes_on(tiny, tmp_path):
    nats = train.train(tiny, tmp_path, "cpu", eval_every=10)
    with (tmp_path / "loss.csv").open() as f:
        rows = list(csv.DictReader(f))
    assert [int(r["step"]) for r in rows] == [10, 20, 30]
    assert nats < 0.7 * float(rows[0]["held_out_nats_per_char"])

    model, tokenizer = weights.load(str(tmp_path))
    ids = torch.tensor([tokenizer.encode("HAMLET:\nTo be")])
    following = tokenizer.decode([int(model.next_logits(ids).argmax())])
    assert following.startswith(","), "the exported model knows its text"
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o077, "readable by others"

    # An interrupted run that goes on ends where the uninterrupted one did.
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 30
    again = train.train(tiny, tmp_path, "cpu", eval_every=10)
    assert again == pytest.approx(nats, abs=1e-6)


def test_a_checkpoint_of_another_recipe_is_refused(tiny, tmp_path):
    train.train(tiny, tmp_path, "cpu", eval_every=30)
    other = train.Recipe(**{**vars(tiny), "steps": 40})
    with pytest.raises(SystemExit, match="another recipe"):
        train.train(other, tmp_path, "cpu", eval_every=30)


def test_what_is_bundled():
    folder = ROOT / "mingpt" / "bundled"
    assert (folder / "model.safetensors").stat().st_size <= 12_000_000
    config = json.loads((folder / "config.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    names = {name.removeprefix("transformer.") for name in tensors}
    assert {"wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias"} <= names
    assert len(names) == 4 + 12 * config["n_layer"], "Hugging Face's names, lm_head tied"
    assert Tokenizer.from_file(folder / "vocab.tiktoken").n_vocab == config["vocab_size"]
    with (folder / "loss.csv").open() as f:
        last = list(csv.DictReader(f))[-1]
    assert float(last["held_out_nats_per_char"]) < 1.40


def test_the_bundled_model_predicts_shakespeare_far_better_than_chance():
    """On lines that it may have seen: the figure on held-out plays is in its README."""
    model, tokenizer = weights.load(weights.BUNDLED)
    text = "ROMEO:\nBut, soft! what light through yonder window breaks?\nIt is the east, and Juliet"
    ids = torch.tensor([tokenizer.encode(text)])
    with torch.no_grad():
        logits = model(ids[:, :-1])
    loss = torch.nn.functional.cross_entropy(logits[0], ids[0, 1:], reduction="sum")
    assert loss.item() / len(text) < 1.6  # nats a character; chance is log(512) / 1.9 = 3.3
