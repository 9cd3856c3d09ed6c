"""Tokens/s of the student's generation against a reference's: of the KV-cache with torch's layers
on the bundled model, and of a decoder of one's own on a random model of GPT-2's size.

The clock is the grader's: from the prompt sent to the ids received. Every timed run has a prompt
drawn at that moment, and every timed output is checked afterwards, outside of the clock. Student
and reference take turns, in one worker each (timing.py).
"""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from grader import counted, evidence, roofline
from grader.checks.decoder import weights_of
from grader.checks.kernel_speed import built
from grader.framework import Context, blameless, check
from grader.oracle import Oracle, first_bad_token
from grader.outcome import Failure, NotMeasured, Passed
from grader.timing import WAKE, judge, measure
from mingpt.paths import ROOT

SHORTEST = 20.0  # seconds that any one run may take, even when the check's time is up
# GPT-2 124M's: a step takes as long as reading the weights does, on a good day.
SIZE = {"n_layer": 12, "n_head": 12, "n_embd": 768, "vocab_size": 50257, "block_size": 1024}


@check("speed", needs=("kv_cache",), models=2, timed=True)
def speed(context: Context) -> Passed:
    """Tokens/s with your KV-cache, against the reference's"""
    return compare(context, Runner, context.session.oracle, "KV-cache", hint=(
        "What does a step do that does not depend on the new token? Allocating, copying, growing a"
        " tensor?"
    ))  # fmt: skip


@check("fast", needs=("decoder",), device="cuda", models=2, timed=True)
def fast(context: Context) -> Passed:
    """Tokens/s of your own decoder, against a CUDA graph's"""
    return compare_decoders(context)


@check("bonus", needs=("decoder",), device="cuda", models=2, timed=True)
def bonus(context: Context) -> Passed:
    """Tokens/s of your own decoder, against a persistent kernel's"""
    return compare_decoders(context)


def compare_decoders(context: Context) -> Passed:
    seed = int(context.rng.integers(2**62))
    oracle = Oracle(SIZE, seed)

    def make(*arguments) -> "DecoderRunner":
        return DecoderRunner(*arguments, seed=seed)

    return compare(context, make, oracle, "decoder", hint=(
        "Where do a step's microseconds go? A decode step must read every weight once: compare its"
        " bytes/s with what the memory can do. What is left is waiting: for launches, for barriers,"
        " for loads that begin too late."
    ))  # fmt: skip


def compare(context: Context, make, oracle: Oracle, what: str, hint: str) -> Passed:
    """Both timed in turns, and the verdict. make: Runner, or a function that makes one."""
    rubric = context.rubric
    reference = ROOT / rubric.reference
    deadline = time.monotonic() + rubric.time_limit
    with context.worker(with_model=True) as worker:
        student = make(context, worker, context.submission, oracle, deadline)
        if not reference.is_dir():
            rates = [student.tokens_per_second() for _ in range(rubric.rounds)]
            student.verify()
            raise NotMeasured(
                f"{np.median(rates):.0f} tokens/s with your {what}. No points are at stake here:"
                f" the reference to compare with ({rubric.reference}) is not on this machine.",
                {"student_tokens_per_s": float(np.median(rates))},
            )
        with context.worker(with_model=True, submission=reference) as other:
            theirs = blameless(make, rubric.reference)
            size = roofline.step_bytes(oracle.config, student.weights)
            memory = roofline.bandwidth(other, size, context.device)
            compared = theirs(context, other, reference, oracle, deadline)
            pairs = measure(
                student.tokens_per_second,
                blameless(compared.tokens_per_second, rubric.reference),
                rubric,
                context.rng,
                deadline,
            )
        student.check_calls()
    student.verify()
    blameless(compared.verify, rubric.reference)()
    rate, reference_rate = np.median(pairs.rates, axis=0)
    told = in_words(rate, reference_rate, pairs.ratio)
    room = roofline.ROOM[context.device]
    flags = roofline.flags("At this speed your code", rate, size, memory, room)
    passed = judge({"": pairs}, rubric, told, hint, "tokens_per_s", flags)
    return replace(
        passed,
        figures=passed.figures | student.figures | {"runs_verified": len(pairs.rates)},
        evidence=passed.evidence
        | evidence.ladder(reference.name, rate, reference_rate, pairs.ratio),
    )


def in_words(rate: float, reference_rate: float, ratio: float) -> str:
    """Medians each (tokens/s), so that one need not be the ratio of the others."""
    told = f"{rate:.0f} tokens/s, {ratio:.2f} of the reference's {reference_rate:.0f}."
    if abs(rate / reference_rate - ratio) < 0.02 * ratio:
        return told
    return (
        f"{told} (The machine was not always as fast: {ratio:.2f} is the median of the ratios of"
        " runs that followed each other at once.)"
    )


class Runner:
    """Times one kv_cache.py in a worker of its own."""

    op = "generate"

    def __init__(self, context: Context, worker, submission: Path, oracle: Oracle, deadline: float):
        self.context, self._worker, self._deadline = context, worker, deadline
        self._submission, self._oracle = submission, oracle
        self._runs: list[tuple[np.ndarray, np.ndarray]] = []  # prompts and new ids, to be verified
        self.margin = context.rubric.margin
        self.weights = "float32"
        self.figures: dict = {}
        self._fed = 0  # tokens, in all runs
        self.load()
        for _ in range(1 + context.rng.integers(2)):  # warm up: like any other run
            self.tokens_per_second()
        self.verify()

    def load(self) -> None:
        self.ask("load_cache", submission=str(self._submission))

    def tokens_per_second(self, core: int | None = None) -> float:
        """One run after a fresh prompt."""
        rubric, rng = self.context.rubric, self.context.rng
        size = self._oracle.config.block_size
        length = min(rubric.prompt_tokens, size // 2)
        count = min(rubric.new_tokens, size - length)
        prompt = self._oracle.prompt(rng, length)
        with self._worker.awake():  # and stopped while the other one is timed
            self.ask("wake", core=core, seconds=WAKE)
            start = time.perf_counter()
            _, arrays = self.ask(self.op, prompt, new_tokens=count)
            seconds = time.perf_counter() - start
        if [(a.dtype.name, a.shape) for a in arrays] != [("int64", (count,))]:
            raise Failure(f"In a timed run, {count} ids were asked for, and something else came.")
        self._runs.append((prompt, arrays[0]))
        self._fed += length + count - 1
        return count / seconds

    def verify(self) -> None:
        """Every id of every run so far. Raises Failure if one is wrong."""
        while self._runs:
            prompt, new = self._runs.pop()
            bad = first_bad_token(self._oracle.after_prompt(prompt, new), new, self.margin)
            if bad is not None:
                raise Failure(
                    f"In a timed run, new token {bad} is {new[bad]}: not what the model says after"
                    " that text.",
                    "Timed runs have new prompts, and every token of theirs is checked.",
                )

    def check_calls(self) -> None:
        """Whether the model's layers have seen the tokens of all runs. Raises Failure."""
        with self._worker.awake():
            calls = counted.take(self._worker, SHORTEST)
        if calls is not None and counted.tokens(calls, self._oracle.config) < self._fed:
            raise Failure(
                "In the timed runs, fewer tokens went through the model's layers than the texts"
                " have: something else computed them.",
                "A cache remembers keys and values. The model computes each new token, by"
                " model.next_logits, in timed runs as in others.",
            )

    def ask(self, op: str, *arrays: np.ndarray, **fields) -> tuple[dict, list[np.ndarray]]:
        """At least SHORTEST seconds for each: a slow one doesn't use up the other's time."""
        limit = max(SHORTEST, self._deadline - time.monotonic())
        return self._worker.ask(op, *arrays, limit=limit, **fields)


class DecoderRunner(Runner):
    """The same for a library that decodes by itself, on the random model of `seed`."""

    op = "decode"

    def __init__(self, *arguments, seed: int):
        self._seed = seed
        super().__init__(*arguments)

    def check_calls(self) -> None:
        """Its layers run within the library: none of them passes through here."""

    def load(self) -> None:
        library = self.context.session.library
        if self._submission != self.context.submission:
            library = built(self.context, self._worker, self._submission)
        limit = self.context.session.rubric.startup_limit  # none of it is the submission's time
        self._worker.ask("load_random", size=SIZE, seed=self._seed, limit=limit)
        reply, _ = self.ask("open_decoder", path=self._worker.show(library))
        self.weights = weights_of(reply)
        if self.weights != "float32":
            self.margin = getattr(self.context.rubric, f"{self.weights}_margin")
        self.figures = {"bytes_per_step": reply["bytes_per_step"]}
