"""python -m lab.rater FOLDER: tokens/s of the bundled model with what a submission has so far.

For lab.rates, which shows it: prints an event for each way to decode. The submission's code runs in
the grader's workers.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from grader import rubric
from grader.checks.kernels import KERNELS
from grader.client import RequestFailed
from grader.environment import choose_device, describe
from grader.framework import REGISTRY, Context, GraderError, Session
from grader.oracle import first_difference
from grader.outcome import Failure

PROMPT, MOST = 16, 48  # tokens
SECONDS = 2.0  # that one measurement shall take
LIMIT = 30.0  # seconds that a single request may take


def main() -> None:
    folder, device = Path(sys.argv[1]), choose_device("auto")
    session = Session(folder, device, rubric.load(), int.from_bytes(os.urandom(8), "little"))
    try:
        session.load_oracle()
        measure(session, Context(session, REGISTRY["model"]))
    finally:
        session.close()
    tell(event="ended", place=describe(device, 0)["device_name"])


def tell(**event) -> None:
    print(json.dumps(event), flush=True)


def measure(session: Session, context: Context) -> None:
    prompt = session.oracle.prompt(context.rng, PROMPT)

    def attempt(name: str, way: Callable) -> None:
        """One bar, or why there is none yet."""
        tell(event="started", name=name)
        try:
            with context.worker(with_model=True) as worker:
                name, rate = way(worker)
            tell(event="rate", name=name, tokens_per_s=rate)
        except (Failure, GraderError) as error:
            tell(event="none", name=name, why=str(error))

    def torch_alone(worker):
        return "torch's layers", rate(worker, "greedy", prompt)

    def own_kernels(worker):
        built = right_kernels(session, worker, prompt)
        return f"your {', '.join(built)}", rate(worker, "greedy", prompt)

    def own_cache(worker):
        worker.ask("load_cache", submission=str(session.submission), limit=LIMIT)
        return "torch's layers, your KV-cache", rate(worker, "generate", prompt)

    def both(worker):
        built = right_kernels(session, worker, prompt)
        worker.ask("load_cache", submission=str(session.submission), limit=LIMIT)
        return f"your {', '.join(built)} and KV-cache", rate(worker, "generate", prompt)

    def own_decoder(worker):
        worker.ask("open_decoder", path=library(session, worker), limit=LIMIT)
        return "your decoder", rate(worker, "decode", prompt)

    attempt("torch's layers", torch_alone)
    attempt("your kernels", own_kernels)
    attempt("torch's layers, your KV-cache", own_cache)
    attempt("your kernels and KV-cache", both)
    attempt("your decoder", own_decoder)


def library(session: Session, worker) -> str:
    """The submission's gpt.cu, built."""
    limit = session.rubric["build"].time_limit
    fields = {"submission": str(session.submission), "device": session.device}
    return str(worker.ask("build", limit=limit, **fields)[0]["path"])


def right_kernels(session: Session, worker, prompt: np.ndarray) -> list[str]:
    """Those that give the model's logits: the worker's model then uses them. Raises Failure."""
    path, expected = library(session, worker), session.oracle.logits(prompt)
    tolerance = session.rubric["model"].tolerance

    def use(layers: list[str]) -> None:
        worker.ask("use_kernels", path=path, layers=layers, limit=LIMIT)

    right = []
    for name in KERNELS:
        use([name])
        try:
            _, (logits,) = worker.ask("logits", prompt, limit=LIMIT)
        except RequestFailed:  # it writes nothing, for one
            continue
        if logits.shape == expected.shape and first_difference(logits, expected, tolerance) is None:
            right.append(name)
    if not right:
        raise Failure("none of your kernels is right yet")
    use(right)
    return right


def rate(worker, op: str, prompt: np.ndarray) -> float:
    """Tokens a second after a prompt, which is part of the time; in about SECONDS."""
    count = 2
    while True:
        began = time.perf_counter()
        worker.ask(op, prompt, new_tokens=count, limit=LIMIT)
        seconds = time.perf_counter() - began
        if count == MOST or seconds > SECONDS / 2:
            return count / seconds
        count = max(count + 1, min(MOST, int(count * SECONDS / seconds)))


if __name__ == "__main__":
    main()
