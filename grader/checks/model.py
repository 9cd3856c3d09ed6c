"""GPT-2 with the student's kernels in every layer, the lm_head included, against torch's."""

import time

import numpy as np

from grader import counted
from grader.checks.kernels import KERNELS, expected, remark
from grader.client import RequestFailed
from grader.framework import Context, check
from grader.oracle import first_bad_token, first_difference, relative_error
from grader.outcome import Failure, Passed

SHORT = 4  # tokens of a text that is continued
CALLS = (
    "Each layer of the model comes to your functions once, with the sizes that gpt.h speaks of."
    " Does something in gpt.cu call the others, or keep calls from coming?"
)


@check("model", needs=KERNELS)
def model(context: Context) -> Passed:
    """GPT-2 gives the same logits and text with your kernels"""
    oracle, rubric = context.session.oracle, context.rubric
    kernels, others = expected(context), remark(context, "torch's")
    prompt = oracle.prompt(context.rng, min(32, oracle.config.block_size))
    right = oracle.logits(prompt)
    deadline = time.monotonic() + rubric.time_limit

    def ask(op: str, *arrays: np.ndarray, **fields):
        return worker.ask(op, *arrays, limit=max(0.1, deadline - time.monotonic()), **fields)[1]

    def logits_with(layers: tuple[str, ...], tokens: int) -> np.ndarray:
        ask("use_kernels", path=worker.show(context.session.library), layers=list(layers))
        (logits,) = ask("logits", prompt[:tokens])
        return checked(logits, right[:tokens])

    def culprits(tokens: int) -> list[str]:
        return [layer for layer in kernels if not right_with((layer,), tokens)]

    def right_with(layers: tuple[str, ...], tokens: int) -> bool:
        try:
            got = logits_with(layers, tokens)
            return first_difference(got, right[:tokens], rubric.tolerance) is None
        except RequestFailed:  # it writes nothing, for one
            return False

    def calls() -> counted.Calls | None:
        return counted.take(worker, max(0.1, deadline - time.monotonic()))

    with context.worker(with_model=True) as worker:
        calls()  # those before
        got = logits_with(kernels, prompt.size)
        made = calls()
        bad = first_difference(got, right, rubric.tolerance)
        if bad is not None:
            raise wrong_logits(got, right, bad, culprits(prompt.size))

        counted.compare(
            made, counted.expected(oracle.config, [prompt.size], True), "For a whole text", CALLS
        )

        (new,) = ask("greedy", prompt[:SHORT], new_tokens=rubric.new_tokens)
        fed = [SHORT + i for i in range(rubric.new_tokens)]
        counted.compare(calls(), counted.expected(oracle.config, fed), "In decoding", CALLS)
        if not right_with(kernels, SHORT):
            raise changed_with_time(culprits(SHORT))
    if new.shape != (rubric.new_tokens,) or new.dtype != np.int64:
        raise Failure("The worker sent back something else than ids.")
    bad = first_bad_token(oracle.after_prompt(prompt[:SHORT], new), new, rubric.margin)
    if bad is not None:
        best = int(oracle.after_prompt(prompt[:SHORT], new)[bad].argmax())
        raise Failure(
            f"The logits of a whole text are right, but decoding differs: new token {bad} is"
            f" {new[bad]}, expected {best}.",
            "Decoding applies the lm_head to one row: linear with m = 1 and no bias.",
        )
    error = relative_error(got, right)
    return Passed(others, figures={"logits_relative_error": error, "greedy_tokens": int(new.size)})


def checked(logits: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Logits as a worker sent them. Raises Failure when they aren't logits at all."""
    if logits.dtype != np.float32 or logits.shape != expected.shape:
        raise Failure("The worker sent back something else than logits.")
    return logits


def changed_with_time(culprits: list[str]) -> Failure:
    """The same text, fed first and last, has other logits."""
    message = "The logits of a text were right at first, and after more launches they are wrong."
    if culprits:
        message += f" With torch in all other layers, it is {' and '.join(culprits)}."
    return Failure(
        message,
        "What outlives a call: static and global variables, memory that is kept? Each call must"
        " depend on its arguments alone.",
        {"culprits": culprits},
        idea="state",
    )


def wrong_logits(got: np.ndarray, expected: np.ndarray, row: int, culprits: list[str]) -> Failure:
    """Which token's logits are wrong, by how much, and which kernels alone make them so."""
    with np.errstate(invalid="ignore"):
        column = int(np.nan_to_num(np.abs(got - expected)[row], nan=np.inf).argmax())
    message = (
        f"The logits after token {row} of {len(got)} are wrong: for id {column} "
        f"{got[row, column]:.6g}, expected {expected[row, column]:.6g}."
    )
    if culprits:
        message += (
            f"\nWith torch in all other layers, it is {' and '.join(culprits)} that makes it wrong."
        )
    else:
        message += (
            "\nEach kernel alone gives the right logits: the error comes from using them together."
        )
    hint = (
        "The kernels are right by themselves: does one depend on what an earlier launch left behind"
        " (static or global variables, a stream of its own), or on the address of its buffers?"
    )
    return Failure(message, hint, {"culprits": culprits, "first_wrong_token": row}, idea="state")
