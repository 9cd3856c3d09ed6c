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
from grader.building import build
from grader.checks.kernels import KERNELS
from grader.client import RequestFailed, Worker, WorkerFailed
from grader.diagnosis.faults import explain
from grader.environment import choose_device, describe
from grader.framework import Session
from grader.oracle import first_difference
from grader.outcome import Failure, GraderError

PROMPT, MOST = 48, 32  # tokens: a text for which remembering pays
SECONDS = 2.0  # that one measurement shall take
LIMIT = 30.0  # seconds that a single request may take


def main() -> None:
    folder, device = Path(sys.argv[1]), choose_device("auto")
    session = Session(folder, device, rubric.load(), int.from_bytes(os.urandom(8), "little"))
    try:
        session.load_oracle()
        Measurement(session).all()
    finally:
        session.close()
    tell(event="ended", place=describe(device, 0)["device_name"])


def tell(**event) -> None:
    print(json.dumps(event), flush=True)


class Measurement:
    """Each way to decode, in one worker after the other: a new one only where one has died."""

    def __init__(self, session: Session):
        self._session, self._worker = session, None
        rng = np.random.default_rng([session.seed])
        self._prompt = session.oracle.prompt(rng, PROMPT)

    def all(self) -> None:
        try:
            # Torch's layers first: once a worker's model has other ones, it keeps them.
            self._attempt("torch's layers", lambda worker: "greedy")
            self._attempt("torch's layers, your KV-cache", self._use_cache)
            self._attempt("your kernels", self._use_kernels)
            self._attempt("your kernels and KV-cache", self._use_both)
            self._attempt("your decoder", self._use_decoder)
        finally:
            if self._worker:
                self._worker.close()

    def _attempt(self, name: str, prepare: Callable) -> None:
        """One bar, or why there is none yet. prepare(worker) gives the operation to time."""
        tell(event="started", name=name)
        try:
            self._built: list[str] = []
            operation = prepare(self._living())
            found = rate(self._worker, operation, self._prompt)
            name = name.replace("your kernels", f"your {', '.join(self._built)}")
            tell(event="rate", name=name, tokens_per_s=found)
        except (RequestFailed, WorkerFailed) as error:
            tell(event="none", name=name, why=explain(error).message)
        except (Failure, GraderError) as failure:
            tell(event="none", name=name, why=str(failure))

    def _living(self) -> Worker:
        if self._worker is None or self._worker.failed:
            if self._worker:
                self._worker.close()
            session = self._session
            self._worker = session.take(session.submission, True, session.device, {})
            self._worker.settle(self._session.rubric.startup_limit)
        return self._worker

    def _use_cache(self, worker: Worker) -> str:
        worker.ask("load_cache", submission=str(self._session.submission), limit=LIMIT)
        return "generate"

    def _use_kernels(self, worker: Worker) -> str:
        self._built = right_kernels(self._session, worker, self._prompt)
        return "greedy"

    def _use_both(self, worker: Worker) -> str:
        self._use_kernels(worker)
        return self._use_cache(worker)

    def _use_decoder(self, worker: Worker) -> str:
        path = library(self._session, worker)
        fields = {"path": path, "device": self._session.device}
        reply, _ = worker.ask("load_library", limit=LIMIT, **fields)
        if not reply["decoder"]:
            raise Failure("gpt.cu has none of the functions of decoder.h yet")
        worker.ask("open_decoder", path=path, limit=LIMIT)
        return "decode"


def library(session: Session, worker: Worker) -> str:
    """The submission's gpt.cu, built."""
    limit = session.rubric["build"].time_limit
    return worker.show(build(worker, session.submission, session.device, limit))


def right_kernels(session: Session, worker: Worker, prompt: np.ndarray) -> list[str]:
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


def rate(worker: Worker, operation: str, prompt: np.ndarray) -> float:
    """Tokens a second once the prompt has been fed, measured for about SECONDS."""

    def timed(count: int) -> float:
        began = time.perf_counter()
        worker.ask(operation, prompt, new_tokens=count, limit=LIMIT)
        return time.perf_counter() - began

    first = timed(1)
    if first < SECONDS / 4:  # the first run of all takes longer
        first = timed(1)
    step = max(timed(2) - first, 1e-3)
    more = int(np.clip(SECONDS / step, 1, MOST))
    if more > 1:
        step = max(timed(1 + more) - first, 1e-3) / more
    return 1 / step


if __name__ == "__main__":
    main()
