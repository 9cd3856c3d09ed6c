"""One grading on a worker: what dies meanwhile, and what that says."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from grader.classroom import ClassroomError, work
from grader.classroom.documents import parsed

FAKE = (sys.executable, str(Path(__file__).with_name("fake_grader.py")))


def task(text: str, **more) -> work.Task:
    files = {"gpt.cu": text.encode(), "sub/more.cuh": b""}
    return work.Task(f"k{abs(hash(text))}", "ada", files, ("--part", "untimed"), FAKE, **more)


def test_a_document_comes_back(begun):
    outcome = work.grade(task("points 7"))
    assert parsed(outcome.document).score == 7 and outcome.seconds > 0
    assert work.grade(task("points 7")).document == outcome.document  # nobody has stored it
    work.forget([task("points 7").folder])
    assert not list(work.place().iterdir())  # nothing is left
    work.grade(task("points 7"))
    assert len(begun()) == 2


def test_what_was_set_aside_is_made_again(begun):
    first, again = task("points 7"), task("points 7", attempt=1)
    for one in (first, again, again, first):
        assert parsed(work.grade(one).document).score == 7
    assert len(begun()) == 2


def test_a_fault_of_the_grader_is_tried_again(begun):
    one = task("points 7")
    document = parsed(work.grade(one).document)
    faulty = replace(document.checks[0], status="error", points=0.0)
    replace(document, checks=[faulty]).write(work.place() / one.folder / work.DOCUMENT)
    assert parsed(work.grade(one).document).score == 7 and len(begun()) == 2


@pytest.mark.parametrize("text", ["die", "slow death"])
def test_what_dies_is_tried_three_times(text, begun):
    assert work.grade(task(text)).document == ""
    assert begun() == [("ada", "untimed")] * 3
    assert work.grade(task(text)).document == "" and len(begun()) == 3


def test_what_does_not_end_is_ended(begun):
    begin = time.monotonic()
    assert work.grade(task("sleep 60", limit=1.5)).document == ""
    assert len(begun()) == 3 and time.monotonic() - begin < 30


def test_the_grading_of_a_killed_worker_is_taken_over(begun):
    one = task("sleep 3 points 7")
    worker = multiprocessing.get_context("spawn").Process(target=work.grade, args=(one,))
    worker.start()
    until = time.monotonic() + 30
    while not begun() and time.monotonic() < until:
        time.sleep(0.05)
    worker.kill()
    worker.join()
    assert parsed(work.grade(one).document).score == 7
    assert len(begun()) == 1


def test_a_document_that_nobody_fetched_is_taken(begun):
    one = task("points 7")
    folder = work.place() / one.folder
    document = work.grade(one).document
    work.forget([one.folder])
    folder.mkdir(parents=True)
    (folder / work.DOCUMENT).write_text(document)
    assert work.grade(one).document == document and len(begun()) == 1


def test_to_be_told_to_end_says_nothing_against_a_submission(begun):
    one = task("sleep 60")

    def tell():
        while len(begun()) < 1:
            time.sleep(0.05)
        time.sleep(0.3)
        work.stop()

    for _ in range(2):
        Path(os.environ["FAKE_GRADER_LOG"]).unlink(missing_ok=True)
        thread = threading.Thread(target=tell)
        thread.start()
        with pytest.raises(work.Interrupted):
            work.grade(one)
        thread.join()
    assert (work.place() / one.folder / work.STARTS).read_text() == "0"


def test_a_wrong_rubric_stops_the_class_each_time(begun):
    """As does a document that can't be written. It is no submission's fault, however often."""
    for times in range(1, work.TRIES + 2):
        with pytest.raises(ClassroomError, match=r"refuses to work: .*points is missing"):
            work.grade(task("usage"))
        assert len(begun()) == times


def test_another_version_of_the_grader_is_refused():
    with pytest.raises(ClassroomError, match="another version"):
        work.grade(task("points 7", version="0" * 32))


def test_only_signals_to_end_count_as_told():
    assert -signal.SIGKILL not in work.STOPPED
