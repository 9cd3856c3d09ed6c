"""What takes part in bench/decode.py: something that writes text greedily, one id at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.ladder import OpenRung, Rung
from mingpt.generate import Stopwatch
from mingpt.model import GPT


@dataclass(frozen=True)
class Run:
    """One text: its new ids, and the seconds that each took, from the request to its arrival."""

    ids: list[int]
    seconds: list[float]

    @property
    def ttft(self) -> float:
        """Seconds to the first token: prefill, and choosing that token."""
        return self.seconds[0]

    @property
    def tokens_per_s(self) -> float:
        """Of decode: all tokens but the first, over the time that they took."""
        return (len(self.seconds) - 1) / sum(self.seconds[1:])


class Contestant:
    """Base of all. open() may take long (it builds, compiles); run() is what is timed."""

    name: str  # unique
    label: str  # for a reader
    dtype: str  # of its weights: fp32, bf16, int8
    is_rung = False
    cached = True  # a decode step feeds one token; False: the whole text again
    bytes_per_step = 0  # of weights, that a decode step reads

    def open(self, model: GPT, longest: int) -> None:
        """Make it ready for texts of up to `longest` tokens by `model` (float32)."""
        self.model = model

    def generate(self, ids: Tensor, n: int) -> Iterator[int]:
        """n new ids after ids (1, T), each as soon as it is on the host."""
        raise NotImplementedError

    def run(self, ids: Tensor, n: int) -> Run:
        """ids (1, T) int64 on the host. The device is idle when the clock starts."""
        stopwatch = Stopwatch(self.model)
        new = list(stopwatch.watch(self.generate(ids, n)))
        return Run(new, stopwatch.seconds)

    def close(self) -> None:
        """Frees what it holds."""


class RungContestant(Contestant):
    """A rung of the ladder."""

    is_rung = True

    def __init__(self, rung: Rung):
        self.rung = rung
        self.name, self.label, self.dtype = rung.name, rung.name.replace("_", " "), "fp32"
        self._open: OpenRung | None = None

    def open(self, model: GPT, longest: int) -> None:
        self._open = OpenRung(self.rung, model)
        self.model, self.cached = self._open.model, self._open.cached
        self.dtype, self.bytes_per_step = self._open.dtype, self._open.bytes_per_step

    def generate(self, ids: Tensor, n: int) -> Iterator[int]:
        return self._open.generate(ids, n)

    def close(self) -> None:
        if self._open:
            self._open.close()
        self._open = None


DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
