"""A byte-pair vocabulary learned from a text, in tiktoken's form.

Tokens 0..255 are the single bytes; each later one joins two earlier ones, in the order in which
they were learned: so the ids are the ranks that byte-pair encoding needs.
"""

import base64
from pathlib import Path

GPT2_PATTERN = (
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"  # splits into words
)


def learn(text: str, size: int) -> list[bytes]:
    """The `size` tokens (at least 256) that byte-pair encoding learns from `text`, by id."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(GPT2_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([text], trainer)

    byte_of = {char: byte for byte, char in byte_chars().items()}
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    return [bytes(byte_of[char] for char in token) for token, _ in by_id]


def byte_chars() -> dict[int, str]:
    """The printable character that GPT-2's byte-level BPE writes for each byte.

    Printable Latin-1 bytes stand for themselves; the others move, in order, to 256 and beyond.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def write(tokens: list[bytes], path: Path) -> None:
    """Write tiktoken's file: a line a token, base64 and rank."""
    lines = (f"{base64.b64encode(t).decode()} {rank}\n" for rank, t in enumerate(tokens))
    path.write_text("".join(lines))
