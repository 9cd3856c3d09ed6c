"""A submission that decodes by itself (decoder.h), on the model that the worker has."""

from pathlib import Path

import numpy as np
import torch

from grader.worker import model as host
from mingpt.decoder import open_decoder as opened_by
from mingpt.generate import Sampler
from mingpt.kernels import KernelLibrary

decoder = None


def open_decoder(path: str) -> tuple[dict, list]:
    """{"bytes_per_step", "model_bytes_per_step"}: what a step reads, and what the model has.

    Raises BuildError where a function of decoder.h is missing, and KernelError.
    """
    global decoder
    if decoder is not None:
        decoder.close()
    decoder = opened_by(host.model, KernelLibrary(Path(path), host.model.device.type))
    reads = int(decoder.bytes_per_step)
    return {"bytes_per_step": reads, "model_bytes_per_step": host.model.bytes_per_step}, []


def feed(ids: np.ndarray, position: int) -> tuple[dict, list]:
    """ids (T) at the positions from `position` on -> the logits (T, V) after each."""
    logits = decoder.feed(torch.from_numpy(ids.copy()), position, ids.size)
    return {}, [logits.cpu().numpy()]


def decode(
    ids: np.ndarray, new_tokens: int, temperature: float = 0.0, top_k: int = 0, seed: int = 0
) -> tuple[dict, list]:
    """The new ids (new_tokens) that follow the prompt ids (T); greedy unless told otherwise."""
    sampler = Sampler(temperature, top_k or None, seed)
    new = decoder.generate(torch.from_numpy(ids.copy())[None], new_tokens, sampler)
    return {}, [np.fromiter(new, np.int64)]


def draw(
    ids: np.ndarray, seeds: np.ndarray, new_tokens: int, temperature: float, top_k: int
) -> tuple[dict, list]:
    """The same text begun once for each of the seeds (N): the new ids (N, new_tokens)."""
    rows = [decode(ids, new_tokens, temperature, top_k, int(s))[1][0] for s in seeds]
    return {}, [np.stack(rows)]
