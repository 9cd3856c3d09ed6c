"""Has tasks done by a cluster's workers, whatever dies meanwhile."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager
from itertools import islice

from distributed import Client, as_completed
from distributed.client import FutureCancelledError
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from grader.classroom import ClassroomError, work
from grader.classroom.cluster import NoScheduler
from grader.classroom.work import Outcome, Task

STORED = 16  # documents, before the workers are told that they may forget them
AHEAD = 3  # tasks that wait for each that is being done
PATIENCE = 600.0  # seconds that a scheduler may be away
GIVEN_UP = 10  # times that the scheduler may give a task up, as its workers die, before we do
LOST = (CancelledError, FutureCancelledError, CommClosedError, TimeoutError, OSError)
Connect = Callable[[], AbstractContextManager[Client]]


def run(
    connect: Connect,
    stages: list[tuple[Callable[[], list[Task]], dict[str, float]]],
    finished: Callable[[Task, Outcome], None],
    tick: Callable[[int], None] = lambda workers: None,
    reconnect: bool = False,
) -> None:
    """Do the tasks of each stage, then those of the next one.

    stages: what tells the tasks that are left, asked when the stage begins, and the resources that
    each of them needs. finished: gets each outcome, as it comes, and sees to it that its task is no
    longer left. tick: called now and then with how many of these tasks can be done at a time.
    reconnect: whether a scheduler that is lost may come back.

    Raises what `finished` raises, ClassroomError where a worker can't grade, and KeyboardInterrupt;
    what was going on is ended then.
    """
    ended = 0

    def count(task: Task, outcome: Outcome) -> None:
        nonlocal ended
        ended += 1
        finished(task, outcome)

    lost_since = before = None
    while any(left() for left, _ in stages):
        try:
            with connect() as client:
                _run(client, stages, count, tick)
            return
        except (*LOST, NoScheduler) as error:
            if not reconnect or (isinstance(error, NoScheduler) and lost_since is None):
                raise
            if lost_since is None or ended != before:
                lost_since, before = time.monotonic(), ended
            if time.monotonic() - lost_since > PATIENCE:
                raise ClassroomError(
                    f"the scheduler has been away for {PATIENCE / 60:.0f} minutes; run the same"
                    " command again when it is back"
                ) from None
            tick(0)
            time.sleep(1)


def _run(client: Client, stages, finished, tick) -> None:
    try:
        for left, needs in stages:
            stored: list[str] = []
            for task, outcome in _outcomes(client, left(), needs, tick):
                finished(task, outcome)
                stored.append(task.folder)
                if len(stored) >= STORED:
                    _forget(client, stored)
            _forget(client, stored)
    except BaseException:
        _stop(client)
        raise


def _outcomes(client: Client, tasks: list[Task], needs: dict, tick) -> Iterator:
    """Each task with its outcome. A few tasks for each worker are with the scheduler at a time."""
    coming = iter(tasks)
    waiting: dict = {}
    completed = as_completed()
    given_up: Counter[str] = Counter()

    def submit(task: Task) -> None:
        future = client.submit(work.grade, task, resources=needs, pure=False)
        waiting[future] = task
        completed.add(future)

    while True:
        workers = _able(client, needs)
        tick(workers)
        for task in islice(coming, max(0, max(4, AHEAD * workers) - len(waiting))):
            submit(task)
        if not waiting:
            return
        for future in _batch(completed):
            task = waiting.pop(future)
            error = future.exception() if future.status == "error" else None
            outcome = None if error else future.result()
            future.release()
            if isinstance(error, work.Interrupted):
                submit(task)
            elif isinstance(error, KilledWorker):
                given_up[task.key] += 1
                if given_up[task.key] < GIVEN_UP:  # work.py knows whether the submission did it
                    submit(task)
                else:
                    yield task, Outcome("", str(error))
            elif isinstance(error, ClassroomError):
                raise error
            elif error:
                raise ClassroomError(f"a worker failed: {type(error).__name__}: {error}")
            else:
                yield task, outcome


def _able(client: Client, needs: dict[str, float]) -> int:
    """How many tasks with these needs can be done at a time."""
    found = 0
    for worker in client.scheduler_info(n_workers=-1)["workers"].values():
        has = worker.get("resources", {})
        fits = [int(has.get(name, 0) / least) for name, least in needs.items()]
        found += min([worker["nthreads"], *fits])
    return found


def _batch(completed: as_completed) -> list:
    """What has ended meanwhile, after a second at most."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        if batch := completed.next_batch(block=False):
            return list(batch)
        time.sleep(0.1)
    return []


def _forget(client: Client, stored: list[str]) -> None:
    """Tell all machines, and empty the list. Who isn't told removes them by their age."""
    if stored:
        with contextlib.suppress(Exception):
            client.run(work.forget, tuple(stored), on_error="ignore", nanny=False)
        stored.clear()


def _stop(client: Client) -> None:
    """End the gradings that are going on, on all machines."""
    try:
        client.run(work.stop, on_error="ignore", nanny=False)
    except Exception:  # what is lost can't be told
        return
