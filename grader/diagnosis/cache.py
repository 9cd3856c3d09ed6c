"""Wrong results with kv_cache.py: what was seen in the text, then which method causes it.

Two kinds of evidence. What generate fed to the model, and the logits it got, decide whether it is
right. A probe, which calls the methods of KVCache by hand with known keys and values, names the
method.
"""

from dataclasses import dataclass

import numpy as np

from grader.client import RequestFailed, printable
from grader.diagnosis.faults import request_failed
from grader.framework import Failure
from grader.oracle import first_bad_token, first_difference

TODO = {"__init__": 1, "positions": 2, "mask": 3, "update": 4, "advance": 5, "generate": 6}


@dataclass(frozen=True)
class Cause:
    text: str
    hint: str


@dataclass(frozen=True)
class Run:
    """One generation: what was asked, and what came out. N new ids, V the vocabulary."""

    name: str
    prompt: np.ndarray  # (T) int64
    count: int  # new ids asked for
    new: np.ndarray  # (N) int64
    logits: np.ndarray  # (N, V) float32: what each new id was picked from
    fed: np.ndarray  # (calls) int64: how many ids each call of the model was fed
    fed_ids: np.ndarray  # all of these, end to end


def checked(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """A worker's arrays, as Run wants them. Raises Failure for anything else."""
    kinds = [(a.dtype.name, a.ndim) for a in arrays]
    if kinds != [("int64", 1), ("float32", 2), ("int64", 1), ("int64", 1)]:
        raise Failure("The worker sent back something else than a generated text.")
    return arrays


# --------------------------------------------------------------------- what was seen in the text


def first_problem(run: Run, oracle, rubric) -> str:
    """What is wrong with a run, as a name that explain() knows; "" if nothing is."""
    if run.new.size != run.count:
        return "count"
    if feeding(run):
        return "feeding"
    if run.logits.shape != (run.count, oracle.config.vocab_size):
        return "samples"
    expected = oracle.after_prompt(run.prompt, np.clip(run.new, 0, oracle.config.vocab_size - 1))
    if first_difference(run.logits, expected, rubric.tolerance) is not None:
        return "logits"
    return "" if first_bad_token(expected, run.new, rubric.margin) is None else "tokens"


def feeding(run: Run) -> Cause | None:
    """The prompt once (in one piece or in several), then each new id once, and no other."""
    T, fed = run.prompt.size, [int(n) for n in run.fed]
    wanted = np.concatenate([run.prompt, run.new])
    least = T + run.count - 1  # the last new id need not be fed
    if run.fed_ids.size in (least, least + 1) and np.array_equal(
        run.fed_ids, wanted[: run.fed_ids.size]
    ):
        decode = fed[-(run.count - 1) :] if run.count > 1 else []
        if all(n == 1 for n in decode):
            return None
    first = f"The model was fed {_list(fed)} tokens in its calls, for a prompt of {T}."
    if not fed:
        return Cause(
            "The model was never called.", "Feed the prompt with model.next_logits(ids, cache)."
        )
    if len(fed) > 1 and fed[0] == T and all(n == T + i for i, n in enumerate(fed)):
        return Cause(
            first + " Each step feeds the whole text again: the cache saves nothing.",
            "After the prompt the cache knows the past: which tokens are new at a decode step?",
        )
    if len(fed) > 1 and fed[0] == T and all(n == T for n in fed):
        return Cause(
            first + " The prompt is fed again at each step.",
            "After the prefill, feed the id that was just sampled, and only that.",
        )
    if T > 1 and fed[0] == 1 and all(n == 1 for n in fed) and len(fed) <= run.count + 1:
        return Cause(
            first + " The prompt is not fed, or only a token of it.",
            "The prefill feeds the whole prompt, once.",
        )
    if fed[0] == T and all(n == 1 for n in fed[1:]):
        return Cause(
            first + " But these are not the ids that were sampled, in their order.",
            "At each decode step, feed the id that was just sampled.",
        )
    return Cause(
        first + f" Expected: the prompt once, then one token a step, {least} in all.",
        "Prefill feeds the prompt once; each decode step feeds the one new id.",
    )


def _list(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:4]))
    return shown + (", ..." if len(numbers) > 4 else "")


# ------------------------------------------------------------------------- what the probe shows


@dataclass(frozen=True)
class Probe:
    """What the methods returned, by step ("mask 1": in the second part), and what stopped it."""

    k: np.ndarray  # (L, nh, T, hs)
    v: np.ndarray
    split: int  # tokens in the first part; the rest are the second
    steps: dict[str, np.ndarray]
    error: RequestFailed | None

    @staticmethod
    def read(k, v, split: int, reply: dict, arrays: list[np.ndarray]) -> "Probe | None":
        names, error = reply.get("steps"), reply.get("error")
        if not isinstance(names, list) or len(names) != len(arrays):
            return None
        steps = {str(name): array for name, array in zip(names, arrays, strict=True)}
        return Probe(k, v, split, steps, RequestFailed(error) if isinstance(error, dict) else None)

    def cause(self) -> Cause | None:
        """The first method that does something else than its contract says."""
        layers, _, total, _ = self.k.shape
        for part, (start, end) in enumerate([(0, self.split), (self.split, total)]):
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

    def _positions(self, part: int, start: int, end: int) -> Cause | None:
        got, expected = self.steps.get(f"positions {part}"), np.arange(start, end)
        if got is None or np.array_equal(got.ravel(), expected):
            return None
        seen = (
            f"positions({end - start}) after {start} tokens is {got.ravel().tolist()}, expected"
            f" {expected.tolist()}"
        )
        mask = self.steps.get("mask 1")
        if part and mask is not None and np.array_equal(got.ravel(), expected - start):
            if mask.shape[-1] == end - start:
                return Cause(
                    f"{seen}: the length has not advanced.",
                    "TODO 5: advance(T) is called once all layers have stored T tokens. What"
                    " changes then?",
                )
            return Cause(
                f"{seen}: the position offset of the history is missing.",
                "TODO 2: the new tokens come after those in the cache.",
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


# ---------------------------------------------------------------------------------- the verdict


def explain(run: Run, problem: str, earlier: list[Run], oracle, probe: Probe | None) -> Failure:
    """A run with a problem -> a Failure to raise."""
    figures: dict = {
        "case": run.name,
        "prompt_tokens": int(run.prompt.size),
        "fed": run.fed[:16].tolist(),
    }
    start = f"With {run.name} ({run.prompt.size} tokens): "
    probed = probe.cause() if probe else None
    if problem == "count":
        more = "more" if run.new.size > run.count else f"{run.new.size}"
        message = f"{start}{run.count} new ids were asked for, but generate yields {more}."
        return Failure(message, "TODO 6: how often does the loop yield?", figures)
    if problem == "feeding":
        cause = feeding(run)
        return Failure(start + cause.text, "TODO 6: " + cause.hint, figures)
    if problem == "samples":
        message = (
            f"{start}sample was not called once for each new id with logits of shape (1,"
            " vocab_size)."
        )
        return Failure(message, "TODO 6: sample(logits) picks each new id.", figures)

    expected = oracle.after_prompt(run.prompt, np.clip(run.new, 0, oracle.config.vocab_size - 1))
    row = first_difference(run.logits, expected, 1e-3)
    if problem == "tokens" or row is None:
        row = row or 0
        message = (
            f"{start}the logits are right, but the ids yielded are not those that sample picked."
        )
        return Failure(message, "TODO 6: yield what sample returns.", figures)
    with np.errstate(invalid="ignore"):
        column = int(np.nan_to_num(np.abs(run.logits - expected)[row], nan=np.inf).argmax())
    step = "the prefill" if row == 0 else f"decode step {row}"
    position = run.prompt.size + row - 1
    message = (
        f"{start}the logits after {step} (position {position}) differ from those without a cache:"
        f" for id {column} {run.logits[row, column]:.6g}, expected {expected[row, column]:.6g}."
    )
    figures |= {"first_wrong_step": row, "position": position}
    cause = probed or stale(run, row, earlier)
    if cause:
        return Failure(f"{message}\n{cause.text}", cause.hint, figures)
    return Failure(
        message + "\nCause not recognised.",
        "With T = 3 tokens and then 1, write down what each method must return, and compare.",
        figures,
    )


def stale(run: Run, row: int, earlier: list[Run]) -> Cause | None:
    """Logits of an earlier prompt, or a cache that outlived its text."""
    for old in earlier:
        if row < len(old.logits) and np.allclose(
            run.logits[row], old.logits[row], rtol=1e-3, atol=1e-3
        ):
            return Cause(
                "They are the logits of an earlier prompt: something of it was remembered.",
                "Each call of generate begins a new text, with an empty cache.",
            )
    if earlier:
        return Cause(
            "The methods of KVCache do what they should, and the first text was right: something of"
            " it stays behind for the next.",
            "Each call of generate begins a new text, with an empty cache. Is anything shared"
            " between calls?",
        )
    return None


def raised(error: RequestFailed, case: str, probe: Probe | None) -> Failure:
    """generate raised: with the student's own line, and what the probe says of the cause."""
    if error.type == "NotImplementedError":
        return not_written(error)
    if error.type == "WrongYield":
        return Failure(error.message + ".", "TODO 6: yield what sample returns.")
    failure = request_failed(error)
    message, hint = f"With {case}: {failure.message}", failure.hint
    cause = probe.cause() if probe else None
    if cause is None and probe and probe.error:
        if probe.error.type == "NotImplementedError":
            return not_written(probe.error)
        if not error.where:
            message += "\n" + request_failed(probe.error).message
    if cause:
        message, hint = f"{message}\n{cause.text}", cause.hint
    return Failure(message, hint)


def not_written(error: RequestFailed) -> Failure:
    name = printable(str((error.where or {}).get("function", "")))
    if name not in TODO:
        return Failure(
            f"Not written yet: {error.message}.", "Follow the numbered TODOs in kv_cache.py."
        )
    full = name if name == "generate" else f"KVCache.{name}"
    line = (error.where or {}).get("line")
    return Failure(
        f"{full} is not written yet (kv_cache.py, line {line}).",
        f"Find TODO {TODO[name]} in kv_cache.py and follow its steps. generate (TODO 6) uses all"
        " the others.",
    )


def not_loaded(error: RequestFailed) -> Failure:
    """Importing kv_cache.py failed."""
    if error.type == "SyntaxError" and error.where:
        line, source = error.where.get("line"), printable(str(error.where.get("source", "")))
        message = (
            f"kv_cache.py is not valid Python: {error.message}\n  kv_cache.py:{line}: {source}"
        )
        return Failure(
            message, "Python stops at that line, or at an open bracket or quote before it."
        )
    return request_failed(error)
