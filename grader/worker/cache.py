"""Run a submission's kv_cache.py with torch's layers, and record what it feeds to the model."""

from pathlib import Path

import numpy as np
import torch

from grader.worker import model as host
from grader.worker.errors import describe
from mingpt.errors import SubmissionError
from mingpt.submission import load_kv_cache

_module = None


class WrongYield(Exception):
    """generate gave something else than ids."""


def load_cache(submission: str) -> tuple[dict, list]:
    """Import kv_cache.py. Raises what its top level raises."""
    global _module
    try:
        _module = load_kv_cache(Path(submission))
    except SubmissionError as error:
        # What it was made from, if anything, has the student's line.
        raise error.__context__ or error from None
    return {}, []


class Recorder:
    """Stands for the model, and writes down the ids that each call feeds."""

    def __init__(self, model):
        self.__dict__.update(_model=model, fed=[])

    def next_logits(self, ids, cache=None):
        self.fed.append(ids.reshape(-1).tolist())
        return self._model.next_logits(ids, cache)

    def forward(self, ids, cache=None):
        self.fed.append(ids.reshape(-1).tolist())
        return self._model(ids, cache)

    __call__ = forward

    def __getattr__(self, name):
        return getattr(self._model, name)


def cached(ids: np.ndarray, new_tokens: int) -> tuple[dict, list]:
    """Generate greedily after ids (T).

    Arrays: the new ids (N), the logits that each was picked from (N, V), the lengths of what was
    fed in each call (calls), and the ids fed, end to end.
    """
    recorder, picked_from = Recorder(host.model), []

    def sample(logits):
        picked_from.append(logits.reshape(-1).float().cpu().numpy())
        return host.pick_best(logits)

    new = _take(_module.generate(recorder, host.tensor(ids), new_tokens, sample), new_tokens)
    fed = [i for call in recorder.fed for i in call]
    return {}, [
        new,
        np.stack(picked_from) if picked_from else np.zeros((0, 0), np.float32),
        np.array([len(call) for call in recorder.fed], np.int64),
        np.array(fed, np.int64),
    ]


def generate(ids: np.ndarray, new_tokens: int) -> tuple[dict, list]:
    """The new ids (N) that greedy generation gives after ids (T), nothing recorded."""
    return {}, [
        _take(
            _module.generate(host.model, host.tensor(ids), new_tokens, host.pick_best), new_tokens
        )
    ]


def _take(iterator, new_tokens: int) -> np.ndarray:
    """At most one id more than was asked for, so that too many show and an endless stream ends."""
    ids = []
    if iterator is None:
        raise WrongYield("generate returned None: it must yield each new id")
    for item in iterator:
        try:
            ids.append(int(item))
        except (TypeError, ValueError, RuntimeError):
            shape = tuple(item.shape) if isinstance(item, torch.Tensor) else type(item).__name__
            raise WrongYield(f"generate must yield ids of shape (1, 1), not {shape}") from None
        if len(ids) > new_tokens:
            break
    return np.array(ids, np.int64)


def in_pieces(ids: np.ndarray, pieces: list[int]) -> tuple[dict, list]:
    """ids (T), fed to the model in pieces of these lengths -> the logits (T, V) after each."""
    model = host.model
    config = model.config
    cache = _module.KVCache(
        config.n_layer,
        config.n_head,
        config.block_size,
        config.head_size,
        model.device,
        model.dtype,
    )
    parts = host.tensor(ids).split(pieces, dim=1)
    logits = [model(part, cache)[0].float().cpu() for part in parts]
    return {}, [torch.cat(logits).numpy()]


def probe(k: np.ndarray, v: np.ndarray, split: int, max_len: int) -> tuple[dict, list]:
    """Feed a KVCache by hand, k and v (L, nh, T, hs): the first `split` tokens, then the rest.

    {"steps": names, "error": description or null} and, for each step, the array it returned.
    """
    steps: list[str] = []
    arrays: list[np.ndarray] = []

    def note(name: str, value, dtype) -> None:
        arrays.append(torch.as_tensor(value).detach().to(dtype).cpu().contiguous().numpy())
        steps.append(name)

    keys, values = torch.from_numpy(k.copy()), torch.from_numpy(v.copy())
    layers, heads, total, size = k.shape
    try:
        cache = _module.KVCache(layers, heads, max_len, size, torch.device("cpu"), torch.float32)
        for part, (start, end) in enumerate([(0, split), (split, total)]):
            note(f"positions {part}", cache.positions(end - start), torch.int64)
            note(f"mask {part}", cache.mask(end - start), torch.bool)
            for layer in range(layers):
                new = (keys[None, layer, :, start:end], values[None, layer, :, start:end])
                for name, value in zip("kv", cache.update(layer, *new), strict=True):
                    note(f"{name} {part} layer {layer}", value, torch.float32)
            cache.advance(end - start)
    except Exception as error:
        return {"steps": steps, "error": describe(error)}, arrays
    return {"steps": steps, "error": None}, arrays
