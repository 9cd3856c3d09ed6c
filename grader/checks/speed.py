"""Tokens/s of the student's KV-cache against the reference's, on the bundled model.

The clock is the grader's: from the prompt sent to the ids received. Every timed run has a prompt
drawn at that moment, and every timed output is checked afterwards, outside of the clock. Student
and reference take turns, in random order, in one worker each; a pair that ran side by side in time
gives one ratio, and the points come from the median of the ratios.
"""

import time
from pathlib import Path

import numpy as np

from grader.client import RequestFailed, WorkerFailed
from grader.framework import Context, GraderError, check
from grader.oracle import first_bad_token
from grader.outcome import Failure, NotMeasured, Passed
from grader.scoring import fraction

ROOT = Path(__file__).resolve().parents[2]
SHORTEST = 20.0  # seconds that any one run may take, even when the check's time is up


@check("speed", needs=("kv_cache",))
def speed(context: Context) -> Passed:
    """Tokens/s with your KV-cache, against the reference's"""
    rubric = context.rubric
    reference = ROOT / rubric.reference
    deadline = time.monotonic() + rubric.time_limit
    with context.worker(with_model=True) as worker:
        student = Runner(context, worker, context.submission, deadline)
        if not reference.is_file():
            rates = [student.tokens_per_second() for _ in range(rubric.rounds)]
            raise NotMeasured(
                f"{np.median(rates):.0f} tokens/s. No points are at stake here: the reference to"
                f" compare with ({rubric.reference}) is not on this machine.",
                {"student_tokens_per_s": float(np.median(rates))},
            )
        with context.worker(with_model=True) as other:
            pairs = measure(
                student, Reference(context, other, reference.parent, deadline), deadline
            )
    return judge(pairs, rubric)


class Runner:
    """Times one kv_cache.py in a worker of its own."""

    def __init__(self, context: Context, worker, submission: Path, deadline: float):
        self.context, self._worker, self._deadline = context, worker, deadline
        self._oracle = context.session.oracle
        self._ask("load_cache", submission=str(submission))
        self.tokens_per_second()  # warm up, like any other run

    def tokens_per_second(self) -> float:
        """One run after a fresh prompt. Raises Failure if a token is wrong."""
        rubric, rng = self.context.rubric, self.context.rng
        size = self._oracle.config.block_size
        length = min(rubric.prompt_tokens, size // 2)
        count = min(rubric.new_tokens, size - length)
        prompt = self._oracle.prompt(rng, length)
        start = time.perf_counter()
        arrays = self._ask("generate", prompt, new_tokens=count)
        seconds = time.perf_counter() - start
        self._verify(prompt, arrays, count)
        return count / seconds

    def _verify(self, prompt: np.ndarray, arrays: list[np.ndarray], count: int) -> None:
        if len(arrays) != 1 or arrays[0].dtype != np.int64 or arrays[0].shape != (count,):
            raise Failure(f"In a timed run, generate did not yield {count} ids.")
        (new,) = arrays
        known = np.clip(new, 0, self._oracle.config.vocab_size - 1)
        bad = first_bad_token(
            self._oracle.after_prompt(prompt, known), new, self.context.rubric.margin
        )
        if bad is not None:
            raise Failure(
                f"In a timed run, new token {bad} is {new[bad]}: not what the model says after that"
                " text.",
                "Timed runs have new prompts, and every token of theirs is checked.",
            )

    def _ask(self, op: str, *arrays: np.ndarray, **fields) -> list[np.ndarray]:
        """At least SHORTEST seconds for each: a slow one doesn't use up the other's time."""
        limit = max(SHORTEST, self._deadline - time.monotonic())
        return self._worker.ask(op, *arrays, limit=limit, **fields)[1]


class Reference(Runner):
    """The same for the reference. What goes wrong in it is not the student's fault."""

    def tokens_per_second(self) -> float:
        try:
            return super().tokens_per_second()
        except (Failure, RequestFailed, WorkerFailed) as error:
            name = self.context.rubric.reference
            raise GraderError(f"the reference ({name}) can't be timed: {error}") from error


def measure(student: Runner, reference: Runner, deadline: float) -> np.ndarray:
    """Pairs of tokens/s, (pairs, 2): student, reference. Twice the rounds if they vary too much."""
    rubric, rng = student.context.rubric, student.context.rng
    pairs: list[tuple[float, float]] = []
    while len(pairs) < 2 * rubric.rounds and (not pairs or time.monotonic() < deadline):
        if rng.integers(2):
            first = student.tokens_per_second()
            pairs.append((first, reference.tokens_per_second()))
        else:
            first = reference.tokens_per_second()
            pairs.append((student.tokens_per_second(), first))
        if len(pairs) == rubric.rounds and spread(np.array(pairs)) <= rubric.max_spread:
            break
    return np.array(pairs)


def spread(pairs: np.ndarray) -> float:
    """The width of the middle half of the ratios, relative to their median."""
    low, middle, high = np.percentile(pairs[:, 0] / pairs[:, 1], (25, 50, 75))
    return float((high - low) / middle)


def judge(pairs: np.ndarray, rubric) -> Passed:
    """Points from pairs of tokens/s (pairs, 2): Passed with a fraction, or a Failure."""
    ratio = float(np.median(pairs[:, 0] / pairs[:, 1]))
    student, reference = (float(x) for x in np.median(pairs, axis=0))
    share = fraction(ratio, rubric.full_ratio, rubric.zero_ratio)
    figures = {
        "student_tokens_per_s": student,
        "reference_tokens_per_s": reference,
        "ratio": ratio,
        "spread": spread(pairs),
        "runs": len(pairs),
        "runs_verified": len(pairs),
        "full_marks_ratio": rubric.full_ratio,
        "zero_ratio": rubric.zero_ratio,
    }
    message = f"{student:.0f} tokens/s, {ratio:.2f} of the reference's {reference:.0f}."
    if share < 1:
        message += f" Full marks from {rubric.full_ratio:g}, none from {rubric.zero_ratio:g} down."
    if figures["spread"] > rubric.max_spread:
        message += (
            f" The measurement is noisy, even repeated (the middle half of {len(pairs)} ratios"
            f" varies by {figures['spread']:.0%}): grade again on a quieter machine."
        )
    hint = (
        "What does a step do that does not depend on the new token? Allocating, copying, growing a"
        " tensor?"
    )
    if share == 0:
        raise Failure(message, hint, figures)
    return Passed(message, hint if share < 1 else "", figures, share)
