"""Three real submissions, graded by the real grader."""

import csv
import json
import subprocess
import sys

import pytest

from gallery import entries
from grader.results import read
from mingpt.paths import ROOT


@pytest.mark.timeout(600)
def test_three_of_the_gallery(tmp_path, monkeypatch):
    monkeypatch.delenv("MINGPT_CACHE")  # what is compiled already need not be compiled again
    place = tmp_path / "in"
    place.mkdir()
    entries.submission(place / "right")
    (mistake,) = [m for m in entries.mistakes() if m.check == "gelu"][:1]
    entries.submission(place / "wrong", mistake.file, mistake.changes)
    (place / "right" / "nickname.txt").write_text("R\n")
    (place / "empty").mkdir()
    command = [sys.executable, "-m", "grader.classroom", str(place), "--out", str(tmp_path / "out")]
    command += ["--only", "gelu", "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    results = {name: read(tmp_path / "out" / "results" / f"{name}.json")
               for name in ("right", "wrong", "empty")}  # fmt: skip
    assert results["right"].score == results["right"].max_score == results["wrong"].max_score > 0
    failed = {check.id for check in results["wrong"].checks if check.status == "failed"}
    assert "gelu" in failed and results["wrong"].score < results["right"].score
    assert results["empty"].score == 0 and "neither a gpt.cu" in results["empty"].checks[0].message
    assert "Traceback" not in done.stderr
    with (tmp_path / "out" / "grades.csv").open() as file:
        lines = {line["student"]: line for line in csv.DictReader(file)}
    assert float(lines["right"]["points"]) == results["right"].score
    pairs = json.loads((tmp_path / "out" / "class.json").read_text())["alike"]
    assert pairs[0]["students"] == ["right", "wrong"]  # one is a patch of the other
    assert "wrong.html" in (tmp_path / "out" / "index.html").read_text()
    again = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert again.returncode == 0 and "gradings done" not in again.stderr  # nothing was run
