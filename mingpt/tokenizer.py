"""Text to token ids and back, by byte-pair encoding, with no network.

GPT-2's vocabulary comes with us (data/README.md), and so does the bundled model's. Both split text
by GPT-2's pattern first, then merge bytes into tokens within each piece (tiktoken does that).
"""

import base64
import codecs
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

import tiktoken

from mingpt.errors import WeightsError
from mingpt.paths import PACKAGE

GPT2_RANKS = PACKAGE / "data" / "gpt2.tiktoken"
GPT2_SHA256 = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"
END_OF_TEXT = "<|endoftext|>"

# How GPT-2 splits text: contractions; letters, digits or others, each with the space before them;
# white space, which leaves its last space to the word that follows.
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


class Tokenizer:
    """A vocabulary of byte sequences. Special tokens in a text are read as ordinary text."""

    def __init__(self, name: str, ranks: dict[bytes, int], special_tokens: dict[str, int]):
        self._encoding = tiktoken.Encoding(
            name, pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens=special_tokens
        )

    @staticmethod
    @functools.cache
    def gpt2() -> "Tokenizer":
        """GPT-2's, 50257 tokens. Raises WeightsError when its file is missing or damaged."""
        data = _read(GPT2_RANKS)
        if hashlib.sha256(data).hexdigest() != GPT2_SHA256:
            raise WeightsError(
                f"{GPT2_RANKS} is damaged (its SHA-256 is not GPT-2's).\n"
                f"Get it back from the repository: git checkout -- {GPT2_RANKS.name}"
            )
        ranks = _parse(data, GPT2_RANKS)
        return Tokenizer("gpt2", ranks, {END_OF_TEXT: len(ranks)})

    @staticmethod
    def from_file(path: Path, vocab_size: int | None = None) -> "Tokenizer":
        """From a file of tiktoken's form: a line a token, its bytes in base64 and its id.

        A model with one token more than the file (vocab_size) has <|endoftext|> as its last.
        Raises WeightsError when the file is missing or damaged, or has more tokens than that.
        """
        path = Path(path)
        ranks = _parse(_read(path), path)
        n = len(ranks)
        if vocab_size is not None and vocab_size not in (n, n + 1):
            raise WeightsError(
                f"{path} has {n} tokens, and the model {vocab_size}: they do not belong together."
            )
        return Tokenizer(path.stem, ranks, {END_OF_TEXT: n} if vocab_size == n + 1 else {})

    @property
    def n_vocab(self) -> int:
        return self._encoding.n_vocab

    def encode(self, text: str) -> list[int]:
        return self._encoding.encode_ordinary(text)

    def decode(self, ids: Iterable[int]) -> str:
        """Bytes that are not UTF-8 (half a character, say) become U+FFFD."""
        return b"".join(self.token_bytes(i) for i in ids).decode("utf-8", errors="replace")

    def token_bytes(self, i: int) -> bytes:
        """One token's bytes; U+FFFD's for an id that has none (a model may have spare rows)."""
        try:
            return self._encoding.decode_single_token_bytes(i)
        except KeyError:
            return "\N{REPLACEMENT CHARACTER}".encode()


class TextStream:
    """Turns ids into text one at a time, and holds back half a character until the rest comes."""

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, i: int) -> str:
        """The text that is complete now that token `i` has come. May be empty."""
        return self._decoder.decode(self._tokenizer.token_bytes(i))

    def close(self) -> str:
        """What is left: U+FFFD for a character that was never completed, else nothing."""
        return self._decoder.decode(b"", final=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise WeightsError(f"The vocabulary {path} cannot be read: {e.strerror}.") from None


def _parse(data: bytes, path: Path) -> dict[bytes, int]:
    ranks = {}
    try:
        for line in data.splitlines():
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
    except ValueError:
        ranks = {}
    if sorted(ranks.values()) != list(range(len(ranks))) or len(ranks) < 256:
        raise WeightsError(
            f"{path} is damaged: each line must be a token in base64, a space, and its id, "
            "with the ids 0, 1, 2, ... and at least the 256 single bytes."
        )
    return ranks
