"""kv_cache.py against no cache at all, with torch's layers: it does not depend on gpt.cu."""

import time
from functools import partial

import numpy as np

from grader import counted
from grader.client import RequestFailed, WorkerFailed
from grader.diagnosis import cache as diagnosis
from grader.diagnosis.faults import explain
from grader.diagnosis.probe import Probe
from grader.framework import Context, check
from grader.oracle import first_difference, relative_error
from grader.outcome import Failure, Passed
from grader.rules.verdict import require

CALLS = (
    "All that generate asks of the model goes through model.next_logits(ids, cache), and the"
    " model's own layers compute it."
)
GROWN = 0.8  # of the points, for one that is right and allocates at each step


@check("kv_cache")
def kv_cache(context: Context) -> Passed:
    """The KV-cache saves work and changes no logits"""
    if not (context.submission / "kv_cache.py").is_file():
        raise Failure(
            "There is no kv_cache.py in the submission.",
            "Your cache belongs in a file of that name.",
        )
    oracle, rubric = context.session.oracle, context.rubric
    worst = 0.0
    with context.worker(with_model=True) as worker:
        cache = Cache(context, worker)
        cache.load()
        earlier: list[diagnosis.Run] = []
        for name, prompt, count in cases(oracle, context.rng):
            cache.calls()  # those before
            run = cache.generate(name, prompt, count)
            made_calls = cache.calls()
            if problem := diagnosis.first_problem(run, oracle, rubric):
                made = cache.made(prompt, count)
                raise diagnosis.explain(run, problem, earlier, oracle, cache.probe(), made)
            if made_calls is not None:
                made_calls = counted.last_only(made_calls, oracle.config)
            right = counted.expected(oracle.config, [int(n) for n in run.fed])
            counted.compare(made_calls, right, f"With {name}", CALLS)
            earlier.append(run)
            worst = max(worst, relative_error(run.logits, oracle.after_prompt(prompt, run.new)))
        cache.check_pieces()
        probe = cache.probe()
    figures = {"texts": len(earlier) + 1, "logits_relative_error": worst}
    if probe and probe.moves():
        return Passed(
            "Every logit is right. But the cache lies elsewhere after each step: it is allocated"
            " anew and copied, the longer the text the more.",
            "TODO 1: what does the cache need to know beforehand, so that nothing has to grow?",
            figures,
            GROWN,
            f"A cache that is grown or copied at each step gives {GROWN:.0%} of the points.",
            "cache_growth",
        )
    return Passed(figures=figures)


def cases(oracle, rng: np.random.Generator) -> list[tuple[str, np.ndarray, int]]:
    """(what it is, prompt (T), new ids asked for), simplest first."""
    size = oracle.config.block_size
    half = oracle.prompt(rng, size // 2)
    changed = half.copy()  # one early token, at equal length: an answer remembered is now wrong
    vocab_size = oracle.config.vocab_size
    changed[0] = (changed[0] + rng.integers(1, vocab_size)) % vocab_size
    return [
        ("a prompt of one token", oracle.prompt(rng, 1), 8),
        ("a longer prompt", half, 12),
        ("the same prompt with its first token changed", changed, 12),  # asked for as before
        ("a text up to the last position", oracle.prompt(rng, size - 16), 16),
        ("a prompt with room for one more token", oracle.prompt(rng, size - 1), 1),
    ]


class Cache:
    """The submission's cache in a worker. What goes wrong in it is a Failure with a cause."""

    def __init__(self, context: Context, worker):
        self._context, self._worker = context, worker
        deadline = time.monotonic() + context.rubric.time_limit
        self._remaining = lambda: max(0.1, deadline - time.monotonic())

    def load(self) -> None:
        """Import kv_cache.py, if it keeps to the rules."""
        session, submission = self._context.session, str(self._context.submission)
        limit = self._remaining()
        require(session, self._worker, "inspect_python", limit, submission=submission)
        try:
            self._ask("load_cache", submission=submission)
        except RequestFailed as error:
            raise diagnosis.not_loaded(error) from error

    def generate(self, name: str, prompt: np.ndarray, count: int) -> diagnosis.Run:
        """Its generate, with every call of the model recorded."""

        def short() -> diagnosis.Cause | None:
            return diagnosis.too_short(self.made(prompt, count), prompt.size + count - 1)

        arrays = self._try(name, partial(self._ask, "cached", prompt, new_tokens=count), short)
        return diagnosis.Run(name, prompt, count, *diagnosis.checked(arrays))

    def calls(self) -> counted.Calls | None:
        """Of the model's layers, since the last time."""
        return counted.take(self._worker, self._remaining())

    def check_pieces(self) -> None:
        """Feed a text in pieces: the mask then has several rows and a history at once."""
        oracle, name = self._context.session.oracle, "a text fed in pieces of 5, 3 and 4 tokens"
        ids = oracle.prompt(self._context.rng, 12)
        arrays = self._try(name, partial(self._ask, "in_pieces", ids, pieces=[5, 3, 4]))
        expected = oracle.logits(ids)
        if [(a.dtype, a.shape) for a in arrays] != [(expected.dtype, expected.shape)]:
            raise Failure("The worker sent back something else than logits.")
        row = first_difference(arrays[0], expected, self._context.rubric.tolerance)
        if row is not None:
            raise diagnosis.wrong_pieces(name, row, self.probe())

    def probe(self) -> Probe | None:
        """Call its methods by hand: 3 tokens, then 2, then 1. None if that fails altogether."""
        rng, pieces = self._context.rng, [3, 2, 1]
        k = rng.standard_normal((2, 2, 6, 4), dtype=np.float32)  # (L, nh, T, hs)
        v = rng.standard_normal((2, 2, 6, 4), dtype=np.float32)
        limit = self._remaining()
        try:
            reply, arrays = self._worker.ask("probe", k, v, pieces=pieces, max_len=8, limit=limit)
        except (RequestFailed, WorkerFailed):
            return None
        return Probe.read(k, v, pieces, reply, arrays)

    def made(self, prompt: np.ndarray, count: int) -> list[int]:
        """How many tokens each KVCache holds that generate makes for this text."""
        try:
            reply, _ = self._worker.ask(
                "caches_made", prompt, new_tokens=count, limit=self._remaining()
            )
        except (RequestFailed, WorkerFailed):
            return []
        return reply["max_len"]

    def _try(self, name: str, action, short=lambda: None) -> list[np.ndarray]:
        """action(); what it raises as a Failure. short: whether its cache was too short."""
        try:
            return action()
        except RequestFailed as error:
            written = error.type != "NotImplementedError"
            probe = self.probe() if written else None
            raise diagnosis.raised(error, name, probe, short() if written else None) from error
        except WorkerFailed as error:
            failure = explain(error)
            message = f"With {name}: {failure.message}"
            raise Failure(message, failure.hint, failure.figures) from error

    def _ask(self, op: str, *arrays: np.ndarray, **fields) -> list[np.ndarray]:
        return self._worker.ask(op, *arrays, limit=self._remaining(), **fields)[1]
