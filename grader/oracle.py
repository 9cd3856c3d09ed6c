"""The grader's own copy of the model: the right logits, and whether tokens agree with them."""

import os

import numpy as np


class Oracle:
    """A model with torch's layers, on the CPU in float32. Imports torch when made."""

    def __init__(self, size: dict | None = None, seed: int = 0):
        """The bundled model, or the one that weights.untrained makes of these."""
        import torch

        from mingpt import weights

        # A small one as in the workers: see there. A large one on all cores.
        self._threads = os.cpu_count() or 1 if size else 1
        self._torch = torch
        self._model = weights.untrained(size, seed) if size else weights.load(weights.BUNDLED)[0]
        self.config = self._model.config

    def prompt(self, rng: np.random.Generator, length: int) -> np.ndarray:
        """A fresh prompt (length) int64, its ids drawn evenly from the vocabulary."""
        return rng.integers(0, self.config.vocab_size, length, dtype=np.int64)

    def logits(self, ids: np.ndarray) -> np.ndarray:
        """ids (T) -> the logits after each of them, (T, V) float32."""
        self._torch.set_num_threads(self._threads)
        with self._torch.no_grad():
            return self._model(self._torch.from_numpy(ids.copy())[None])[0].numpy()

    def after_prompt(self, prompt: np.ndarray, new: np.ndarray) -> np.ndarray:
        """The logits from which each new id (N) should have been picked: (N, V).

        All at once: a causal model gives each position the same logits whatever comes later. An id
        that is none stands for the nearest one: it is wrong itself, and what follows it no matter.
        """
        known = np.clip(new[:-1], 0, self.config.vocab_size - 1)
        return self.logits(np.concatenate([prompt, known]))[prompt.size - 1 :]


def first_difference(got: np.ndarray, expected: np.ndarray, tolerance: float) -> int | None:
    """The first row of logits (T, V) that is off by more than tolerance x the largest logit."""
    allowed = tolerance * float(np.abs(expected).max())
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(got - expected) <= allowed).all(axis=1)
    return int(wrong.argmax()) if wrong.any() else None


def relative_error(got: np.ndarray, expected: np.ndarray) -> float:
    """The largest error, relative to the largest expected logit."""
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def first_bad_token(logits: np.ndarray, new: np.ndarray, margin: float) -> int | None:
    """The first new id (N) that is not the best one by logits (N, V), near-ties allowed.

    A near-tie: less than margin x the largest logit below the best.
    """
    vocabulary = logits.shape[1]
    if ((new < 0) | (new >= vocabulary)).any():
        return int(((new < 0) | (new >= vocabulary)).argmax())
    behind = logits.max(axis=1) - logits[np.arange(new.size), new]
    bad = behind > margin * np.abs(logits).max()
    return int(bad.argmax()) if bad.any() else None


def mean_divergence(got: np.ndarray, expected: np.ndarray) -> float:
    """The mean KL divergence (nats) of what logits `got` (T, V) predict from `expected`'s."""

    def log_softmax(logits: np.ndarray) -> np.ndarray:
        shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    p, q = log_softmax(expected), log_softmax(got)
    return float((np.exp(p) * (p - q)).sum(axis=1).mean())
