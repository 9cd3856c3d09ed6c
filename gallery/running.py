"""Grades many entries, some at once, in the processes of a pool."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from gallery.entries import Mistake
from gallery.verdict import Verdict, judge, judge_unusual

Entry = Mistake | Path  # a mistake, or an unusual solution


def name_of(entry: Entry) -> str:
    return entry.name if isinstance(entry, Mistake) else entry.stem


def shard(entries: Sequence[Entry], index: int, count: int) -> list[Entry]:
    """The index-th (from 1) of `count` parts: every count-th entry of each topic."""
    topics: dict[str, list[Entry]] = {}
    for entry in entries:
        topics.setdefault(entry.topic if isinstance(entry, Mistake) else "unusual", []).append(
            entry
        )
    return [entry for of_topic in topics.values() for entry in of_topic[index - 1 :: count]]


def run(
    entries: Sequence,
    jobs: int,
    done: Callable[[], None] = lambda: None,
    judge: Callable[[Any], Any] | None = None,
) -> list:
    """The verdicts, in the order of `entries`. done: called after each. judge: grades one, if they
    are no mistakes and no unusual solutions; a function that can be pickled.

    Raises what went wrong in one. KeyboardInterrupt ends all that run.
    """
    judge = judge or verdict
    if jobs == 1 or len(entries) == 1:
        return list(_one_by_one(entries, done, judge))
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_idle)
    try:
        futures = [pool.submit(_in_child, judge, entry) for entry in entries]
        for future in as_completed(futures):
            if future.result() is None:
                raise KeyboardInterrupt
            done()
        return [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)


def _one_by_one(entries: Sequence, done: Callable[[], None], judge: Callable) -> Iterator:
    for entry in entries:
        yield judge(entry)
        done()


def verdict(entry: Entry) -> Verdict:
    return judge(entry) if isinstance(entry, Mistake) else judge_unusual(entry)


def _idle() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # between two entries there is nothing to end


def _in_child(judge: Callable, entry: Any) -> Any | None:
    """None when it was interrupted: the workers have been ended then."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return judge(entry)
    except KeyboardInterrupt:
        return None
    finally:
        _idle()
