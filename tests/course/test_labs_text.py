"""The labs' texts: what nbgrader, the grader's hints and the rubric expect of them."""

import re
import sys
from pathlib import Path
from subprocess import run

import jupytext
import pytest
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, ClearSolutions
from traitlets.config import Config

from grader import ideas, rubric

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {  # AGENTS.md is put beside a text when its notebook is made
    int(path.parent.name[0]): path for path in sorted((ROOT / "labs").glob("?_*/[a-z]*.md"))
}
STUB = "# your answer here"

# The graded checks of each lab: those that its own work is about, at their full points.
SHARED = ["memory", "traffic", "model"]
CHECKS = {
    0: [],
    1: ["gelu", *SHARED],
    2: ["layernorm", *SHARED],
    3: ["linear", *SHARED],
    4: ["kv_cache", "speed"],
    5: ["decoder", "fast"],
    6: ["bonus"],
}
each_lab = pytest.mark.parametrize("lab", TEXTS)


def notebook(lab: int):
    return jupytext.read(TEXTS[lab])


def released(lab: int):
    """What students get: without solutions, hidden tests and mark schemes, by nbgrader itself."""
    nb = notebook(lab)
    config = Config({"ClearSolutions": {"code_stub": {"python": STUB}}})
    for preprocessor in (ClearSolutions, ClearHiddenTests, ClearMarkScheme):
        nb, _ = preprocessor(config=config).preprocess(nb, {})
    return nb


def nbgrader(cell) -> dict:
    return cell.metadata.get("nbgrader", {})


def predictions(nb) -> list[tuple[str, str, float]]:
    """(answer's code, test's code, points) of the cells that ask for a prediction."""
    found, answer = [], ""
    for cell in nb.cells:
        if nbgrader(cell).get("solution"):
            answer = cell.source
        elif nbgrader(cell).get("grade") and "lab.check" not in cell.source:
            found.append((answer, cell.source, nbgrader(cell)["points"]))
    return found


def points_of(answer: str, test: str) -> float:
    """What the test's last line, an expression, gives."""
    names: dict = {}
    body, last = test.rstrip().rsplit("\n", 1)
    exec(answer, names)
    exec(body, names)
    return eval(last, names)


def test_there_is_one_text_a_lab():
    folders = sorted(path.name for path in (ROOT / "labs").glob("?_*"))
    assert len(TEXTS) == len(folders)
    assert {0, 1, 2, 3} <= set(TEXTS)


@each_lab
def test_nbgrader_accepts_the_cells(lab):
    nb = notebook(lab)
    MetadataValidator().validate_nb(nb)  # ids are unique, too
    for cell in nb.cells:
        assert nbgrader(cell).get("schema_version", 3) == 3
    assert nb.metadata.kernelspec.name == "python3"


@each_lab
def test_the_text_keeps_its_form(lab):
    """What jupytext writes is what lies there: saving from JupyterLab changes nothing else."""
    text = TEXTS[lab].read_text(encoding="utf-8")
    assert jupytext.writes(jupytext.reads(text, fmt="md"), fmt="md") == text


def test_sections_that_hints_point_to_are_there():
    places = {idea.where for idea in ideas.IDEAS.values()}
    for where in places:
        lab, section = re.fullmatch(r"Lab (\d) \(.*\), “(.*)”", where).groups()
        if int(lab) in TEXTS:
            headings = re.findall(r"^#+ (.*)$", TEXTS[int(lab)].read_text(), re.MULTILINE)
            assert section in headings, where
    assert len(places) > 10


@each_lab
def test_checks_have_the_points_of_the_rubric(lab):
    settings = rubric.load()
    found = []
    for cell in notebook(lab).cells:
        if nbgrader(cell).get("grade") and "lab.check" in cell.source:
            ids = re.findall(r'"(\w+)"', re.search(r"lab\.check\((.*)\)", cell.source)[1])
            found.append(ids[0])
            assert nbgrader(cell)["locked"]
            for i in ids:
                assert nbgrader(cell)["points"] == settings[i].points, i
    assert found == CHECKS[lab] or sorted(found) == sorted(CHECKS[lab])


@each_lab
def test_right_predictions_get_all_points(lab):
    for answer, test, points in predictions(notebook(lab)):
        assert points_of(answer, test) == points


@each_lab
def test_an_unanswered_prediction_gets_a_word_and_nothing_else(lab, capsys):
    for answer, test, _ in predictions(released(lab)):
        assert STUB in answer
        assert points_of(answer, test) == 0
        assert "Not answered yet" in capsys.readouterr().out


@each_lab
def test_each_question_in_words_has_a_guide_and_room_for_an_answer(lab):
    cells = notebook(lab).cells
    tasks = [i for i, cell in enumerate(cells) if nbgrader(cell).get("task")]
    assert len(tasks) >= 2
    for i in tasks:
        guide = re.search(
            r"### BEGIN MARK SCHEME\n(.*)### END MARK SCHEME", cells[i].source, re.DOTALL
        )[1]
        assert "Model answer" in guide
        given = [float(n) for n in re.findall(r"([\d.]+) points?:", guide)]
        assert sum(given) == nbgrader(cells[i])["points"]
        assert f"({nbgrader(cells[i])['points']} points)" in cells[i].source
        assert cells[i + 1].cell_type == "markdown" and "answer" in cells[i + 1].source


@each_lab
def test_a_release_holds_nothing_of_a_solution(lab):
    text = "\n".join(cell.source for cell in released(lab).cells)
    for marker in ("SOLUTION", "HIDDEN TEST", "MARK SCHEME", "Model answer"):
        assert marker not in text
    lines = {line.strip() for line in text.splitlines()}
    for path in (ROOT / "solutions").glob("*.*"):
        regions = re.findall(r"BEGIN SOLUTION\n(.*?)END SOLUTION", path.read_text(), re.DOTALL)
        secret = {line.strip() for region in regions for line in region.splitlines()}
        # What is shorter is the language's own: __syncthreads();
        assert not {line for line in secret & lines if len(line) > 20}, path.name


@each_lab
def test_pictures_are_there_and_say_what_they_show(lab):
    text = TEXTS[lab].read_text()
    shown = re.findall(r"!\[([^\]]*)\]\((img/[^)]+)\)", text)
    assert shown
    for words, path in shown:
        assert (TEXTS[lab].parent / path).is_file(), path
        assert len(words) > 10, f"{path} says nothing to those who don't see it"
    drawn = {f"img/{p.name}" for p in (TEXTS[lab].parent / "img").glob("*.svg")}
    assert drawn == {path for _, path in shown}


def test_pictures_are_what_their_data_give():
    check = run([sys.executable, "-m", "figures", "--check"], cwd=ROOT, capture_output=True)
    assert check.returncode == 0, check.stdout.decode()
