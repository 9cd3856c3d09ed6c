"""The ids are GPT-2's, as another encoder gives them, and text comes back whole."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoints import write_byte_vocabulary

from mingpt import tokenizer as module
from mingpt.errors import WeightsError
from mingpt.tokenizer import TextStream, Tokenizer

CASES = json.loads((Path(__file__).parent / "gpt2_ids.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case["text"][:16]))
def test_ids_of_another_encoder(case):
    """gpt2_ids.json says how it was made."""
    tokenizer = Tokenizer.gpt2()
    assert tokenizer.encode(case["text"]) == case["ids"]
    assert tokenizer.decode(case["ids"]) == case["text"]


def test_gpt2_has_50257_tokens():
    tokenizer = Tokenizer.gpt2()
    assert tokenizer.n_vocab == 50257
    assert tokenizer.decode([50256]) == "<|endoftext|>"


def test_needs_no_network():
    """With every socket forbidden."""
    program = (
        "import socket\n"
        "def refuse(*a, **k): raise RuntimeError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from mingpt.tokenizer import Tokenizer\n"
        "print(Tokenizer.gpt2().encode('Hello world'))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[15496, 995]", done.stderr


def test_half_a_character_is_held_back():
    tokenizer = Tokenizer.gpt2()
    text = "naïve 😀👩‍👩‍👧 你好 é"
    ids = tokenizer.encode(text)
    stream = TextStream(tokenizer)
    pieces = [stream.feed(i) for i in ids]
    assert "".join(pieces) + stream.close() == text
    assert "" in pieces  # some token ended within a character
    assert all("\N{REPLACEMENT CHARACTER}" not in piece for piece in pieces)


def test_a_character_never_completed():
    tokenizer = Tokenizer.gpt2()
    stream = TextStream(tokenizer)
    first = tokenizer.encode("😀")[0]
    assert stream.feed(first) == ""
    assert stream.close() == "\N{REPLACEMENT CHARACTER}"


def test_ids_without_a_token():
    """A model's vocabulary may be padded to a round number."""
    assert Tokenizer.gpt2().decode([15496, 50300]) == "Hello\N{REPLACEMENT CHARACTER}"


def test_from_file(tmp_path):
    path = tmp_path / "vocab.tiktoken"
    write_byte_vocabulary(path)
    path.write_bytes(path.read_bytes() + base64.b64encode(b"he") + b" 256\n")
    tokenizer = Tokenizer.from_file(path)
    assert tokenizer.n_vocab == 257
    assert tokenizer.encode("the é") == [116, 256, 32, 0xC3, 0xA9]
    with_end = Tokenizer.from_file(path, vocab_size=258)
    assert with_end.n_vocab == 258
    assert with_end.decode([256, 257]) == "he<|endoftext|>"
    assert 257 not in with_end.encode("<|endoftext|>")
    with pytest.raises(WeightsError, match="has 257 tokens, and the model 300"):
        Tokenizer.from_file(path, vocab_size=300)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2] + b"\n",
        lambda data: b"not base64! 0\n" + data,
        lambda data: data.replace(b" 17\n", b" 18\n"),
        lambda data: b"\x00\xff" + data,
        lambda data: b"",
    ],
)
def test_damaged_file(tmp_path, damage):
    path = tmp_path / "vocab.tiktoken"
    write_byte_vocabulary(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(WeightsError, match=r"vocab\.tiktoken is damaged"):
        Tokenizer.from_file(path)


def test_missing_file(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read: No such file"):
        Tokenizer.from_file(tmp_path / "vocab.tiktoken")


def test_gpt2_file_is_verified(tmp_path, monkeypatch):
    changed = tmp_path / "gpt2.tiktoken"
    changed.write_bytes(module.GPT2_RANKS.read_bytes() + b"\n")
    monkeypatch.setattr(module, "GPT2_RANKS", changed)
    Tokenizer.gpt2.cache_clear()
    with pytest.raises(WeightsError, match="SHA-256"):
        Tokenizer.gpt2()
