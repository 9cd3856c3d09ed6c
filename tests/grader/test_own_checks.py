"""An instructor's check in one file: the documentation's example, run; and files with mistakes."""

import re

import pytest

from grader import grade as command
from grader import own_checks, rubric
from grader.checks.kernels import KERNELS
from grader.framework import REGISTRY
from grader.grading import grade
from mingpt.paths import ROOT

PAGE = (ROOT / "docs" / "own-checks.md").read_text()
EXAMPLE = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL).group(1)
TOP = "from grader.framework import check\nfrom grader.rubric import Entry\n"


@pytest.fixture
def folder(tmp_path):
    """For files of checks; what they register is forgotten afterwards."""
    known = dict(REGISTRY)
    yield tmp_path
    REGISTRY.clear()
    REGISTRY.update(known)
    rubric.OWN.clear()


def graded(submission, id):
    result = grade(submission, rubric.load(), only=[id])
    return {check.id: check for check in result.checks}[id]


def test_the_example_of_the_documentation(folder, variant):
    (folder / "gelu_xl.py").write_text(EXAMPLE)
    own_checks.load(folder)
    own_checks.load(folder)  # once is enough
    right = graded(variant(), "gelu_xl")
    assert (right.status, right.points, right.title) == ("passed", 2, "gelu at GPT-2 XL's size")

    only_small = ("if (i >= n) return;", "if (i >= n || (n % 6400 == 0 && i > 9)) return;")
    wrong = graded(variant("gpt.cu", only_small), "gelu_xl")
    assert wrong.status == "failed" and "num_cols=6400" in wrong.message


def test_the_rubric_may_say_otherwise(folder):
    (folder / "gelu_xl.py").write_text(EXAMPLE)
    own_checks.load(folder)
    text = rubric.DEFAULT.read_text()
    changed = folder / "rubric.toml"
    changed.write_text(text + "\n[gelu_xl]\npoints = 7\nstage = 3\ntime_limit = 9\n")
    entry = rubric.load(changed)["gelu_xl"]
    assert (entry.points, entry.stage, entry.time_limit) == (7, 3, 9)
    changed.write_text(text + "\n[gelu_lx]\npoints = 7\n")
    with pytest.raises(rubric.RubricError, match=r"gelu_lx.*did you mean gelu_xl"):
        rubric.load(changed)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def broken(:\n", r"mine\.py:1: SyntaxError"),
        ("\n\nimport no_such_package\n", r"mine\.py:3: ModuleNotFoundError.*no_such_package"),
        (TOP + "@check('gelu')\ndef gelu(c): ...\n", r"mine\.py:3: there is a check gelu already"),
        (
            TOP + "@check('x', ['y'])\ndef x(c): ...\n",
            r"mine\.py:3: check x needs y, and there is no",
        ),
        (TOP + "@check('x')\ndef x(c): ...\n", r"mine\.py:3: check x is not in rubric\.toml.*own="),
    ],
)
def test_a_file_that_cannot_be_loaded(text, told, folder, monkeypatch, capsys):
    (folder / "mine.py").write_text(text)
    monkeypatch.setattr(own_checks, "FOLDER", folder)
    assert command.main(["--list"]) == command.USAGE
    said = " ".join(capsys.readouterr().err.split())
    assert re.search(told, said) and "Traceback" not in said


def test_none_come_with_the_project():
    assert not list(own_checks.FOLDER.glob("*.py"))
    assert set(KERNELS) < set(REGISTRY)
