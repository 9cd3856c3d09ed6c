"""What students get: every line that solves something is gone, and all that they need is there."""

import json
import re
from pathlib import Path

import pytest

from course.labs import all_labs
from course.release import strip_files
from course.working_copy import generate
from grader.make_starter import files
from tests.course.place import ROOT, Course

BEGIN = re.compile(r"BEGIN (SOLUTION|MARK SCHEME|HIDDEN TESTS)")
END = re.compile(r"END (SOLUTION|MARK SCHEME|HIDDEN TESTS)")
STUB = re.compile(r"\s*(//|#)\| ")


def secrets(text: str) -> set[str]:
    """The lines between markers that are nowhere else in the text, and not trivial."""
    inside, outside, within = set(), set(), False
    for line in text.splitlines():
        word = line.strip()
        if BEGIN.search(word) or END.search(word):
            within = bool(BEGIN.search(word))
        elif within and not STUB.match(line):
            inside.add(word)
        else:
            outside.add(re.sub(STUB, "", line).strip())
    return {line for line in inside - outside if len(re.findall(r"\w+", line)) > 2}


def lines(folder: Path) -> dict[str, str]:
    """Each line of each file of a release, and the file it stands in."""
    found = {}
    for path in folder.rglob("*"):
        if path.suffix == ".ipynb":
            cells = json.loads(path.read_text())["cells"]
            text = "\n".join("".join(cell["source"]) for cell in cells)
        elif path.is_file():
            text = path.read_text(errors="replace")
        else:
            continue
        found |= {line.strip(): path.name for line in text.splitlines()}
    return found


SOLUTIONS = [path for path in (ROOT / "solutions").glob("*.*") if path.is_file()]
LABS = [(ROOT, lab) for lab in all_labs(ROOT)]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return Course(tmp_path_factory.mktemp("releases"))


@pytest.fixture(scope="module", params=[lab.name for _, lab in LABS] + ["a test's"])
def released(request, course, tmp_path_factory):
    """A lab of labs/, or of the tests: what nbgrader makes of it."""
    if request.param == "a test's":
        root, lab = course.folder, next(all_labs(course.folder))
    else:
        root, lab = next(one for one in LABS if one[1].name == request.param)
    folder = generate(root, lab, tmp_path_factory.mktemp("release"))
    return lab, folder


def test_no_line_of_a_solution_is_released(released):
    lab, folder = released
    there = lines(folder)
    known = set().union(*(secrets(path.read_text()) for path in (*SOLUTIONS, lab.text)))
    assert len(known) > 20
    assert not {line: there[line] for line in known & set(there)}
    assert not [line for line in there if BEGIN.search(line) or END.search(line)]


def test_a_release_has_what_it_needs(released):
    lab, folder = released
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {lab.notebook.name, "AGENTS.md", *files(lab.stage)} <= names
    assert lab.text.name not in names
    for name in names & set(files(lab.stage)):
        assert "TODO" in (folder / name).read_text()
    pictures = re.findall(r"\((img/[^)]+)\)", lab.text.read_text())
    assert set(pictures) <= names
    assert not [name for name in names if ".bak" in name or "checkpoint" in name]


def test_students_cannot_edit_or_delete_what_grades_them(released):
    lab, folder = released
    cells = json.loads((folder / lab.notebook.name).read_text())["cells"]
    about = [(cell["metadata"].get("nbgrader", {}), cell["metadata"]) for cell in cells]
    graded = [more for meta, more in about if meta.get("grade") and not meta["solution"]]
    assert all(more["editable"] is False and more["deletable"] is False for more in graded)


def test_other_files_are_stripped_too(tmp_path):
    (tmp_path / "extra.py").write_text("a = 1\n### BEGIN SOLUTION\nb = 2\n### END SOLUTION\n")
    strip_files(tmp_path, 1)
    assert (tmp_path / "extra.py").read_text() == "a = 1\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("### BEGIN SOLUTION\nb = 2\n", "line 1: BEGIN SOLUTION without an END"),
        ("# BEGIN SOLUTION\nb = 2\n", "extra.py still has 'BEGIN SOLUTION'"),
    ],
)
def test_a_file_that_cannot_be_stripped_is_not_released(course, text, said):
    extra = course.folder / "labs" / "1_gelu" / "extra.py"
    extra.write_text(text)
    try:
        assert said in course.nbgrader("generate_assignment", "1_gelu", "--no-db", fails=True)
    finally:
        extra.unlink()
    assert not (course.folder / "release" / "1_gelu").exists()
