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


def recorder(model) -> tuple[object, list[list[int]]]:
    """What stands for the model, and a list in which it writes down the ids that each call feeds.

    Neither the model nor the list is an attribute of it: a submission gets what it was given.
    """
    fed: list[list[int]] = []

    class Recorder:
        __slots__ = ()

        def next_logits(self, ids, cache=None):
            fed.append(ids.reshape(-1).tolist())
            return model.next_logits(ids, cache)

        def forward(self, ids, cache=None):
            fed.append(ids.reshape(-1).tolist())
            return model(ids, cache)

        __call__ = forward

        def __getattr__(self, name):
            return getattr(model, name)

    return Recorder(), fed


def cached(ids: np.ndarray, new_tokens: int) -> tuple[dict, list]:
    """Generate greedily after ids (T).

    Arrays: the new ids (N), the logits that each was picked from (N, V), the lengths of what was
    fed in each call (calls), and the ids fed, end to end.
    """
    (model, recorded), picked_from = recorder(host.model), []

    def sample(logits):
        picked_from.append(logits.reshape(-1).float().cpu().numpy())
        return host.pick_best(logits)

    new = _take(_module.generate(model, host.tensor(ids), new_tokens, sample), new_tokens)
    fed = [i for call in recorded for i in call]
    return {}, [
        new,
        np.stack(picked_from) if picked_from else np.zeros((0, 0), np.float32),
        np.array([len(call) for call in recorded], np.int64),
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
            ids.append(np.int64(int(item)))
        except (TypeError, ValueError, OverflowError, RuntimeError):
            what = type(item).__name__
            if isinstance(item, torch.Tensor):
                what = f"{tuple(item.shape)} of {str(item.dtype).removeprefix('torch.')}"
            raise WrongYield(f"generate must yield ids of shape (1, 1), not {what}") from None
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


def caches_made(ids: np.ndarray, new_tokens: int) -> tuple[dict, list]:
    """{"max_len": of each KVCache that generate makes for one text}, however the text ends."""
    original, sizes = _module.KVCache, []

    class Watched(original):
        def __init__(self, *arguments, **fields):
            given = fields.get("max_len", arguments[2] if len(arguments) > 2 else 0)
            sizes.append(int(given))
            super().__init__(*arguments, **fields)

    _module.KVCache = Watched
    try:
        _take(
            _module.generate(host.model, host.tensor(ids), new_tokens, host.pick_best), new_tokens
        )
    except Exception:
        pass  # how it ends is known already
    finally:
        _module.KVCache = original
    return {"max_len": sizes[:1000]}, []


def probe(k: np.ndarray, v: np.ndarray, pieces: list[int], max_len: int) -> tuple[dict, list]:
    """Feed a KVCache by hand, k and v (L, nh, T, hs), in pieces of these lengths.

    {"steps": names, "kinds": of each step, its dtype, "places": where its memory begins, "error":
    description or null} and, for each step, the array it returned.
    """
    steps: list[str] = []
    kinds: list[str] = []
    places: list[int] = []
    arrays: list[np.ndarray] = []
    returned: list = []  # kept, so that no later one gets the memory of an earlier one

    def note(name: str, value, dtype) -> None:
        tensor = torch.as_tensor(value).detach()
        arrays.append(tensor.to(dtype).cpu().contiguous().numpy())
        steps.append(name)
        kinds.append(str(tensor.dtype).removeprefix("torch."))
        places.append(tensor.untyped_storage().data_ptr())
        returned.append(tensor)

    keys, values = torch.from_numpy(k.copy()), torch.from_numpy(v.copy())
    layers, heads, _, size = k.shape
    error = None
    try:
        cache = _module.KVCache(layers, heads, max_len, size, torch.device("cpu"), torch.float32)
        start = 0
        for part, new in enumerate(pieces):
            end = start + new
            note(f"positions {part}", cache.positions(new), torch.int64)
            note(f"mask {part}", cache.mask(new), torch.bool)
            for layer in range(layers):
                both = (keys[None, layer, :, start:end], values[None, layer, :, start:end])
                for name, value in zip("kv", cache.update(layer, *both), strict=True):
                    note(f"{name} {part} layer {layer}", value, torch.float32)
            cache.advance(new)
            start = end
    except Exception as e:
        error = describe(e)
    return {"steps": steps, "kinds": kinds, "places": places, "error": error}, arrays
