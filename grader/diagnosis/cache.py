"""Wrong results with kv_cache.py: what was seen in the text, then which method causes it.

Two kinds of evidence. What generate fed to the model, and the logits it got, decide whether it is
right. A probe, which calls the methods of KVCache by hand with known keys and values, names the
method.
"""

from dataclasses import dataclass

import numpy as np

from grader.client import RequestFailed
from grader.diagnosis.cause import Cause
from grader.diagnosis.faults import request_failed
from grader.diagnosis.probe import Probe
from grader.oracle import first_bad_token, first_difference
from grader.outcome import Failure

TODO = {"__init__": 1, "positions": 2, "mask": 3, "update": 4, "advance": 5, "generate": 6}


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
    expected = oracle.after_prompt(run.prompt, run.new)
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


# ---------------------------------------------------------------------------------- the verdict


def explain(
    run: Run, problem: str, earlier: list[Run], oracle, probe: Probe | None, made: list[int]
) -> Failure:
    """A run with a problem -> a Failure to raise. made: the sizes of the caches that it made."""
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

    expected = oracle.after_prompt(run.prompt, run.new)
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
    cause = probed or several(made) or stale(run, row, earlier)
    if cause:
        return Failure(f"{message}\n{cause.text}", cause.hint, figures, idea=cause.idea)
    return Failure(
        message + "\nCause not recognised.",
        "With T = 3 tokens and then 1, write down what each method must return, and compare.",
        figures,
    )


def several(made: list[int]) -> Cause | None:
    """More than one cache for a text."""
    if len(made) < 2:
        return None
    return Cause(
        f"generate makes {len(made)} caches for this text, and each is empty at first: the history"
        " is lost.",
        "TODO 6: one cache belongs to a text, from the prefill to its last token.",
        "cache_reset",
    )


def too_short(made: list[int], tokens: int) -> Cause | None:
    """A cache with less room than the text has tokens that are fed."""
    if len(made) != 1 or made[0] >= tokens:
        return None
    return Cause(
        f"generate makes a cache with room for {made[0]} tokens (max_len), and this text feeds"
        f" {tokens}.",
        "TODO 6, step 1: how long may a text become? model.config.block_size says it.",
        "cache_growth",
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


def raised(
    error: RequestFailed, case: str, probe: Probe | None, short: Cause | None = None
) -> Failure:
    """generate raised: with the student's own line, and what the probe says of the cause.

    short: that its cache was too short, if it was.
    """
    if error.type == "NotImplementedError":
        return not_written(error)
    if error.type == "WrongYield":
        return Failure(error.message + ".", "TODO 6: yield what sample returns.")
    failure = request_failed(error)
    message, hint = f"With {case}: {failure.message}", failure.hint
    cause = (probe.cause() if probe else None) or short
    if cause is None and probe and probe.error:
        if probe.error.type == "NotImplementedError":
            return not_written(probe.error)
        if not error.where:
            message += "\n" + request_failed(probe.error).message
    if cause:
        message, hint = f"{message}\n{cause.text}", cause.hint
    return Failure(message, hint, idea=cause.idea if cause else "python")


def not_written(error: RequestFailed) -> Failure:
    name = error.where["function"] if error.where else ""
    if name not in TODO:
        return Failure(
            f"Not written yet: {error.message}.", "Follow the numbered TODOs in kv_cache.py."
        )
    at = f"is not written yet (kv_cache.py, line {error.where['line']})."
    if name == "generate":
        return Failure(f"generate {at}", "It is TODO 6 and uses the other five: start at TODO 1.")
    return Failure(f"KVCache.{name} {at}", f"Find TODO {TODO[name]} in kv_cache.py.")


def not_loaded(error: RequestFailed) -> Failure:
    """Importing kv_cache.py failed."""
    if error.type in ("SyntaxError", "IndentationError", "TabError") and error.where:
        line, source = error.where["line"], error.where["source"]
        message = (
            f"kv_cache.py is not valid Python: {error.message}\n  kv_cache.py:{line}: {source}"
        )
        return Failure(
            message, "Python stops at that line, or at an open bracket or quote before it."
        )
    return request_failed(error)


def wrong_pieces(name: str, row: int, probe: Probe | None) -> Failure:
    """A text fed by the grader, several tokens at a time, has wrong logits after token `row`."""
    message = f"With {name}: the logits after token {row} differ from those without a cache."
    cause = probe.cause() if probe else None
    if cause:
        return Failure(f"{message}\n{cause.text}", cause.hint, {"first_wrong_token": row})
    hint = "Each method must work for any number of new tokens, with any history."
    return Failure(f"{message}\nCause not recognised.", hint, {"first_wrong_token": row})
