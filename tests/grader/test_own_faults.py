"""What fails in the grader's own world costs nobody a point, and leaves nothing half done."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from grader import building, files
from grader.client import RequestFailed, Worker, WorkerDied
from grader.framework import REGISTRY, Context, Session
from grader.grading import grade
from grader.isolation import choice
from grader.isolation.levels import BUBBLEWRAP
from grader.isolation.shelf import Shelf
from grader.outcome import Failure, GraderError
from mingpt.paths import ROOT, cache_dir
from simt.build import runtime_archive

GRADE = [sys.executable, str(ROOT / "grader" / "grade.py")]
EMPTY = '#include "gpt.h"\n'


@pytest.fixture
def submission(tmp_path):
    """A folder with a gpt.cu that compiles at once."""
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "gpt.cu").write_text(EMPTY)
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of built kernels, but for simt's own part."""
    archive, fresh = runtime_archive(cache_dir()), tmp_path / "cache"
    fresh.mkdir(mode=0o700)
    shutil.copy(archive, fresh)
    monkeypatch.setenv("MINGPT_CACHE", str(fresh))
    return fresh


def build(submission: Path) -> Path:
    with Worker("cpu", submission=submission) as worker:
        return building.build(worker, submission, "cpu", 100)


def built(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if not path.name.startswith("runtime-")]


def refuse(number: int):
    def fail(*_arguments, **_fields):
        raise OSError(number, os.strerror(number))

    return fail


def test_what_is_built_is_kept_and_found_again(submission, cache):
    library = build(submission)
    assert built(cache) == [library]
    before = library.stat().st_ino
    assert build(submission) == library and library.stat().st_ino == before
    (submission / "gpt.cu").write_text(EMPTY + "// changed\n")
    assert build(submission) != library


def test_a_full_disk_is_the_graders_fault_and_leaves_no_library(submission, cache, monkeypatch):
    monkeypatch.setattr(files, "write", refuse(errno.ENOSPC))
    with pytest.raises(GraderError, match=r"the disk is full.*MINGPT_CACHE"):
        build(submission)
    assert built(cache) == []


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    files.write(path, "old")
    monkeypatch.setattr(os, "fsync", refuse(errno.EIO))
    with pytest.raises(OSError):
        files.write(path, "new" * 1000)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_no_room_for_a_worker_is_the_graders_fault(submission, quick_rubric, monkeypatch):
    monkeypatch.setattr(files, "temporary_folder", refuse(errno.ENOSPC))
    errors = []
    result = grade(submission, quick_rubric, only=["build"], on_error=lambda *e: errors.append(e))
    assert [check.status for check in result.checks] == ["error"] and errors
    assert "No space left" in result.checks[0].message


def test_no_compiler_is_the_graders_fault(submission, quick_rubric, monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/g++")
    result = grade(submission, quick_rubric, only=["build"])
    assert result.checks[0].status == "error"
    assert "/nowhere/g++" in result.checks[0].message


def test_a_killed_compiler_is_named(submission, cache, tmp_path, monkeypatch):
    compiler = tmp_path / "bin" / "g++"  # is itself until it is to compile
    compiler.parent.mkdir()
    compiler.write_text(
        '#!/bin/sh\nfor a; do case "$a" in */0/gpt.cu) kill -9 $$;; esac; done\n'
        'exec /usr/bin/g++ "$@"\n'
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{compiler.parent}:{os.environ['PATH']}")
    with pytest.raises(RequestFailed, match="ran out of memory"):
        build(submission)
    assert not [path for path in built(cache) if path.name.startswith("graded")]


@pytest.mark.parametrize("reason", ["CUDA's driver refuses with error 46", ""])
def test_a_lost_gpu_is_not_the_students_fault(submission, quick_rubric, monkeypatch, reason):
    """A worker dies; a fresh process then can, or can't, use the GPU."""
    session = Session(submission, "cpu", quick_rubric, 1)
    worker = Worker("cpu", submission=submission)
    monkeypatch.setattr(worker, "_device", "cuda")
    monkeypatch.setattr(session, "take", lambda *_: worker)
    monkeypatch.setattr(choice, "trial", lambda level, device: reason)
    context = Context(session, REGISTRY["gelu"])
    with pytest.raises(GraderError if reason else Failure) as raised, context.worker():
        raise WorkerDied(-signal.SIGSEGV)
    assert (reason in str(raised.value)) if reason else ("SIGSEGV" in raised.value.message)


@pytest.mark.parametrize(
    ("sent", "said"),
    [(b"#!/bin/sh\necho hello\n", "no library"), (bytes(2000), "allowed")],
    ids=["a script", "too large"],
)
def test_only_a_library_gets_into_the_cache(submission, cache, monkeypatch, sent, said):
    monkeypatch.setattr(building, "MOST_LIBRARY", 1000)
    with Worker("cpu", submission=submission) as worker:
        array = np.frombuffer(sent, np.uint8)
        monkeypatch.setattr(worker, "ask", lambda *_, **__: ({}, [array]))
        with pytest.raises(Failure, match=said):
            building.build(worker, submission, "cpu", 100)
    assert built(cache) == []


def test_nothing_outside_of_the_submission_is_compiled_in(submission, cache, tmp_path):
    (tmp_path / "secret.h").write_text("int secret_of_another_student;\n")
    (submission / "linked.h").symlink_to(tmp_path / "secret.h")
    for name in ("../secret.h", "linked.h", str(tmp_path / "secret.h"), "/etc/passwd"):
        (submission / "gpt.cu").write_text(f'{EMPTY}#include "{name}"\n')
        with pytest.raises(RequestFailed) as error:
            build(submission)
        assert "root:" not in error.value.message and "secret_of" not in error.value.message
    (submission / "gpt.cu").write_text(EMPTY + 'asm(".incbin \\"/etc/passwd\\"");\n')
    with pytest.raises(RequestFailed, match=r"incbin|passwd"):
        build(submission)


def test_two_graders_at_once_on_one_cache(submission, cache):
    done: list[Path] = []
    threads = [
        threading.Thread(target=lambda: done.append(build(submission)), daemon=True)
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(done) == 2 and len(set(done)) == 1 == len(built(cache))
    assert done[0].read_bytes().startswith(b"\x7fELF")


def test_a_grader_that_is_killed_leaves_no_half_written_thing(cache, tmp_path):
    document = tmp_path / "result.json"
    process = subprocess.Popen(
        [*GRADE, "solutions", "--only", "gelu", "--no-history", "--json", str(document)],
        **{"cwd": ROOT, "stdout": subprocess.PIPE, "text": True},
    )
    process.stdout.readline()
    time.sleep(0.7)  # it builds
    process.kill()
    process.wait()
    assert not document.exists() and not list(tmp_path.glob(".result*"))
    libraries = [path for path in built(cache) if path.suffix == ".so"]
    assert all(path.read_bytes().startswith(b"\x7fELF") for path in libraries)


def test_folders_of_killed_graders_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old, young = tmp_path / "mingpt-grade-old", tmp_path / "mingpt-grade-young"
    for folder in (old, young):
        folder.mkdir()
    os.utime(old, (time.time() - 2 * files.DAY,) * 2)
    made = files.temporary_folder("mingpt-grade-")
    assert sorted(tmp_path.iterdir()) == sorted([young, made])


def test_a_clock_that_is_put_forward_takes_no_folder_from_a_running_grader(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    running = files.temporary_folder("mingpt-grade-")
    os.utime(running, (time.time() - 2 * files.DAY,) * 2)
    other = "from grader import files; print(files.temporary_folder('mingpt-grade-'))"
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", other]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert running.is_dir() and Path(said.stdout.strip()).is_dir()
    files.remove(running)
    assert not running.exists()


def fill_deep(folder: Path) -> None:
    """Folders in each other, far more than calls may be, with files and one that is closed."""
    here = os.open(".", os.O_RDONLY)
    os.chdir(folder)
    try:
        for _ in range(1200):
            Path("x.h").touch()
            os.mkdir("closed", mode=0)
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.fchdir(here)
        os.close(here)


def test_a_folder_that_is_deeper_than_calls_may_be_is_removed(tmp_path):
    folder = tmp_path / "deep"
    folder.mkdir()
    fill_deep(folder)
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(RecursionError):
        shutil.rmtree(folder)
    files.remove(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_deep_submission_stops_nobody(submission, tmp_path, monkeypatch):
    """Neither its own worker nor, when what was left of one is cleared away, anybody else's."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fill_deep(submission)
    Worker("cpu", submission=submission).close()
    assert list(tmp_path.glob("mingpt-grade-*")) == []
    files.remove(submission)  # pytest can't
    old = tmp_path / "mingpt-grade-old"
    old.mkdir()
    fill_deep(old)
    os.utime(old, (time.time() - 2 * files.DAY,) * 2)
    files.remove(files.temporary_folder("mingpt-grade-"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_whose_copy_would_have_too_long_a_path_is_left_out(submission, tmp_path):
    longest = os.pathconf("/", "PC_PATH_MAX") - 1
    deep = submission
    while len(str(deep)) < longest - 200:
        deep = deep / ("d" * 100)
    deep.mkdir(parents=True)
    (deep / ("x" * (longest - len(str(deep)) - 1))).touch()
    place = tmp_path / ("a" * 30)
    place.mkdir()
    shelf = Shelf(place, submission, BUBBLEWRAP)
    assert (shelf.shown[submission] / "gpt.cu").read_text() == EMPTY and shelf.digest()
