"""bench/classroom.py: the class that it makes, its figures, its tables, its command."""

import json
import subprocess
import time

import pytest

from bench import classroom
from bench.classes import making, running, scaling, show
from grader.classroom.layouts import collect
from grader.results import CheckResult, Result
from mingpt.errors import LabError
from tests.classroom.slurm import Slurm
from tests.grader.samples import PLACE


def test_no_two_of_a_class_are_the_same_and_all_kinds_are_in_it(tmp_path):
    making.make(tmp_path / "in", 60)
    names = making.names(60)
    found = collect(tmp_path / "in")
    assert sorted(names) == sorted(one.student.id for one in found)
    assert len({one.digest for one in found}) == 60 and not any(one.problem for one in found)
    assert {name.split("-")[0] for name in names} == set(making.DOZEN)
    assert list((tmp_path / "in").glob("*.zip")) and any(one.nickname for one in found)
    making.make(tmp_path / "again", 60)
    again = collect(tmp_path / "again")
    assert [one.digest for one in again] == [one.digest for one in found]


def test_the_time_between_two_gradings_of_a_worker():
    log = "7 100.0\n8 100.5\n7 101.1\n8 101.7\n7 102.3\n"
    found = scaling.figures(log, 1.0, 98.0, [101.2, 103.5], 104.0)
    assert found["overhead_s"] == pytest.approx(0.2) and found["begun"] == 5
    assert found["seen_workers"] == 2
    assert found["startup_s"] == pytest.approx(2.0) and found["files_s"] == pytest.approx(0.5)
    assert scaling.estimate(10_000, 64, 20.0, 0.1, 0.01) == pytest.approx(10_000 * 20.1 / 64 + 100)


def test_what_is_not_the_same_is_named():
    def result(points: float) -> Result:
        return Result([CheckResult("gelu", "g", "passed", points, 10)], dict(PLACE))

    right = {"ada": result(10), "bob": result(5), "eve": result(1)}
    assert running.differences(right, dict(right)) == []
    said = running.differences(right, {"ada": result(10), "bob": result(6), "zoe": result(1)})
    assert [line.split(":")[0] for line in said] == ["bob", "eve", "zoe"]


def test_the_stub_of_slurm_lists_and_ends_jobs(tmp_path):
    stub = Slurm(tmp_path / "slurm")
    script = tmp_path / "job"
    script.write_text("sleep 60\n")

    def ask(name: str, *arguments) -> str:
        command = [stub.bin / name, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "Submitted batch job" in ask("sbatch", script)
    script.unlink()
    (job,) = stub.jobs
    assert str(job) in ask("squeue").split()
    ask("scancel", job)
    until = time.monotonic() + 10
    while str(job) in ask("squeue").split() and time.monotonic() < until:
        time.sleep(0.05)
    assert ask("squeue").split() == ["JOBID"]


def test_the_tables_go_between_their_marks(tmp_path, monkeypatch, capsys):
    page = tmp_path / "classroom.md"
    page.write_text("before\n<!-- bench/classroom.py -->\nold\n<!-- end -->\nafter\n")
    monkeypatch.setattr(classroom, "PAGE", page)
    step = {"step": "class", "submissions": 12, "seconds": 120.0, "peak_bytes": 2**30, "calls": 1,
            "disturbed": 0, "wrong": 0}  # fmt: skip
    scale = {"where": "Slurm", "workers": 64, "submissions": 640, "sleep_s": 10.0,
             "startup_s": 60.0, "graded_s": 110.0, "files_s": 6.4, "overhead_s": 0.2,
             "overhead_95_s": 0.5}  # fmt: skip
    results = {"bench": "classroom", "machine": {"device_name": "X", "cores": 2, "date": "2026"},
               "students": 12, "checks": ["gelu"], "workers": 2, "steps": [step],
               "scaling": [scale], "wrong": []}  # fmt: skip
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps(results))
    assert classroom.main(["--from", str(kept), "--docs"]) == 0
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    # 10,000 gradings of 2 × 120 s / 12 = 20 s and 0.2 s on 64 workers, and 0.01 s of files each
    hours = 10_000 * (20.2 / 64 + 0.01) / 3600
    assert f"| {hours:.3f} |" in text
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == results
    kept.write_text(json.dumps(results | {"wrong": ["kills: one is lost"]}))
    assert classroom.main(["--from", str(kept)]) == 1
    assert json.loads((tmp_path / "classroom.json").read_text()) == results


def test_what_was_stopped_goes_on_where_it_was(tmp_path, monkeypatch):
    """A step that was done is not done again, one that was half done is, from its beginning."""
    made = []

    def step(self, say):
        (self.place / "class").mkdir()
        made.append("class")

    def stopped(self, say):
        (self.place / "alone").mkdir()
        made.append("alone")
        if made.count("alone") == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(show.Show, "do_class", step)
    monkeypatch.setattr(show.Show, "do_alone", stopped)
    command = ["--students", "3", "--steps", "class", "alone", "--place", str(tmp_path / "place")]
    options = classroom.parser().parse_args(command)
    with pytest.raises(KeyboardInterrupt):
        show.measured(options)
    assert show.measured(options)["done"] == ["class", "alone"]
    assert made == ["class", "alone", "alone"]
    assert len(list((tmp_path / "place" / "in").iterdir())) == 3
    other = classroom.parser().parse_args([*command, "--checks", "gelu"])
    with pytest.raises(LabError, match="other checks"):
        show.measured(other)


def test_what_measures_time_is_refused(command):
    status, _, said = command("classroom", "--checks", "speed")
    assert status == 1 and "leave it out" in said
