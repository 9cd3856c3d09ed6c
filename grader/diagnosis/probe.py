"""What the methods of a KVCache return when they are called by hand, with known keys and values.

It never decides whether a submission is right (the logits do), but it names the method that isn't.
"""

from dataclasses import dataclass

import numpy as np

from grader.client import RequestFailed
from grader.diagnosis.cause import Cause

# By a step's first letter: the method, the dtypes that will do, its TODO, and the idea.
INTEGERS = ("int64", "int32")
CONTRACT = {
    "p": ("positions", INTEGERS, 2, "positions are whole numbers, which index the embedding."),
    "m": ("mask", ("bool",), 3, "True where a token may be seen, False where not: a bool."),
    "k": ("update", ("float32",), 1, "the cache has the dtype that __init__ is given."),
    "v": ("update", ("float32",), 1, "the cache has the dtype that __init__ is given."),
}


# The same for what a worker makes of them.
RETURNED = {"p": np.int64, "m": np.bool_, "k": np.float32, "v": np.float32}
SHOWN = 8  # numbers of a list


def step_names(pieces: list[int], layers: int) -> set[str]:
    """Of all that the methods are called for."""
    parts = range(len(pieces))
    once = {f"{what} {part}" for what in ("positions", "mask") for part in parts}
    return once | {
        f"{what} {part} layer {layer}" for what in "kv" for part in parts for layer in range(layers)
    }


@dataclass(frozen=True)
class Probe:
    """What the methods returned, by step ("mask 1": in the second part), and what stopped it."""

    k: np.ndarray  # (L, nh, T, hs)
    v: np.ndarray
    pieces: list[int]  # tokens in each part, T in all
    steps: dict[str, np.ndarray]
    kinds: dict[str, str]  # of each step: the dtype that it returned
    places: dict[str, int]  # and where its memory begins
    error: RequestFailed | None

    @staticmethod
    def read(k, v, pieces: list[int], reply: dict, arrays: list[np.ndarray]) -> "Probe | None":
        """What came back from a worker; None if it can't be what the methods returned."""
        names = reply["steps"]
        steps = dict(zip(names, arrays, strict=False))
        columns = arrays, reply["kinds"], reply["places"]
        if len(steps) < len(names) or any(len(column) != len(names) for column in columns):
            return None
        expected = step_names(pieces, len(k))
        if any(name not in expected or RETURNED[name[0]] != steps[name].dtype for name in steps):
            return None
        kinds, places = (dict(zip(names, column, strict=True)) for column in columns[1:])
        error = reply["error"]
        return Probe(k, v, pieces, steps, kinds, places, error and RequestFailed(error))

    def cause(self) -> Cause | None:
        """The first method that does something else than its contract says."""
        layers = len(self.k)
        ends = np.cumsum(self.pieces).tolist()
        if cause := self._kinds():
            return cause
        for part, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            checks = [lambda p=part, s=start, e=end: self._positions(p, s, e)]
            checks += [lambda p=part, s=start, e=end: self._mask(p, s, e)]
            checks += [
                lambda i=layer, p=part, s=start, e=end: self._update(p, i, s, e)
                for layer in range(layers)
            ]
            for check in checks:
                if cause := check():
                    return cause
        return None

    def moves(self) -> bool:
        """Whether the cache lies somewhere else after each part: it was allocated anew."""
        keys = [self.places.get(f"k {part} layer 0") for part in range(len(self.pieces))]
        return None not in keys and len(set(keys)) == len(keys) > 1

    def _columns(self, part: int) -> int | None:
        """Of the mask."""
        mask = self.steps.get(f"mask {part}")
        return None if mask is None or not mask.ndim else mask.shape[-1]

    def _kinds(self) -> Cause | None:
        """Another dtype than the contract's, where it is not one that does as well."""
        for name, kind in self.kinds.items():
            method, right, todo, why = CONTRACT[name[0]]
            if kind in right:
                continue
            return Cause(
                f"{method} returns {kind}, expected {right[0]}.", f"TODO {todo}: {why}", "python"
            )
        return None

    def _positions(self, part: int, start: int, end: int) -> Cause | None:
        got, expected = self.steps.get(f"positions {part}"), np.arange(start, end)
        if got is None or np.array_equal(got.ravel(), expected):
            return None
        seen = (
            f"positions({end - start}) after {start} tokens is {_list(got.ravel())}, expected"
            f" {expected.tolist()}"
        )
        columns = self._columns(1)
        if part and columns is not None and np.array_equal(got.ravel(), expected - start):
            if columns == end - start:
                return Cause(
                    f"{seen}: the length has not advanced.",
                    "TODO 5: advance(T) is called once all layers have stored T tokens. What"
                    " changes then?",
                )
            return Cause(
                f"{seen}: the position offset of the history is missing.",
                "TODO 2: the new tokens come after those in the cache.",
            )
        counts = got.size == end - start and np.array_equal(
            got.ravel() - got.ravel()[0], np.arange(end - start)
        )
        if counts and start == 0 and got.ravel()[0] > 1:
            return Cause(
                f"{seen}: a new KVCache is not empty; what an earlier text left stays behind.",
                "TODO 1: each KVCache has tensors and a length of its own. What do all share?",
                "cache_reset",
            )
        if counts and part > 1 and got.ravel()[0] == self.pieces[part - 1]:
            return Cause(
                f"{seen}: the length is that of the last part, not of all so far.",
                "TODO 5: advance(T) adds T tokens to those before.",
                "cache_positions",
            )
        if counts and part and self._columns(part) == int(got.ravel()[-1]) + 1:
            return Cause(
                f"{seen}: positions and mask agree on a history of length {got.ravel()[0]}.",
                "TODO 5: by how much does advance(T) change the length?",
                "cache_positions",
            )
        shift = got.ravel() - expected if got.size == expected.size else None
        if shift is not None and (shift == shift[0]).all() and abs(int(shift[0])) == 1:
            return Cause(
                f"{seen}: the positions are off by one.",
                "TODO 2: the first token of all is at position 0. Or the length counts one too many"
                " or too few (TODO 5).",
            )
        return Cause(f"{seen}.", "TODO 2: how many tokens came before the new ones?")

    def _mask(self, part: int, start: int, end: int) -> Cause | None:
        got = self.steps.get(f"mask {part}")
        new = end - start
        expected = np.tril(np.ones((new, end), bool), k=start)
        if got is None:
            return None
        try:
            if np.array_equal(np.broadcast_to(got, expected.shape), expected):
                return None
        except ValueError:
            pass
        seen = f"mask({new}) after {start} tokens"
        if got.shape[-2:] != expected.shape and got.ndim >= 2:
            if part and got.shape[-1] == new:
                return Cause(
                    f"{seen} has the shape {got.shape}, expected {expected.shape}: it has no"
                    " columns for the history.",
                    "TODO 3: a new token sees the history too: one column for every token so far.",
                )
            return Cause(f"{seen} has the shape {got.shape}, expected {expected.shape}.", "TODO 3")
        got = got.reshape(expected.shape) if got.size == expected.size else got
        if got.shape == expected.shape and part and np.array_equal(got, np.tril(np.ones_like(got))):
            return Cause(
                f"{seen} lacks the offset of the history: new token i sees tokens 0 to i only.",
                "TODO 3: the new tokens are not the first ones. Which position does row i stand"
                " for?",
            )
        if got.shape == expected.shape and np.array_equal(got, ~expected):
            return Cause(f"{seen} is inverted.", "TODO 3: True where a token may be seen.")
        if got.shape == expected.shape and (got & ~expected).any():
            i, j = (int(x) for x in np.argwhere(got & ~expected)[0])
            return Cause(
                f"{seen} lets new token {i} (position {start + i}) see token {j}, which comes"
                " later.",
                "TODO 3: causal attention: nobody looks ahead.",
            )
        if got.shape == expected.shape:
            i, j = (int(x) for x in np.argwhere(expected & ~got)[0])
            what = "itself" if start + i == j else f"token {j}, which came before"
            return Cause(
                f"{seen} does not let new token {i} (position {start + i}) see {what}.",
                "TODO 3: a token sees itself and everything before it, history included.",
            )
        return Cause(f"{seen} has the shape {got.shape}, expected {expected.shape}.", "TODO 3")

    def _update(self, part: int, layer: int, start: int, end: int) -> Cause | None:
        for name, truth, other in (("k", self.k, self.v), ("v", self.v, self.k)):
            got = self.steps.get(f"{name} {part} layer {layer}")
            if got is None:
                continue
            call = f"update(layer={layer}) with {end - start} tokens after {start}"
            expected = truth[None, layer, :, :end]
            word = "keys" if name == "k" else "values"
            if layer and got.shape[2:3] == (end + end - start,):
                return Cause(
                    f"{call} returns {got.shape[2]} tokens, expected {end}; layer 0 was right: the"
                    " length has changed between two layers.",
                    "TODO 4: update leaves the length as it is, for the next layer; advance(T)"
                    " changes it, once.",
                    "cache_layers",
                )
            if got.shape != expected.shape:
                hint = "TODO 4: return the filled part only: history and new tokens."
                return Cause(
                    f"{call} returns {word} of shape {got.shape}, expected {expected.shape}.", hint
                )
            if np.array_equal(got, expected):
                continue
            return self._wrong_update(call, word, got[0], truth, other, layer, start, end)
        return None

    def _wrong_update(self, call, word, got, truth, other, layer, start, end) -> Cause:
        expected, bad = truth[layer, :, :end], ~(got == truth[layer, :, :end]).all(axis=(0, 2))
        first = int(bad.argmax())
        if np.array_equal(got, other[layer, :, :end]):
            return Cause(
                f"{call} returns keys and values mixed up: its {word} are the other ones.",
                "TODO 4: keys and values each have their own tensor.",
            )
        for j in range(len(truth)):
            if j != layer and np.array_equal(got[:, bad], truth[j][:, :end][:, bad]):
                return Cause(
                    f"{call} returns {word} of another layer (layer {j}) at position {first}: the"
                    " layers overwrite each other in the cache.",
                    "TODO 4: each layer has its own place in the cache: the first index is the"
                    " layer.",
                )
        if first < start:
            return Cause(
                f"{call}: the {word} of position {first}, stored earlier, are lost or overwritten.",
                "TODO 4: new tokens go after the history, not over it.",
            )
        if not got[:, bad].any():
            return Cause(
                f"{call}: the {word} of new position {first} are not stored there (all 0).",
                "TODO 4: the new tokens belong at positions length to length + T.",
            )
        if np.array_equal(got[:, 1:], expected[:, :-1]) or np.array_equal(
            got[:, :-1], expected[:, 1:]
        ):
            return Cause(
                f"{call}: the {word} are off by one position.",
                "TODO 4: the first new token belongs at position length.",
            )
        return Cause(
            f"{call}: the {word} of position {first} are not those that were stored.",
            "TODO 4: write at the right layer and positions, then return the filled part.",
        )


def _list(values: np.ndarray) -> str:
    """Its beginning."""
    shown = ", ".join(map(str, values[:SHOWN].tolist()))
    return f"[{shown}{', ...' if values.size > SHOWN else ''}]"
