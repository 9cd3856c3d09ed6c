"""The whole command, killed in the middle: nothing is lost, nothing is made twice."""

import contextlib
import json
import multiprocessing
import os
import random
import shlex
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import psutil
import pytest

from grader.classroom import cluster, running, work
from grader.classroom.__main__ import main
from grader.classroom.documents import parsed
from tests.classroom.conftest import GRADER, command


def scores(out: Path) -> dict[str, float]:
    return {path.stem: json.loads(path.read_text())["score"] for path in out.glob("results/*.json")}


def is_grading(process: psutil.Process) -> bool:
    try:
        return "fake_grader" in "".join(process.cmdline()[1:2])
    except psutil.Error:
        return False


def test_killed_interrupted_and_run_again(tmp_path, hand_in, classroom, begun):
    points = {f"s{i}": i % 10 + 1 for i in range(6)}
    for student, value in points.items():
        hand_in(student, f"sleep 0.7 points {value} {student}")
    hand_in("zoe", "die")

    def start(more: int) -> subprocess.Popen:
        """Running, with so many more gradings begun."""
        until = len(begun()) + more
        process = subprocess.Popen(
            command(tmp_path / "in", tmp_path / "out", "--workers", "2"),
            stderr=(tmp_path / "said").open("ab"), start_new_session=True, cwd=tmp_path,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while len(begun()) < until and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.poll() is None, (tmp_path / "said").read_text()
        return process

    process = start(more=3)  # kill -9 of all: the scheduler and the workers
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for one in workers:
        if not is_grading(one):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
    process.wait()
    process = start(more=3)  # Ctrl-C, as a terminal sends it
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert not [
        p for p in psutil.process_iter() if is_grading(p) and str(tmp_path) in str(p.cmdline())
    ]
    for path in (tmp_path / "out" / "gradings").iterdir():  # whole, or not there
        parsed(path.read_text())
    status, said = classroom("--workers", "2")
    assert status == 1 and "look at zoe: The grading of this submission ended 3 times" in said
    assert scores(tmp_path / "out") == {s: 2.0 * v for s, v in points.items()} | {"zoe": 0.0}
    count = begun()
    assert count.count(("zoe", "untimed")) >= 3 and ("zoe", "timed") not in count
    # What was going on at the kill was taken over; only what Ctrl-C ended is begun again.
    assert all(count.count((s, part)) <= 2 for s in points for part in ("untimed", "timed"))
    assert sum(name != "zoe" for name, _ in count) <= 2 * len(points) + 2
    before = len(count)
    classroom()  # all is there: nothing is graded, and no cluster is started
    assert len(begun()) == before


def tasks_of(count: int, more: str = "") -> dict[str, work.Task]:
    files = [{"gpt.cu": f"// {more} points {i % 10 + 1} {i}".encode()} for i in range(count)]
    return {
        f"key{i}": work.Task(f"key{i}", f"s{i}", one, ("--part", "untimed"), tuple(GRADER.split()))
        for i, one in enumerate(files)
    }


def grade_and_die() -> None:
    """The whole run is killed when it holds a document that it has not stored."""
    tasks = list(tasks_of(3).values())
    running.run(lambda: cluster.local(1), [(lambda: tasks, {})],
                lambda task, outcome: os.kill(os.getpid(), signal.SIGKILL))  # fmt: skip


def test_what_was_not_stored_yet_is_not_graded_again(begun):
    run = multiprocessing.get_context("spawn").Process(target=grade_and_die)
    run.start()
    run.join(120)
    assert run.exitcode == -signal.SIGKILL and begun()
    tasks, results = tasks_of(3), {}

    def finished(task, outcome):
        results[task.key] = parsed(outcome.document).score

    left = lambda: [one for key, one in tasks.items() if key not in results]  # noqa: E731
    running.run(lambda: cluster.local(1), [(left, {})], finished)
    assert results == {"key0": 1, "key1": 2, "key2": 3}
    assert sorted(begun()) == [(f"s{i}", "untimed") for i in range(3)]
    assert not [path for path in work.place().iterdir() if path.is_dir()]  # all is stored


def test_workers_that_die_all_the_time_change_nothing(tmp_path, begun):
    tasks = tasks_of(6, "sleep 0.5")
    results, stop, killed = {}, threading.Event(), []

    def kill():
        """One of the two, whenever a grading has begun."""
        dice = random.Random(1)
        while not stop.wait(0.05):
            if len(begun()) > len(killed):
                with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                    every = psutil.Process().children(recursive=True)
                    workers = [p for p in every if "spawn_main" in " ".join(p.cmdline())]
                    killed.append(dice.choice(workers).kill())

    def finished(task, outcome):
        assert task.key not in results
        results[task.key] = parsed(outcome.document).score

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        left = lambda: [one for key, one in tasks.items() if key not in results]  # noqa: E731
        running.run(lambda: cluster.local(2), [(left, {}), (lambda: [], {"quiet": 1})], finished)
    finally:
        stop.set()
        killer.join()
    assert results == {f"key{i}": i % 10 + 1 for i in range(6)} and len(killed) > 3
    assert len(begun()) == 6  # each kill took a worker with work, and nothing was made again


def test_timed_checks_come_last_and_what_is_new_alone_is_graded(
    tmp_path, hand_in, classroom, begun
):
    for i in range(3):
        hand_in(f"s{i}", f"points {i + 1}")
    assert classroom("--workers", "2")[0] == 0
    assert [part for _, part in begun()] == ["untimed"] * 3 + ["timed"] * 3
    assert scores(tmp_path / "out") == {"s0": 2, "s1": 4, "s2": 6}
    hand_in("s0", "points 9")  # later and better; s2's is later and worse
    hand_in("s2", "points 1")  # ... and the same as s0's first, which has been graded
    shutil.rmtree(tmp_path / "in" / "s1")
    assert classroom("--workers", "1", "--regrade", "speed")[0] == 0
    again = [("s0", "timed"), ("s0", "timed"), ("s0", "untimed"), ("s2", "timed")]
    assert sorted(begun()[6:]) == again
    assert scores(tmp_path / "out") == {"s0": 18, "s2": 6}
    status, said = classroom("--regrade", "nobody")
    assert status == 2 and "neither a student here nor a check" in said


def test_what_the_command_says_without_grading_anything(tmp_path, capsys, monkeypatch):
    """Of a class in which there is nothing to grade."""
    (tmp_path / "in" / "ada").mkdir(parents=True)
    (tmp_path / "rules.toml").write_text(
        "due = 2026-03-01T12:00:00Z\n[extensions]\nadda = 2026-03-08T12:00:00Z\n"
    )

    def run(out: str, *more: str) -> tuple[int, str]:
        words = [str(tmp_path / "in"), "--out", str(tmp_path / out), "--device", "cpu", *more]
        status = main(words)
        return status, " ".join(capsys.readouterr().err.split())

    status, said = run("out", "--rules", str(tmp_path / "rules.toml"))
    assert status == 0 and "1 student:" in said
    assert "nobody here is called adda: no time is extended" in said
    assert scores(tmp_path / "out") == {"ada": 0.0}
    for inside in ("in", "in/results", "in/ada/results"):
        status, said = run(inside)
        assert status == 2 and "among the submissions" in said
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["ada"]

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("grader.classroom.__main__.write", interrupted)
    assert run("out") == (130, "classroom: interrupted; the same command goes on from here")
    assert "same command without --regrade goes on" in run("out", "--regrade", "ada")[1]


@pytest.mark.skipif(not shutil.which("bwrap"), reason="a small disk is made with bubblewrap")
def test_a_full_disk_is_said_and_costs_nothing(tmp_path, hand_in, begun):
    for i in range(4):
        hand_in(f"s{i}", f"points {i + 1}")
    out = tmp_path / "out"
    out.mkdir()
    line = shlex.join(command(tmp_path / "in", out, "--workers", "1"))
    script = (
        f"{line}; echo status $?; ls {out}/results | wc -l; cat {out}/gradings/*.json | wc -c;"
        f" rm {out}/ballast; {line}; echo status $?; cat {out}/grades.csv"
    )
    small = ["bwrap", "--dev-bind", "/", "/", "--size", "200000", "--tmpfs", str(out)]
    probe = subprocess.run([*small, "true"], capture_output=True)
    if probe.returncode:
        pytest.skip("bubblewrap does not work here")
    done = subprocess.run(
        [*small, "sh", "-c", f"head -c 170000 /dev/zero > {out}/ballast; {script}"],
        capture_output=True, text=True, timeout=200, cwd=tmp_path,
    )  # fmt: skip
    assert "No space left on device" in done.stderr and "is intact: free some space" in done.stderr
    assert "status 3" in done.stdout and done.stdout.count("status 0") == 1, done.stderr
    assert done.stdout.count("\ns") >= 4
