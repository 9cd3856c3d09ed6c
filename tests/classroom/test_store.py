"""What is kept, and how: whole, once, and whatever happens."""

import errno
import os
from dataclasses import replace
from datetime import timedelta

import pytest

from grader import files, rubric
from grader.classroom import ClassroomError, documents, keys, plan, work
from grader.classroom.store import Store, StoreFull
from tests.classroom.samples import NOON, result, submission


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "out")


def test_a_grading_is_written_once(store):
    store.keep("k", result(7))
    store.keep("k", result(3))
    assert store.grading("k").checks[0].points == 7
    assert store.set_aside("k") and not store.finished("k") and not store.set_aside("k")
    store.keep("k", result(3))
    assert store.grading("k").checks[0].points == 3
    assert store.set_aside("k")
    assert len(list((store.root / "superseded").iterdir())) == 2  # nothing is lost


def test_what_is_not_whole_is_not_there(store):
    path = store.path_of("k")
    path.write_text(result().text()[:-20])
    assert store.grading("k") is None and not store.finished("k")
    store.keep("k", result())
    assert store.finished("k")


def test_a_fault_of_the_grader_is_tried_again_and_a_deadly_submission_is_not(store):
    wrong = result()
    wrong.checks[0].status = "error"
    store.keep("k", wrong)
    assert not store.finished("k")
    store.keep("k", result())
    assert store.finished("k")
    deadly = documents.deadly(3, "Killed", ["gelu", "speed"], rubric.load(), "cpu")
    store.keep("d", deadly)
    assert store.finished("d")
    assert {check.status for check in store.grading("d").checks} == {"error"}
    assert "3 times" in store.grading("d").checks[0].message


def test_a_full_disk_leaves_what_is_there(store, monkeypatch):
    store.keep("k", result(7))

    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(StoreFull, match=r"No space left on device.*free some space"):
        store.keep("l", result())
    monkeypatch.undo()
    assert [path.name for path in (store.root / "gradings").iterdir()] == ["k.json"]
    assert store.grading("k").checks[0].points == 7


def test_one_run_at_a_time(store):
    with (
        store.locked(),
        pytest.raises(ClassroomError, match="another run"),
        Store(store.root).locked(),
    ):
        pass
    left_behind = store.root / "gradings" / ".k.json.half"
    left_behind.write_text("{")
    with store.locked():
        assert not left_behind.exists()


def test_a_place_that_can_not_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ClassroomError, match=r"--out .*file"):
        Store(tmp_path / "file")


def test_earlier_submissions_are_remembered(store):
    first = submission("ada", files={"gpt.cu": b"1", "sub/a.cuh": b"2"})
    bad = submission("ada", files={}, problem="empty", time=NOON + timedelta(hours=1))
    second = submission("ada", files={"gpt.cu": b"3"}, time=NOON + timedelta(hours=2))
    store.remember([first], NOON)
    store.remember([bad], NOON)
    found = store.remember([second], NOON)
    assert [one.files for one in found] == [first.files, {}, second.files]
    assert [one.problem for one in found] == ["", "empty", ""]
    assert [one.digest for one in found] == [first.digest, bad.digest, second.digest]
    assert len(store.remember([second, first], NOON)) == 3
    (store.root / "students" / "ada.json").write_text("[")
    with pytest.raises(ClassroomError, match="Move it away"):
        store.remember([second], NOON)


def test_the_same_again_is_no_other_submission_and_going_back_is_one(store):
    def at(hour: int, text: str, nickname: str = ""):
        files = {"gpt.cu": text.encode()}
        return submission("ada", files=files, time=NOON + timedelta(hours=hour), nickname=nickname)

    def seen(*ones) -> list[tuple[bytes, int]]:
        found = store.remember(list(ones), NOON)
        return [(one.files["gpt.cu"], (one.time - NOON) // timedelta(hours=1)) for one in found]

    assert seen(at(1, "a", "Ada")) == [(b"a", 1)]
    assert seen(at(30, "a")) == [(b"a", 1)]  # in time, and copied anew a day later
    assert seen(at(2, "b"), at(40, "a")) == [(b"a", 1), (b"b", 2), (b"a", 40)]
    assert seen(at(40, "a")) == [(b"a", 1), (b"b", 2), (b"a", 40)]
    same_time = [at(50, "c"), at(50, "d")]
    assert seen(*same_time) == seen(*same_time) == seen(at(40, "a"), *same_time)
    assert len(store.remember(same_time, NOON)) == 5
    # Who takes the nickname back is on no board, whichever submission counts.
    found = store.remember([at(1, "a", "Ada"), at(60, "e")], NOON)
    assert not any(one.nickname for one in found)


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path, store):
    (tmp_path / "course" / "submissions").mkdir(parents=True)
    (tmp_path / "course" / "submissions" / ".keep").write_text("mine")
    with pytest.raises(ClassroomError, match="submissions is there, and not from here"):
        Store(tmp_path / "course")
    assert [path.name for path in (tmp_path / "course").iterdir()] == ["submissions"]
    for name in (".ipynb_checkpoints", "mine"):  # what an editor makes in ours
        (store.root / "results" / name).mkdir()
    (store.root / ".grades.csv.half").write_text("stud")
    with Store(store.root).locked():
        store.keep_only("results", set())
    assert len(list((store.root / "results").iterdir())) == 2
    assert not (store.root / ".grades.csv.half").exists()


def test_a_key_stands_for_all_that_decides_a_result(tmp_path, monkeypatch):
    one = submission("ada")
    settings = plan.Settings()
    base = settings.key(one, "untimed")
    other = replace(one, files={"gpt.cu": b"// adb"})
    assert replace(one, student=submission("bob").student).digest == one.digest
    text = rubric.DEFAULT.read_text()

    def with_rubric(old: str, new: str) -> str:
        assert old in text
        path = tmp_path / "rubric.toml"
        path.write_text(text.replace(old, new))
        return plan.Settings(rubric_path=path).key(one, "untimed")

    assert with_rubric("points = 15", "points = 30") == base
    assert with_rubric("full_ratio = 0.93", "full_ratio = 0.8") == base
    different = {
        base,
        settings.key(other, "untimed"),
        settings.key(one, "timed"),
        plan.Settings(stage=2).key(one, "untimed"),
        plan.Settings(device="cuda").key(one, "untimed"),
        with_rubric("slack = 8.0", "slack = 4.0"),
    }
    monkeypatch.setattr(keys, "version", lambda: "another")
    different.add(plan.Settings().key(one, "untimed"))
    assert len(different) == 7


def test_the_version_is_that_of_the_sources(tmp_path):
    names = (
        "grader/a.py",
        "grader/rules/e.txt",
        "simt/b.h",
        "mingpt/c.cu",
        "grader/classroom/d.py",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    version = keys.version.__wrapped__
    base = version(tmp_path)
    (tmp_path / "grader/classroom/d.py").write_text("2")
    assert version(tmp_path) == base
    for name in ("simt/b.h", "grader/rules/e.txt"):
        (tmp_path / name).write_text("2")
        assert version(tmp_path) != base
        base = version(tmp_path)


def test_another_rubric_is_another_grader(tmp_path):
    path = tmp_path / "rubric.toml"
    path.write_text(rubric.DEFAULT.read_text().replace("full_ratio = 0.93", "full_ratio = 0.8"))
    assert keys.installed(path) != keys.installed()
    task = plan.Settings(rubric_path=path).task(submission("ada"), "untimed")
    with pytest.raises(ClassroomError, match=r"another rubric\.toml"):
        work.grade(task)
