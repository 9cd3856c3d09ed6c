"""The command: exit codes, the JSON document, and that a submission is never touched."""

import dataclasses
import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader import framework, rubric
from grader.grading import grade
from grader.isolation import choice
from mingpt.paths import ROOT

GRADE = [sys.executable, str(ROOT / "grader" / "grade.py")]


def run(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*GRADE, *map(str, arguments)], capture_output=True, text=True, **options)


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_solutions_get_full_marks(variant, quick_rubric, tmp_path):
    submission = variant()
    before = digest(submission)
    result = grade(submission, quick_rubric)
    assert digest(submission) == before, "the submission was changed"
    for check in result.checks:
        if check.id in ("decoder", "fast", "bonus"):  # beyond the stage that solutions/ is for
            assert (check.status, check.max_points, check.extra) == ("skipped", 0, True)
            continue
        assert check.status == "passed", f"{check.id}: {check.message}"
        if check.id != "speed":  # how fast this machine is today is no matter of right or wrong
            assert check.points == check.max_points
    assert result.checks[-1].figures["runs_verified"] >= 2
    assert result.max_score == 100 and result.extra == 0

    path = tmp_path / "result.json"
    result.write(path)
    document = json.loads(path.read_text())
    assert document["schema_version"] == 3 and document["extra"] == 0
    assert document["score"] == result.score and document["max_score"] == 100
    here = [id for id, check in framework.REGISTRY.items() if check.device != "cuda"]
    assert [check["id"] for check in document["checks"]] == here
    for check in document["checks"]:
        assert set(check) == {
            *("id", "title", "status", "points", "max_points", "message", "hint", "figures"),
            *("extra", "output", "more_hints", "revisit", "lost", "evidence", "seconds"),
            *("fraction", "doubt"),
        }
    environment = document["environment"]
    assert environment["isolation"] == choice.in_force("cpu").description
    assert environment["device"] == "cpu"
    assert {"date", "device_name", "versions", "seed", "platform", "cores"} <= set(environment)
    assert list(tmp_path.glob(".result*")) == [], "a temporary file was left"


def test_the_starter_fails_every_check_with_a_message_that_helps(graded, tmp_path):
    from grader.make_starter import strip

    for name in ("gpt.cu", "kv_cache.py"):
        (tmp_path / name).write_text(strip((ROOT / "solutions" / name).read_text()))
    results = graded(tmp_path)
    assert results.pop("build").status == "passed"
    for id in ("gelu", "layernorm", "linear"):
        text = results[id].message + results[id].hint
        assert results[id].status == "failed" and "not written yet" in text
        assert f"TODO {id}" in text and "gpt.cu" in text
    assert "TODO" in results["kv_cache"].hint and "not written yet" in results["kv_cache"].message
    assert results["memory"].status == "failed" and len(results["memory"].message) < 100
    assert {results[id].status for id in ("model", "traffic", "speed", "decoder")} == {"skipped"}
    assert sum(result.points for result in results.values()) == 0


def test_only_runs_what_is_asked_and_what_it_needs(tmp_path):
    document = tmp_path / "result.json"
    done = run("solutions", "--only", "gelu", "--json", document, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    checks = json.loads(document.read_text())["checks"]
    assert [check["id"] for check in checks] == ["build", "gelu"]
    assert json.loads(document.read_text())["max_score"] == rubric.load()["gelu"].points
    assert "\x1b" not in done.stdout, "colours outside of a terminal"


def test_a_compile_error_is_shown_by_the_students_own_line(variant, graded):
    submission = variant("gpt.cu", ("float x = in[i];", "float x = in[i]"))
    line = (submission / "gpt.cu").read_text().splitlines().index("  float x = in[i]") + 1
    results = graded(submission, "model")
    build = results["build"]
    # Compilers name the missing semicolon's line or the next one.
    assert build.status == "failed"
    assert any(f"gpt.cu:{n}:" in build.message for n in (line, line + 1)), build.message
    assert {result.status for id, result in results.items() if id != "build"} == {"skipped"}
    assert "build" in results["gelu"].message and "gelu" in results["model"].message


def test_a_missing_file_costs_only_what_needs_it(variant, graded):
    submission = variant()
    (submission / "kv_cache.py").unlink()
    results = graded(submission, "gelu", "kv_cache", "speed")
    assert results["gelu"].status == "passed"
    assert (
        results["kv_cache"].status == "failed" and "no kv_cache.py" in results["kv_cache"].message
    )
    assert results["speed"].status == "skipped"

    (submission / "gpt.cu").unlink()
    (submission / "kv_cache.py").write_text("generate = 3\n")
    results = graded(submission, "gelu", "kv_cache")
    assert results["build"].status == "failed" and "no gpt.cu" in results["build"].message
    assert results["gelu"].status == "skipped"
    assert results["kv_cache"].status == "failed" and "generate" in results["kv_cache"].message


def test_a_stage_expects_only_what_its_labs_taught(variant, quick_rubric):
    """gelu is written. layernorm is wrong, and linear never ends: neither counts in lab 1."""
    wrong = ("/ num_cols;", "/ (num_cols + 1);")
    endless = ("linear_kernel<<<", "for (;;) {}\n  linear_kernel<<<")
    source = (ROOT / "solutions" / "gpt.cu").read_text()
    assert wrong[0] in source and endless[0] in source
    submission = variant("gpt.cu", wrong, endless)
    result = grade(submission, quick_rubric, stage=1, device="cpu")
    found = {check.id: check for check in result.checks}
    points = {id: check.points for id, check in found.items()}
    assert points == {"build": 0, "gelu": 10, "memory": 10, "model": 10, "traffic": 5}
    assert result.score == result.max_score == 35
    until = "until labs 2 and 3."
    assert found["model"].message == f"layernorm and linear: torch's, {until}"
    assert found["memory"].message == f"layernorm and linear: not looked at, {until}"
    assert found["traffic"].message.endswith(f"layernorm and linear: not counted, {until}")
    assert found["memory"].figures["clean"] == ["gelu"]
    assert {name.split("_")[0] for name in found["traffic"].figures} >= {"gelu"}
    assert "linear_sectors" not in found["traffic"].figures

    result = grade(submission, quick_rubric, only=["memory", "model"], stage=2, device="cpu")
    found = {check.id: check for check in result.checks}
    assert found["layernorm"].status == "failed" and found["model"].status == "skipped"
    assert found["memory"].points == 5 and found["memory"].max_points == 10
    assert "linear" not in found and found["memory"].message.endswith(
        "linear: not looked at, until lab 3."
    )


def test_nothing_is_looked_at_before_lab_1(variant, quick_rubric):
    result = grade(variant(), quick_rubric, only=["memory", "model"], stage=0, device="cpu")
    memory, model = result.checks[-2:]
    assert memory.status == model.status == "skipped" and result.max_score == 0
    assert "until labs 1, 2 and 3" in memory.message


def test_progress_for_programs(tmp_path):
    document = tmp_path / "result.json"
    options = ("--only", "gelu", "--stage", 1, "--progress", "jsonl", "--json", document)
    done = run("solutions", *options, cwd=ROOT)
    assert done.returncode == 0 and done.stderr == ""
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["started", "finished"] * 2 + ["result"]
    assert [event["id"] for event in events[::2][:2]] == ["build", "gelu"]
    assert events[-1]["document"] == json.loads(document.read_text())
    whole = {check["id"]: check for check in events[-1]["document"]["checks"]}
    for check in (events[1]["check"], events[3]["check"]):
        assert whole[check["id"]] == {**check, "output": ""}


def test_a_misspelt_function_is_named(variant, graded):
    submission = variant("gpt.cu", ("void gelu(float* out", "void gleu(float* out"))
    results = graded(submission, "gelu", "layernorm")
    assert results["gelu"].status == "failed" and "no function gelu" in results["gelu"].message
    assert results["layernorm"].status == "passed"


def test_speed_without_its_reference_counts_for_nothing(variant, quick_rubric):
    entries = dict(quick_rubric.entries)
    settings = {**entries["speed"].settings, "reference": "no/such/rung"}
    entries["speed"] = dataclasses.replace(entries["speed"], settings=settings)
    result = grade(
        variant(), dataclasses.replace(quick_rubric, entries=entries), only=["kv_cache", "speed"]
    )
    speed = result.checks[-1]
    assert speed.status == "skipped" and "no/such/rung" in speed.message
    assert speed.figures["student_tokens_per_s"] > 0
    assert result.score == result.max_score == quick_rubric["kv_cache"].points


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["no/such/folder"], "no submission no/such/folder"),
        (["pyproject.toml"], "is a file; give the folder"),
        (["docs"], "neither a gpt.cu nor a kv_cache.py"),
        (["solutions", "--only", "gleu"], "no check 'gleu'.*gelu"),
        (["solutions", "--json", "/no/such/folder/x.json"], "no folder /no/such/folder"),
        (["--frobnicate"], "unrecognized arguments"),
        (["solutions", "--stage", "three"], "argument --stage: invalid int"),
        (["solutions", "--stage", "7"], "no stage 7.*0 to 6"),
    ],
)
def test_wrong_usage_is_2(arguments, named):
    done = run(*arguments, cwd=ROOT)
    assert done.returncode == 2
    assert re.search(named, done.stderr, re.DOTALL), done.stderr
    assert "Traceback" not in done.stderr


def test_list():
    done = run("--list", cwd=ROOT)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(framework.REGISTRY)


def test_a_fault_of_the_grader_is_3_and_the_others_go_on(variant, quick_rubric, monkeypatch):
    broken = framework.Check("gelu", "gelu", ("build",), lambda context: 1 / 0)
    monkeypatch.setitem(framework.REGISTRY, "gelu", broken)
    errors = []
    result = grade(
        variant(), quick_rubric, only=["gelu", "layernorm"],
        on_error=lambda check, error: errors.append((check.id, type(error))),
    )  # fmt: skip
    assert errors == [("gelu", ZeroDivisionError)]
    statuses = {check.id: check.status for check in result.checks}
    assert statuses == {"build": "passed", "gelu": "error", "layernorm": "passed"}

    from grader import grade as command

    monkeypatch.chdir(ROOT)
    assert command.main(["solutions", "--only", "gelu"]) == 3


def test_interrupting_ends_the_workers(variant, tmp_path):
    submission = variant(
        "gpt.cu", ("  const int block = 256;\n", "  const int block = 256;\n  for (;;) {}\n")
    )
    process = subprocess.Popen(
        [*GRADE, str(submission), "--only", "gelu", "--json", str(tmp_path / "r.json")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert "Grading" in process.stdout.readline()
    deadline = time.monotonic() + 60
    while not children(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = children(process.pid)
    assert workers
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and "interrupted" in errors and "Traceback" not in errors
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert not (tmp_path / "r.json").exists()


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_default_submission_without_solutions(tmp_path, monkeypatch):
    from mingpt import paths

    shutil.copytree(ROOT / "solutions", tmp_path / "starter")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    assert paths.default_submission() == tmp_path / "starter"


def test_a_grading_ends_after_the_import_that_it_began(monkeypatch):
    loaded = []

    def slowly(future):
        time.sleep(8)
        loaded.append(True)
        future.set_result(None)

    monkeypatch.setattr(framework, "_load_oracle", slowly)
    grade(ROOT / "solutions", rubric.load(), only=["decoder"])
    assert loaded, "a process that ends amid torch's import aborts"
