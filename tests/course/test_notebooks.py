"""Notebooks from text: the same each time, nothing lost, mistakes named."""

import json
import os
import shutil

import nbformat
import pytest

from course import __main__ as command
from course.cells import checks_asked, ends_with_value
from course.labs import CourseError, find
from course.notebooks import make
from tests.course.place import LABS, ROOT


@pytest.fixture
def root(tmp_path):
    shutil.copytree(LABS, tmp_path / "labs")
    shutil.copy(ROOT / "labs" / "AGENTS.md", tmp_path / "labs")
    return tmp_path


def test_a_notebook_is_the_same_each_time_and_valid(root):
    lab = find(root, "1")
    assert make(lab)
    first = lab.notebook.read_bytes()
    notebook = nbformat.read(lab.notebook, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    graded = [c.metadata.nbgrader for c in notebook.cells if "nbgrader" in c.metadata]
    assert {meta.grade_id: meta.get("points") for meta in graded} == {
        **{"prediction": None, "prediction-check": 2, "build": 0, "gelu": 10, "memory": 10},
        **{"why": 3, "how": 2},
    }
    lab.notebook.unlink()
    assert make(lab)
    assert lab.notebook.read_bytes() == first


def test_a_notebook_that_was_run_keeps_its_outputs(root):
    lab = find(root, "1_gelu")
    make(lab)
    data = json.loads(lab.notebook.read_text())
    data["cells"][1]["execution_count"] = 5
    lab.notebook.write_text(json.dumps(data))
    assert not make(lab)
    assert json.loads(lab.notebook.read_text())["cells"][1]["execution_count"] == 5


def test_what_was_edited_by_hand_is_kept(root):
    lab = find(root, "1")
    make(lab)
    kernels = lab.folder / "gpt.cu"
    lab.notebook.write_text(lab.notebook.read_text().replace("Which size", "My own words"))
    kernels.write_text("// mine")
    make(lab)
    assert "My own words" in (lab.folder / "gelu.ipynb.bak1").read_text()
    assert (lab.folder / "gpt.cu.bak1").read_text() == "// mine"
    assert kernels.read_text() == (ROOT / "solutions" / "gpt.cu").read_text()


def test_a_newer_solution_replaces_an_unedited_copy(root):
    lab = find(root, "1")
    make(lab)
    copy = lab.folder / "gpt.cu"
    copy.write_text("// an older solution")
    os.utime(copy, (0, 0))
    make(lab)
    assert not list(lab.folder.glob("*.bak*"))
    assert copy.read_text() == (ROOT / "solutions" / "gpt.cu").read_text()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"grade_id": "memory"', '"grade_id": "gelu"', "Duplicate grade id: gelu"),
        ('lab.check("gelu")', 'lab.check("gellu")', "there is no check 'gellu'"),
        ('lab.check("gelu")', 'print(1)\nlab.check("gelu")', "has nothing else in it"),
        ('"grade_id": "gelu", "locked": true, "points": 10', '"grade_id": "gelu"', "points"),
    ],
)
def test_a_mistake_in_a_text_is_named(root, capsys, monkeypatch, old, new, said):
    lab = find(root, "1")
    lab.text.write_text(lab.text.read_text().replace(old, new))
    with pytest.raises(CourseError, match=r"labs/1_gelu/gelu\.md"):
        make(lab)
    monkeypatch.chdir(root)
    assert command.main(["notebooks", "1"]) == 2
    assert said in capsys.readouterr().err


def test_commands_say_what_is_wrong(root, capsys, monkeypatch):
    monkeypatch.chdir(root)
    assert command.main(["release", "9"]) == 2
    assert "there is no lab '9'; there are 1 (1_gelu), 3 (3_linear)" in capsys.readouterr().err
    (root / "labs" / "1_gelu" / "second.md").write_text("# Two")
    assert command.main(["notebooks"]) == 2
    assert "gelu.md, second.md" in capsys.readouterr().err
    monkeypatch.chdir(root / "labs")
    assert command.main(["notebooks"]) == 2
    assert "run this in the course's folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ('lab.check("gelu")', ("gelu",)),
        ('import lab\nlab.check("traffic", "kernel_speed", hint=2)', ("traffic", "kernel_speed")),
        ('lab.check("gelu"); 10', ()),
        ('lab = mine\nlab.check("gelu")', ()),
        ("lab.check(name)", ()),
        ("lab.check()", ()),
        ('other.check("gelu")', ()),
        ('%time lab.check("gelu")', ()),
        ("", ()),
    ],
)
def test_what_a_cell_asks_for(source, asked):
    assert checks_asked(source) == asked


def test_a_cell_ends_with_a_value_or_not():
    assert ends_with_value("a = 1\na")
    assert not ends_with_value("a\nassert a == 1")
