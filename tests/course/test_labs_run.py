"""A lab's notebook, run from top to bottom on the CPU: solved, and as it is handed out.

Two of them; all, in both ways, by make test-labs.
"""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from course import notebooks
from course.cells import checks_asked
from course.labs import all_labs
from course.sources import solutions
from course.working_copy import generate
from tests.course.place import ROOT
from tests.whole import part

LABS = list(all_labs(ROOT))
SOLVED = part(LABS, "2_layernorm")
HANDED_OUT = part(LABS, "1_gelu")
ON_A_GPU = {"fast", "bonus"}  # what these measure can't be had on a CPU: no points are at stake
NOISY = {"speed"}  # how fast this machine is today is no matter of right or wrong

pytestmark = pytest.mark.timeout(600)


def executed(path: Path) -> list:
    """The notebook's code cells after a run. A cell that raises ends it with CellExecutionError."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": path.parent}})
    client.execute(env=os.environ | {"PYTHONPATH": str(ROOT)})
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def graded(cells: list) -> list:
    return [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")]


def value(cell) -> float:
    """What nbgrader takes for the cell's points."""
    (last,) = [one for one in cell.outputs if one.output_type == "execute_result"]
    return float(last.data["text/plain"])


def shown(cell) -> str:
    """All that a cell shows, as plain text."""
    data = [one.get("data", {}).get("text/plain", "") for one in cell.outputs]
    return "\n".join([*data, *(one.get("text", "") for one in cell.outputs)])


@pytest.mark.parametrize("lab", SOLVED, ids=lambda lab: lab.name)
def test_solved_it_has_full_marks(lab, tmp_path):
    folder = tmp_path / lab.name
    folder.mkdir()
    for name, text in solutions(lab.stage).items():
        (folder / name).write_text(text)
    nbformat.write(notebooks.read(lab), folder / lab.notebook.name)
    cells = graded(executed(folder / lab.notebook.name))
    assert cells
    for cell in cells:
        asked = set(checks_asked(cell.source))
        points = cell.metadata.nbgrader["points"]
        if asked & ON_A_GPU:
            assert re.search("GPU", shown(cell)), shown(cell)
        elif asked & NOISY:
            assert 0 < value(cell) <= points, shown(cell)
        else:
            assert value(cell) == points, f"{cell.source}\n{shown(cell)}"


@pytest.mark.parametrize("lab", HANDED_OUT, ids=lambda lab: lab.name)
def test_as_it_is_handed_out_every_check_fails_kindly(lab, tmp_path):
    folder = generate(ROOT, lab, tmp_path)
    cells = graded(executed(folder / lab.notebook.name))
    for cell in cells:
        asked = checks_asked(cell.source)
        text = shown(cell)
        assert value(cell) == 0 or cell.metadata.nbgrader["points"] == 0, text
        assert "Traceback" not in text and "grader failed" not in text
        if asked:
            assert re.search("FAIL|skip", text), text
        else:
            assert "Not answered yet" in text
