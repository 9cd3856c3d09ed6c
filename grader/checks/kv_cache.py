"""kv_cache.py against no cache at all, with torch's layers: it does not depend on gpt.cu."""

import time

import numpy as np

from grader.client import RequestFailed, WorkerFailed
from grader.diagnosis import cache as diagnosis
from grader.framework import Context, Failure, Passed, check
from grader.oracle import relative_error


@check("kv_cache")
def kv_cache(context: Context) -> Passed:
    """The KV-cache saves work and changes no logits"""
    if not (context.submission / "kv_cache.py").is_file():
        raise Failure(
            "There is no kv_cache.py in the submission.",
            "Your cache belongs in a file of that name.",
        )
    oracle, rng = context.session.oracle, context.rng
    deadline = time.monotonic() + context.rubric.time_limit
    size = oracle.config.block_size
    half = oracle.prompt(rng, size // 2)
    changed = half.copy()  # one early token, at equal length: an answer remembered is now wrong
    changed[0] = (changed[0] + rng.integers(1, oracle.config.vocab_size)) % oracle.config.vocab_size
    cases = [
        ("a prompt of one token", oracle.prompt(rng, 1), 8),
        ("a longer prompt", half, 12),
        ("the same prompt with its first token changed", changed, 4),
        ("a text up to the last position", oracle.prompt(rng, size - 16), 16),
        ("a prompt with room for one more token", oracle.prompt(rng, size - 1), 1),
    ]
    worst = 0.0
    with context.worker(with_model=True) as worker:
        remaining = lambda: max(0.1, deadline - time.monotonic())  # noqa: E731
        try:
            worker.ask("load_cache", submission=str(context.submission), limit=remaining())
        except RequestFailed as error:
            raise diagnosis.not_loaded(error) from error
        earlier: list[diagnosis.Run] = []
        for name, prompt, count in cases:
            try:
                _, arrays = worker.ask("cached", prompt, new_tokens=count, limit=remaining())
            except RequestFailed as error:
                probed = (
                    None if error.type == "NotImplementedError" else probe(worker, rng, remaining())
                )
                raise diagnosis.raised(error, name, probed) from error
            run = diagnosis.Run(name, prompt, count, *diagnosis.checked(arrays))
            if bad := diagnosis.first_problem(run, oracle, context.rubric):
                raise diagnosis.explain(run, bad, earlier, oracle, probe(worker, rng, remaining()))
            earlier.append(run)
            worst = max(worst, relative_error(run.logits, oracle.after_prompt(prompt, run.new)))
    return Passed(figures={"cases": len(cases), "logits_relative_error": worst})


def probe(worker, rng: np.random.Generator, limit: float) -> diagnosis.Probe | None:
    """Feed the cache by hand, in the same worker: 3 tokens, then 2. None if that fails."""
    k = rng.standard_normal((2, 2, 5, 4), dtype=np.float32)  # (L, nh, T, hs)
    v = rng.standard_normal((2, 2, 5, 4), dtype=np.float32)
    try:
        reply, arrays = worker.ask("probe", k, v, split=3, max_len=8, limit=limit)
    except (RequestFailed, WorkerFailed):
        return None
    return diagnosis.Probe.read(k, v, 3, reply, arrays)
