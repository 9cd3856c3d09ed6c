"""Notebooks from text: labs/1_gelu/gelu.md becomes gelu.ipynb, the same bytes each time."""

import hashlib
import json
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from course.cells import checks_asked, mentions_check
from course.labs import CourseError, Lab
from course.sources import put_beside
from grader import rubric
from grader.make_starter import keep

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
CELL = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "task": False}
MADE = "mingpt_lab"  # metadata of a notebook that was made here: a mark of its cells


def make(lab: Lab) -> bool:
    """Make the lab's notebook, and the files beside it; True if the notebook changed.

    One that only has outputs besides stays as it is. One that was edited by hand is kept as
    *.bak1, *.bak2, ... Raises CourseError.
    """
    notebook = read(lab)
    put_beside(lab.folder, lab.stage, lab.folder.parent / "AGENTS.md")
    old = _read_notebook(lab.notebook)
    if old is not None and _mark(old) == notebook.metadata[MADE]:
        return False
    if lab.notebook.exists() and (old is None or old.metadata.get(MADE) != _mark(old)):
        keep(lab.notebook)
    lab.notebook.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    return True


def read(lab: Lab) -> NotebookNode:
    """The notebook that a text describes. Raises CourseError, which names the cell."""
    try:
        notebook = jupytext.reads(lab.text.read_text(encoding="utf-8"), fmt="md")
    except Exception as error:  # jupytext passes on whatever its readers raise
        raise CourseError(f"{_shown(lab)}: jupytext can't read it: {error}") from None
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader = CELL | {"cell_type": cell.cell_type} | cell.metadata.nbgrader
        cell.id = _id(cell, seen)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = NotebookNode({"kernelspec": NotebookNode(KERNEL)})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    _check(lab, notebook)
    notebook.metadata[MADE] = _mark(notebook)
    return notebook


def _check(lab: Lab, notebook: NotebookNode) -> None:
    """What nbgrader or the autograder would stumble on later."""
    from nbgrader.nbgraderformat import MetadataValidator, ValidationError

    try:
        nbformat.validate(notebook)
        MetadataValidator().validate_nb(notebook)
    except (ValidationError, nbformat.ValidationError, KeyError) as error:
        raise CourseError(f"{_shown(lab)}: {error}") from None
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        where = f"{_shown(lab)}, cell {about.get('grade_id')!r}"
        if not about.get("grade") or about.get("solution") or cell.cell_type != "code":
            continue
        asked = checks_asked(cell.source)
        if mentions_check(cell.source) and not asked:
            raise CourseError(
                f"{where}: a graded cell with lab.check has nothing else in it, and names its"
                ' checks: lab.check("gelu"). Only then does the grader\'s own result count'
            )
        if unknown := [id for id in asked if not _exists(id)]:
            raise CourseError(f"{where}: there is no check {unknown[0]!r}")


def _exists(check: str) -> bool:
    if check in rubric.SETTINGS:
        return True
    from grader import own_checks  # takes seconds, and few courses have checks of their own
    from grader.framework import REGISTRY

    own_checks.load()
    return check in REGISTRY


def _id(cell: NotebookNode, seen: dict[str, int]) -> str:
    """An id that stays the same while the cell does: from its text, and how often that came."""
    text = f"{cell.cell_type}\n{cell.source}\n{json.dumps(cell.metadata, sort_keys=True)}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    seen[digest] = seen.get(digest, 0) + 1
    return digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def _mark(notebook: NotebookNode) -> str:
    """Changes when a cell is edited, not when it is run."""
    cells = [
        (cell.cell_type, cell.source, cell.metadata.get("nbgrader")) for cell in notebook.cells
    ]
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()[:16]


def _read_notebook(path: Path) -> NotebookNode | None:
    try:
        return nbformat.read(path, as_version=4)
    except Exception:  # none there, or no notebook any more
        return None


def _shown(lab: Lab) -> str:
    return f"labs/{lab.name}/{lab.text.name}"
