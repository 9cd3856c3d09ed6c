"""GitHub Classroom: the template repository as the command makes it, its workflow run step by step
(actions_runner.py), with students' repositories made of it."""

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from grader.report import github, markdown
from mingpt.paths import ROOT
from tests.classroom.actions_runner import Job, reporter
from tests.grader.samples import EVIL, failing
from tests.whole import in_all

NOTE = "::notice title=Autograding complete::Points 1000/10"
TALKATIVE = f"""
#include <stdio.h>
__attribute__((constructor)) static void talk() {{ puts("\\n{NOTE}"); fflush(stdout); }}
static_assert(sizeof(int) == 3, "\\n{NOTE}\\n");
"""


def command(*options: str) -> subprocess.CompletedProcess:
    words = [sys.executable, "-m", "grader.services", "github", *options]
    return subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=60)


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("github") / "template"
    chosen = ("--repository", "uni/lab", "--ref", "v1", "--only", "gelu")
    done = command("--out", str(out), *chosen)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def workspace(template, tmp_path_factory) -> Path:
    """On one path for all jobs, as on GitHub; the second checkout is there already."""
    place = tmp_path_factory.mktemp("work") / "lab"
    shutil.copytree(template, place / "grader")
    return place


@pytest.fixture
def push(template, workspace, tmp_path, monkeypatch):
    """push(gpt.cu's text or None for none) -> the job that has run."""

    def checkout(job: Job, inputs: dict, env: dict) -> None:
        assert inputs["persist-credentials"] == "false" and "token" not in inputs
        if "repository" in inputs:
            assert (inputs["repository"], inputs["ref"]) == ("uni/lab", "v1")
            assert inputs["path"] == "grader"
        else:
            shutil.rmtree(workspace / inputs["path"], ignore_errors=True)
            shutil.copytree(tmp_path / "student", workspace / inputs["path"])

    def cache(job: Job, inputs: dict, env: dict) -> dict:
        (workspace / inputs["path"]).unlink(missing_ok=True)
        (workspace / inputs["path"]).symlink_to(Path(sys.prefix))
        return {"cache-hit": "true"}

    def nothing(job: Job, inputs: dict, env: dict) -> None:
        pass

    def run(gpt: str | None) -> Job:
        student = Path(shutil.copytree(template, tmp_path / "student"))
        shutil.rmtree(workspace / "report", ignore_errors=True)
        for file in (student / "starter").iterdir():
            file.unlink()
        if gpt is not None:
            (student / "starter" / "gpt.cu").write_text(gpt)
        played = {
            "actions/checkout": checkout,
            "actions/setup-python": nothing,
            "actions/cache": cache,
            "actions/upload-artifact": nothing,
            "classroom-resources/autograding-grading-reporter": reporter,
        }
        job = Job(workspace, played)
        return job.run(student / ".github/workflows/classroom.yml", "run-autograding-tests")

    return run


def test_the_template_has_no_solutions(template):
    names = {path.relative_to(template).parts[0] for path in template.rglob("*")}
    assert not names & {"solutions", "gallery", "tests", "labs", ".git"} and "starter" in names
    for path in template.rglob("*.cu*"):
        assert "BEGIN SOLUTION" not in path.read_text(), path


def test_the_workflow_gives_nothing_away(template):
    text = (template / ".github" / "workflows" / "classroom.yml").read_text()
    read = yaml.load(text, Loader=yaml.BaseLoader)
    assert set(read["on"]) == {"push", "workflow_dispatch"}, "not pull_request_target above all"
    assert read["permissions"] == {"contents": "read"} and "secrets." not in text
    for job in read["jobs"].values():
        assert "permissions" not in job and int(job["timeout-minutes"]) <= 30
        for step in job["steps"]:
            # A value that others choose is data for a script, never a part of it.
            assert "${{" not in step.get("run", ""), step["name"]
            assert re.fullmatch(r"[\w./-]+@v\d+", step.get("uses", "x@v1"))


def test_right(push, workspace):
    job = push((ROOT / "solutions" / "gpt.cu").read_text())
    assert not job.failed, job.log
    points = json.dumps({"totalPoints": 10, "maxPoints": 10})
    assert ("Autograding complete", "Points 10/10") in job.notices
    assert ("Autograding report", points) in job.notices
    assert "10 of 10 points" in job.summary and "| ✅ | `gelu`" in job.summary
    assert json.loads((workspace / "report" / "result.json").read_text())["score"] == 10
    assert {path.suffix for path in (workspace / "report").iterdir()} >= {".html", ".xml"}


@in_all
def test_wrong(push):
    job = push((ROOT / "starter" / "gpt.cu").read_text())
    assert job.failed == ["reporter"], job.log
    assert ("Autograding complete", "Points 0/10") in job.notices
    assert "| ❌ | `gelu`" in job.summary and "<details open>" in job.summary


def test_what_a_submission_prints_is_no_command(push):
    job = push((ROOT / "solutions" / "gpt.cu").read_text() + TALKATIVE)
    assert "Points 1000/10" in job.log, "it was printed"
    assert [message for title, message in job.notices if title == "Autograding complete"] == [
        "Points 0/10"
    ]


def test_nothing_to_grade(push):
    job = push(None)
    assert job.failed == ["Grade"] and job.notices == []
    assert "## Not graded" in job.summary and "neither a gpt.cu nor a kv_cache.py" in job.summary


def test_an_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = command("--out", str(tmp_path), "--repository", "uni/lab")
    assert done.returncode == 2 and "new or empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("chosen", ["uni", "uni/lab; x", 'uni/lab"', "a/b/c"])
def test_a_repository_has_an_owner_and_a_name(chosen, tmp_path):
    done = command("--out", str(tmp_path / "x"), "--repository", chosen)
    assert done.returncode == 2 and "OWNER/NAME" in done.stderr and not (tmp_path / "x").exists()


def test_reports_for_github_hold_no_text_of_the_submission_that_acts():
    result = failing()
    points = json.loads(github.results(result))
    assert EVIL not in json.dumps(points) and points["status"] == "error"
    assert sum(test["score"] for test in points["tests"]) == pytest.approx(
        result.score + result.extra, abs=0.5 * len(points["tests"])
    )
    assert base64.b64encode(github.results(result).encode())
    page = markdown.page(result)
    outside = re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)
    assert "<script" not in page and "second line" in page and "second line" not in outside
