"""What a check is: a plain function, with a docstring for a title and the checks that it needs.

    @check("gelu", needs=("build",))
    def gelu(context: Context) -> Passed:
        '''gelu: GPT-2's tanh form, for every element'''

It returns Passed, or raises Failure (the submission is wrong) or NotMeasured (nothing to judge
here). Anything else that it raises is a fault of the grader.
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import numpy as np

from grader import counted, rubric
from grader.client import RequestFailed, Worker, WorkerFailed
from grader.diagnosis.faults import explain
from grader.outcome import Failure, GraderError, Passed
from grader.rubric import Entry, Rubric
from mingpt.paths import ROOT


@dataclass(frozen=True)
class Check:
    id: str
    title: str
    needs: tuple[str, ...]  # it is skipped when one of these has not passed
    run: Callable[["Context"], Passed]
    after: tuple[str, ...] = ()  # these run before it: it asks whether they passed
    device: str | None = None  # the only one that it can be measured on
    models: int = 0  # workers with a model in them that it takes: they are started early
    timed: bool = False  # it measures time: nothing else is started meanwhile

    def hosts(self, session: "Session") -> list[Path]:
        """The submissions that those workers run: the student's, and then the reference."""
        if self.models < 2:
            return [session.submission] * self.models
        return [session.submission, ROOT / session.rubric[self.id].reference]


PLACES = {"cpu": "the CPU", "cuda": "a GPU"}  # of Check.device, in words
REGISTRY: dict[str, Check] = {}  # in the order of definition, which is the order of running


def check(
    id: str,
    needs: Iterable[str] = (),
    after: Iterable[str] = (),
    *,
    own: Entry | None = None,
    **fields,
) -> Callable:
    """Register a function as a check. What it needs must be registered already.

    own: points, stage and time limit of a check that rubric.toml need not know (own_checks.py).
    fields: device, models and timed of Check.
    """

    def register(function: Callable[["Context"], Passed]):
        needed, earlier = tuple(needs), tuple(after)
        if id in REGISTRY:
            raise ValueError(f"there is a check {id} already")
        if unknown := {*needed, *earlier} - set(REGISTRY):
            raise ValueError(f"check {id} needs {min(unknown)}, and there is no such check")
        if own:
            rubric.OWN[id] = own
        elif id not in rubric.SETTINGS:
            raise ValueError(f"check {id} is not in rubric.toml: give it own=Entry(...)")
        title = (function.__doc__ or id).strip().splitlines()[0]
        REGISTRY[id] = Check(id, title, needed, function, earlier, **fields)
        return function

    return register


def select(ids: Iterable[str], later: Callable[[str], bool] = lambda id: False) -> list[Check]:
    """The checks asked for with all that they need, in order. Raises KeyError.

    later: whether a check is of a later stage: nobody needs it yet.
    """
    wanted: set[str] = set()

    def add(id: str) -> None:
        wanted.add(id)
        for parent in REGISTRY[id].needs + REGISTRY[id].after:
            if not later(parent):
                add(parent)

    for id in ids:
        add(id)
    return [check for check in REGISTRY.values() if check.id in wanted]


class Session:
    """What the checks of one grading share: submission, rubric, and what earlier ones made."""

    def __init__(
        self, submission: Path, device: str, rubric: Rubric, seed: int, stage: int | None = None
    ):
        self.submission, self.device, self.rubric, self.seed = submission, device, rubric, seed
        self.stage = stage  # of the labs: what later ones teach is not expected
        self.library: Path | None = None  # made by the build check
        self.outputs: dict[str, str] = {}  # check id -> what was printed
        self.flags: list[dict] = []  # {"id" of a check, "text"}: for a human to look at
        self.passed: set[str] = set()  # the checks that have, so far
        self._oracle: Future | None = None
        # Have begun to import torch and to load the model; by the submission that they may read.
        self._warm: dict[Path, list[Worker]] = defaultdict(list)
        self._variables = {"SIMT_TIMEOUT": str(rubric.loop_limit)}

    def later(self, id: str) -> bool:
        """Whether a check belongs to a lab beyond the stage of this grading."""
        return self.stage is not None and self.rubric[id].stage > self.stage

    @property
    def oracle(self):
        """The grader's own model (oracle.Oracle), loaded once. Raises GraderError."""
        self.load_oracle()
        try:
            return self._oracle.result()
        except Exception as error:
            raise GraderError(f"the grader could not load the model: {error}") from error

    def load_oracle(self) -> None:
        """Begin to import torch and load the model, in a thread: other checks go on meanwhile."""
        if self._oracle is None:
            self._oracle = Future()
            Thread(target=_load_oracle, args=(self._oracle,), daemon=True).start()

    def settle(self) -> None:
        """Wait until that thread is done: a process that ends amid torch's import aborts."""
        if self._oracle is not None:
            self._oracle.exception()

    def warm_up(self, submissions: Iterable[Path]) -> None:
        """Start workers that load the model while other checks run, so that one is ready for each
        of these."""
        for submission, count in Counter(submissions).items():
            while len(self._warm[submission]) < count:
                worker = Worker(self.device, self._variables, submission)
                self._warm[submission].append(worker)
                counter = counted.library()
                shown = counter and worker.show(counter)
                worker.counts_calls = counter is not None
                worker.post("load_model", device=self.device, counted_by=shown)

    def take(
        self, submission: Path, with_model: bool, device: str, variables: dict[str, str]
    ) -> Worker:
        """A worker that may read this submission, and that has run nothing of it yet. Raises
        GraderError."""
        try:
            if with_model:
                self.warm_up([submission])
                return self._warm[submission].pop(0)
            return Worker(device, self._variables | variables, submission)
        except OSError as error:
            raise GraderError(f"no worker can be started: {error}") from error

    def close(self) -> None:
        """End every worker that is still waiting for work."""
        for workers in self._warm.values():
            while workers:
                workers.pop().close()


def _load_oracle(future: Future) -> None:
    try:
        from grader.oracle import Oracle

        future.set_result(Oracle())
    except BaseException as error:
        future.set_exception(error)


class Context:
    """What one check sees."""

    def __init__(self, session: Session, check: Check, extra: bool = False):
        self.session = session
        self.extra = extra  # beyond the stages asked for: to have nothing for it costs nothing
        self.id = check.id
        self.rubric: Entry = session.rubric[check.id]
        self.submission, self.device = session.submission, session.device
        self.passed = session.passed  # of the checks that ran before this one
        self.later = {  # of those that it needs, what later labs teach: id -> stage
            id: session.rubric[id].stage
            for id in dict.fromkeys(check.needs + check.after)
            if session.later(id)
        }
        self.rng = np.random.default_rng([session.seed, zlib.crc32(check.id.encode())])

    @contextmanager
    def worker(
        self,
        with_model: bool = False,
        *,
        device: str | None = None,
        variables: dict[str, str] | None = None,
        submission: Path | None = None,
    ):
        """A fresh worker for this check, killed at its end; what it prints is kept for the report.

        device: another than the grading's. variables: of its environment, besides the usual.
        submission: the folder that it may read, if another: a reference. What the submission does
        wrong in it becomes a Failure.
        """
        worker = self.session.take(
            submission or self.submission, with_model, device or self.device, variables or {}
        )
        try:
            if with_model:
                try:
                    worker.settle(self.session.rubric.startup_limit)
                except (RequestFailed, WorkerFailed) as error:  # nothing submitted has run yet
                    raise GraderError(f"a worker could not load the model: {error}") from error
            yield worker
        except (RequestFailed, WorkerFailed) as error:
            worker.close()
            if lost := worker.gpu_lost():
                raise GraderError(lost) from error
            raise explain(error) from error
        finally:
            worker.close()
            if output := worker.output():
                earlier = self.session.outputs.get(self.id, "")
                self.session.outputs[self.id] = earlier + output


def blameless(function: Callable, reference: str) -> Callable:
    """A function that runs the reference: what goes wrong in it is not the student's fault."""

    def call(*arguments, **fields):
        try:
            return function(*arguments, **fields)
        except (Failure, RequestFailed, WorkerFailed) as error:
            raise GraderError(f"the reference ({reference}) can't be timed: {error}") from error

    return call
