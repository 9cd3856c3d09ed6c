"""The rungs of solutions/ladder, and running one.

A rung is a submission: its layers by its gpt.cu if it has one (else torch's), generate by its
kv_cache.py, or by gpt.cu alone where that has decoder.h's functions.
"""

import copy
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mingpt.decoder import open_decoder
from mingpt.errors import LabError
from mingpt.generate import Sampler, generate
from mingpt.kernels import CustomOps, KernelLibrary, build, load_kv_cache
from mingpt.model import GPT, GPTConfig
from mingpt.paths import ROOT
from mingpt.weights import BUNDLED, load

LADDER = ROOT / "solutions" / "ladder"
SIMT_RUNGS = 6  # rungs up to this one run on the CPU
TITLE = re.compile(r'(?://|""") ?Rung \d+(?:, \w+)?: (.*)')
RANDOM = "gpt2-random"  # 124M parameters, as they are before training


@dataclass(frozen=True)
class Rung:
    """One folder of the ladder."""

    folder: Path

    @property
    def name(self) -> str:
        """Its folder's: 4_gemv"""
        return self.folder.name

    @property
    def number(self) -> int:
        return int(self.name.partition("_")[0])

    @property
    def title(self) -> str:
        """What its header says after "Rung 4:", up to the first full stop."""
        for file in ("kv_cache.py", "gpt.cu"):
            path = self.folder / file
            first = path.read_text("utf-8").partition("\n")[0] if path.is_file() else ""
            if match := TITLE.match(first):
                return re.split(r"\.(?: |$)", match[1].removesuffix('"""'))[0]
        return self.name

    @property
    def has_kernels(self) -> bool:
        return (self.folder / "gpt.cu").is_file()


def rungs(device: str, ladder: Path | None = None) -> list[Rung]:
    """Those that run on the device, from the lowest up."""
    folders = [f for f in (ladder or LADDER).iterdir() if re.match(r"\d+_", f.name)]
    found = sorted(map(Rung, folders), key=lambda rung: (rung.number, rung.name))
    return [r for r in found if device == "cuda" or r.number <= SIMT_RUNGS]


def build_all(some: list[Rung], device: str) -> None:
    """Builds them side by side. What doesn't build says so when it is opened."""
    with ThreadPoolExecutor() as pool:
        for task in [pool.submit(build, r.folder, device) for r in some if r.has_kernels]:
            task.exception()


class OpenRung:
    """A rung at work on a model (float32). close() it.

    Raises BuildError, SubmissionError or KernelError.
    """

    def __init__(self, rung: Rung, model: GPT):
        self.rung = rung
        self.model = copy.copy(model)  # the same weights, layers of its own
        if rung.has_kernels:
            device = model.device.type
            self.model.ops = CustomOps(KernelLibrary(build(rung.folder, device), device))
        self.decoder = open_decoder(self.model)
        self._module = None
        if self.decoder is None:
            self._module = load_kv_cache(rung.folder)

    @property
    def cached(self) -> bool:
        """Whether a step feeds one token, not the whole text."""
        return self.decoder is not None or self.kv_cache is not None

    @property
    def kv_cache(self):
        """The class KVCache of its kv_cache.py; None if it has none, or decodes by itself."""
        return getattr(self._module, "KVCache", None)

    @property
    def bytes_per_step(self) -> int:
        return self.decoder.bytes_per_step if self.decoder else self.model.bytes_per_step

    @property
    def dtype(self) -> str:
        """'fp32', 'bf16' or 'int8': as its name says, or else as the bytes of a step do."""
        for name in ("fp32", "bf16", "int8"):
            if name in self.rung.name:
                return name
        share = self.bytes_per_step / self.model.bytes_per_step
        return "fp32" if share > 0.75 else "bf16" if share > 0.4 else "int8"

    def generate(self, ids: Tensor, n: int) -> Iterator[int]:
        """n new ids after ids (1, T), the likeliest each time."""
        cached = self._module and self._module.generate
        return generate(self.model, ids, n, Sampler(temperature=0), cached, self.decoder)

    def close(self) -> None:
        if self.decoder:
            self.decoder.close()


def model_for(name: str, device: str) -> GPT:
    """The bundled model, one by a name of weights.load's, or RANDOM: GPT-2 124M with no training.

    Float32, no gradients.
    """
    if name != RANDOM:
        return load(name, device)[0]
    torch.manual_seed(0)
    model = GPT(GPTConfig.preset("gpt2")).eval().requires_grad_(False).to(device)
    model.name = name
    return model


def choose_model(name: str | None, device: str) -> str:
    """What --model stands for. Raises LabError for a large one on a CPU."""
    if device == "cpu" and name not in (None, BUNDLED):
        raise LabError(f"On a CPU only the bundled model is measured: --model {BUNDLED}.")
    return name or (BUNDLED if device == "cpu" else RANDOM)
