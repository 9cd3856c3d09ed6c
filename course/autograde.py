"""Grading a submitted notebook: preprocessors around nbgrader's Execute.

The points of a cell that is `lab.check("gelu")` come from the isolated grader, which runs on the
submitted files before any of the notebook's cells do. What the student's kernel then prints,
patches, or dies of changes nothing about them.
"""

import os
import time
from contextlib import contextmanager
from pathlib import Path

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbgrader import preprocessors, utils
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Integer
from traitlets.log import get_logger

from course import grading, outputs
from course.cells import checks_asked, ends_with_value, graded_sources
from course.labs import lab_in, stage_of
from grader.make_starter import files

STATE = "mingpt_lab"  # in nbconvert's resources: what these preprocessors tell one another
ELSEWHERE = "MINGPT_LAB_GRADED_ELSEWHERE"  # tells lab.check that its result would not count


class Grade(NbGraderPreprocessor):
    """Ask the grader for all that the notebook's graded cells ask for. Raises GradingError."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        about = resources["nbgrader"]
        sources = instructors_sources(about)
        asked = {name: ids for name, source in sources.items() if (ids := checks_asked(source))}
        state = resources[STATE] = {"sources": sources, "asked": asked, "unmeasured": set()}
        if ids := {id for ids in asked.values() for id in ids}:
            folder = Path(resources["metadata"]["path"])
            self.log.info("The grader checks %s: %s", folder, ", ".join(sorted(ids)))
            state["result"] = grading.run(folder, stage_of(about["assignment"]), ids)
        return nb, resources


def instructors_sources(about: dict) -> dict[str, str]:
    """The source of each cell that grades by running: grade_id -> text, from the gradebook."""
    with Gradebook(about["db_url"]) as gradebook:
        return graded_sources(gradebook.find_notebook(about["notebook"], about["assignment"]))


class Execute(preprocessors.Execute):
    """Run the student's notebook as far as it goes: its kernel may die or hang."""

    limit = Integer(600, help="Seconds for the whole notebook; cells after that aren't run").tag(
        config=True
    )

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        self._finished = resources[STATE]["finished"] = set()
        self._end = time.monotonic() + self.limit
        with environment(ELSEWHERE, "1"):
            try:
                super().preprocess(nb, resources)
            except DeadKernelError:
                self.log.warning("The notebook's kernel died; the rest of it was not run")
            except CellTimeoutError:  # interrupted, and goes on nevertheless
                self.log.warning("The notebook's kernel hung; the rest of it was not run")
        return nb, resources

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int):
        if time.monotonic() > self._end:
            return cell, resources
        cell, resources = super().preprocess_cell(cell, resources, index)
        self._finished.add(index)
        return cell, resources


@contextmanager
def environment(name: str, value: str):
    """An environment variable, which a kernel inherits."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


class Fill(NbGraderPreprocessor):
    """Put the grader's results into the cells that asked for them, and settle the others."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int):
        state = resources[STATE]
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if not utils.is_grade(cell) or name not in state["sources"]:
            return cell, resources
        worth = float(cell.metadata.nbgrader["points"])
        if ids := state["asked"].get(name):
            score = grading.score(state["result"], ids, worth)
            cell.outputs = outputs.of_score(score, state["result"], worth)
            if score.points is None:
                state["unmeasured"].add(name)
        elif index not in state.get("finished", {index}):  # without one nothing was to be run
            told = "the notebook did not get as far as this cell"
            cell.outputs = [outputs.failure("NotRun", told), *cell.outputs]
        else:
            needs_value = ends_with_value(state["sources"][name])
            cell.outputs = outputs.settle(cell.outputs, worth, needs_value)
        return cell, resources


class SaveAutoGrades(preprocessors.SaveAutoGrades):
    """What could not be measured on this machine is left to be graded by hand."""

    def _add_score(self, cell: NotebookNode, resources: dict) -> None:
        super()._add_score(cell, resources)
        about = resources["nbgrader"]
        name = cell.metadata.nbgrader["grade_id"]
        if name in resources[STATE]["unmeasured"]:
            grade = self.gradebook.find_grade(
                name, about["notebook"], about["assignment"], about["student"]
            )
            grade.auto_score, grade.needs_manual_grade = None, True
            self.gradebook.db.commit()


def say_what_was_expected(assignment: str, student: str, notebooks: list[str]) -> None:
    """nbgrader's hook before a submission is graded: which files are not named as they should be.

    It runs in the course's folder.
    """
    log = get_logger()
    for folder in sorted({Path(notebook).parent for notebook in notebooks}):
        lab = lab_in(Path("labs") / folder.name)
        for name in (*([lab.notebook.name] if lab else []), *files(lab.stage if lab else 0)):
            if not (folder / name).is_file():
                found = sorted(path.name for path in folder.glob(f"*{Path(name).suffix}"))
                told = (
                    f"there is {', '.join(found)}: rename it there" if found else "nothing like it"
                )
                log.warning("%s: expected %s, and %s", folder, name, told)
