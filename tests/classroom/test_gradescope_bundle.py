"""The zip for Gradescope, built, set up and run as Gradescope does: see gradescope_box.py."""

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import jsonschema
import pytest

from grader.isolation import landlock
from grader.report import gradescope
from mingpt.paths import ROOT
from tests.classroom import gradescope_box as box
from tests.classroom import samples

SCHEMA = json.loads((Path(__file__).parents[1] / "grader" / "gradescope.schema.json").read_text())
SECRET = "// nobody may read this 6d1f0c"
EVIL = r"""
#include <stdio.h>
#include <stdlib.h>
static int forbidden(const char *path, const char *mode) { return fopen(path, mode) != nullptr; }
__attribute__((constructor)) static void evil() {
    if (forbidden("/autograder/source/solutions/gpt.cu", "r") ||
        forbidden("/autograder/source/grader/rubric.toml", "r") ||
        forbidden("/autograder/results/results.json", "w") ||
        forbidden("/autograder/source/grader/grade.py", "a") ||
        forbidden("/autograder/taken_over", "w"))
        abort();  // then its gelu is not right either
    puts("{\"score\": 1000}");
}
"""
ENDLESS = """
#include "gpt.h"
void gelu(float*, const float*, int, int, cudaStream_t) { for (volatile int i = 0;; i = 1); }
"""
RUNS = "open('/autograder/taken_over', 'w')\n"


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("zip") / "gradescope.zip"
    done = box.bundle(out, "--only", "gelu", "--per-day", "2", "--leaderboard")
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def image(archive, tmp_path_factory) -> Path:
    """/autograder when setup.sh has run. Each test gets a copy, as each submission does."""
    place = box.unpack(archive, tmp_path_factory.mktemp("image") / "autograder")
    if not box.works(place):
        pytest.skip("bubblewrap can't make such a machine here")
    if not landlock.version():
        pytest.skip("this kernel has no Landlock: nothing is graded in such a container")
    with (place / "source" / "solutions" / "gpt.cu").open("a") as file:
        file.write(SECRET)
    done = box.build(place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "solutions/: 10 of 10 points" in done.stdout
    return place


@pytest.fixture
def place(image, tmp_path) -> Path:
    return Path(shutil.copytree(image, tmp_path / "autograder", symlinks=True))


def valid(document: dict) -> dict:
    """The document, if Gradescope would take it: its tests by name."""
    jsonschema.validate(document, SCHEMA)
    assert document["stdout_visibility"] == "hidden"
    return {test["name"].split(":")[0]: test for test in document["tests"]}


def students_see(document: dict) -> str:
    shown = [test for test in document["tests"] if test["visibility"] == "visible"]
    return json.dumps({**document, "tests": shown})


def test_the_zip_has_what_grades_and_nothing_else(archive):
    with zipfile.ZipFile(archive) as opened:
        infos = {info.filename: info for info in opened.infolist()}
    for name in ("setup.sh", "run_autograder"):
        assert infos[name].external_attr >> 16 & 0o111, f"{name} can't be run"
        text = (ROOT / "grader" / "services" / name).read_text()
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)
        if shutil.which("shellcheck"):
            subprocess.run(["shellcheck", "-"], input=text, text=True, check=True)
    assert "solutions/ladder/3_kv_cache/kv_cache.py" in infos
    folders = {name.split("/")[0] for name in infos}
    assert not folders & {"tests", "docs", "labs", "gallery", ".git", "bench", ".venv"}


def test_setup_installs_what_is_pinned_and_closes_what_is_secret(image):
    asked = (image / "asked").read_text().splitlines()
    assert asked[1].startswith("apt-get install") and "g++" in asked[1] and "bubblewrap" in asked[1]
    install = next(line for line in asked if line.startswith("uv pip install"))
    assert "--torch-backend cpu" in install and "--constraint constraints.txt" in install
    for path in ("solutions", "grader/rubric.toml", "grader/checks"):
        assert not (image / "source" / path).stat().st_mode & 0o077, path


def test_setup_fails_loudly(archive, tmp_path):
    place = box.unpack(archive, tmp_path / "autograder")
    if not box.works(place):
        pytest.skip("bubblewrap can't make such a machine here")
    (place / "stubs" / "uv").write_text("#!/bin/sh\nexit 7\n")
    done = box.build(place)
    assert done.returncode == 7 and "setup.sh failed in line" in done.stderr


def test_right(place):
    for name in ("gpt.cu", "kv_cache.py"):
        shutil.copy(ROOT / "solutions" / name, place / "submission")
    document, said = box.run(place)
    tests = valid(document)
    assert document["score"] == 10 and tests["gelu"]["status"] == "passed"
    assert set(tests) == {"build", "gelu"}, "nothing is left to say to instructors"
    assert [column["value"] for column in document["leaderboard"]] == [0, 0, 10]
    assert "isolation: landlock" in said


def test_wrong_and_in_a_folder(place):
    shutil.copytree(ROOT / "starter", place / "submission" / "starter")
    metadata = {**box.METADATA, "assignment": {**box.METADATA["assignment"], "total_points": "20"}}
    document, _ = box.run(place, metadata)
    tests = valid(document)
    assert document["score"] == 0 and tests["gelu"]["status"] == "failed"
    assert tests["gelu"]["output"] and tests["gelu"]["max_score"] == 10
    assert "20 points on Gradescope" in tests["For instructors"]["output"]
    assert "on Gradescope" not in students_see(document)


def test_hostile(place):
    """With the rules off: it is the isolation that holds."""
    rubric = place / "source" / "grader" / "rubric.toml"
    text = rubric.read_text()
    assert "\nenabled = true" in text
    rubric.write_text(text.replace("\nenabled = true", "\nenabled = false"))
    submission = place / "submission"
    (submission / "gpt.cu").write_text((ROOT / "solutions" / "gpt.cu").read_text() + EVIL)
    (submission / "kv_cache.py").symlink_to("/autograder/source/solutions/kv_cache.py")
    for name in ("sitecustomize.py", "json.py", "grader/__init__.py", "torch/__init__.py"):
        (submission / name).parent.mkdir(exist_ok=True)
        (submission / name).write_text(RUNS)
    for name in ("run_autograder", "setup.sh"):
        (submission / name).write_text("#!/bin/sh\ntouch /autograder/taken_over\n")
        (submission / name).chmod(0o755)
    (submission / "results.json").write_text('{"score": 1000}')
    document, said = box.run(place)
    assert valid(document)["gelu"]["status"] == "passed", "each of its attempts was refused"
    assert document["score"] == 10 and "kv_cache.py is a link: left out" in document["output"]
    assert not (place / "taken_over").exists()
    assert SECRET not in json.dumps(document) + said

    # The same where nothing keeps it in, which the autograder refuses: so it did try.
    autograder = place / "source" / "grader" / "services" / "autograder.py"
    text = autograder.read_text()
    assert "level.name == levels.PROCESS" in text
    autograder.write_text(text.replace("level.name == levels.PROCESS", "False"))
    document, _ = box.run(place, MINGPT_ISOLATION="process")
    assert document["score"] == 0


def test_another_files_text_does_not_come_out_of_the_compiler(place):
    (place / "submission" / "gpt.cu").write_text(
        '#include "/autograder/source/solutions/gpt.cu"\nthis is no C++\n'
    )
    document, said = box.run(place)
    assert valid(document)["build"]["status"] == "failed" and document["score"] == 0
    assert SECRET not in json.dumps(document) + said


def test_nothing_to_grade(place):
    (place / "submission" / "gelu.cu").write_text("// the wrong name\n")
    document, _ = box.run(place)
    valid(document)
    assert document["score"] == 0 and document["tests"] == []
    assert "gpt.cu" in document["output"] and "There is: gelu.cu" in document["output"]


def test_the_grader_fails(place):
    (place / "source" / "grader" / "rubric.toml").write_text("[gelu\n")
    (place / "submission" / "gpt.cu").write_text("// mine\n")
    document, said = box.run(place)
    assert "rubric.toml" in valid(document)["For instructors"]["output"] and "rubric.toml" in said
    assert "not your fault" in document["output"] and "rubric" not in students_see(document)


def test_the_grader_can_not_even_start(place):
    (place / "venv").unlink()
    document, said = box.run(place)
    assert valid(document) == {} and document["score"] == 0
    assert "not your fault" in document["output"] and "status 127" in said


def test_the_time_runs_out(place):
    settings = place / "source" / "settings.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "minutes": 0.5}))
    (place / "submission" / "gpt.cu").write_text(ENDLESS)
    document, _ = box.run(place)
    gelu = valid(document)["gelu"]
    assert "time ran out" in gelu["output"] and "status" not in gelu and gelu["max_score"] == 10
    assert "time ran out" in document["output"]


def test_nothing_is_graded_where_solutions_could_be_read(place):
    shutil.copy(ROOT / "solutions" / "gpt.cu", place / "submission")
    document, _ = box.run(place, MINGPT_ISOLATION="process")
    assert "Landlock" in valid(document)["For instructors"]["output"]
    assert document["score"] == 0 and "not your fault" in document["output"]


def previous(hour: int, score: float, graded: bool = True) -> dict:
    results = {"score": score, "output": f"{score} of 10 points", "tests": [],
               "stdout_visibility": "hidden", "extra_data": {"graded": graded}}  # fmt: skip
    return {"submission_time": f"2026-03-01T{hour:02}:00:00.000000-07:00", "score": score,
            "autograder_error": False, "results": results}  # fmt: skip


def test_as_many_gradings_a_day_as_there_may_be(place):
    shutil.copy(ROOT / "starter" / "gpt.cu", place / "submission")
    earlier = [previous(8, 4.0), previous(9, 6.0), previous(10, 0.0, graded=False)]
    document, _ = box.run(place, {**box.METADATA, "previous_submissions": earlier})
    valid(document)
    assert document["score"] == 6 and "6.0 of 10 points" in document["output"]
    assert "02 March, 08:00 (UTC-07:00)" in document["output"]


def test_the_leaderboard_ranks_by_the_ratio():
    document = json.loads(gradescope.results(samples.result(7.0, ratio=0.7), leaderboard=True))
    valid(document)
    assert [(c["name"], c["value"]) for c in document["leaderboard"]] == [
        ("speed, of the reference's", 0.7),
        ("tokens/s", 210.0),
        ("points", 14.0),
    ]
    assert "leaderboard" not in json.loads(gradescope.results(samples.result()))


@pytest.mark.parametrize("options", [("--stage", "9"), ("--only", "gleu"), ("--minutes", "0")])
def test_wrong_usage(options, tmp_path):
    done = box.bundle(tmp_path / "x.zip", *options)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert not (tmp_path / "x.zip").exists()
