"""Graded cells as the gradebook knows them, whatever was done to the submitted notebook."""

import uuid

from nbformat import NotebookNode
from nbgrader.api import MissingEntry
from nbgrader.preprocessors import OverwriteCells


class RestoreCells(OverwriteCells):
    """nbgrader's OverwriteCells, which restores the source of locked cells, and two more things.

    It stops at a cell whose metadata was tampered with: here that is put back first. And it can
    put back a missing cell only below one that is graded: here all go to the end.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        self.add_missing_cells = True
        return super().preprocess(nb, resources)

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int):
        about = cell.metadata.get("nbgrader")
        if isinstance(about, dict) and (name := about.get("grade_id")):
            about.update(self._known(name))
        return super().preprocess_cell(cell, resources, index)

    def _known(self, name: str) -> dict:
        """What a cell's metadata must say; nothing for a cell that is not the course's."""
        notebook = self.gradebook.find_notebook(self.notebook_id, self.assignment_id)
        try:
            source = self.gradebook.find_source_cell(name, self.notebook_id, self.assignment_id)
        except MissingEntry:
            return {}
        points = {cell.name: cell.max_score for cell in notebook.grade_cells}
        tasks = {cell.name: cell.max_score for cell in notebook.task_cells}
        answered = {cell.name for cell in notebook.solution_cells}
        worth = {"points": (points | tasks)[name]} if name in points | tasks else {}
        return worth | {
            "schema_version": 3,
            "grade": name in points,
            "solution": name in answered,
            "task": name in tasks,
            "locked": source.locked,
        }

    def add_missing_grade_cells(self, nb: NotebookNode, resources: dict):
        """Each graded cell that was deleted, at the end of the notebook."""
        notebook = self.gradebook.find_notebook(self.notebook_id, self.assignment_id)
        there = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in nb.cells}
        sources = {cell.name: cell for cell in notebook.source_cells}
        answered = {cell.name for cell in notebook.solution_cells}
        for graded in notebook.grade_cells:
            if graded.name not in there:
                self.log.warning("The graded cell %s is missing; put back", graded.name)
                cell = self.missing_cell_transform(
                    sources[graded.name], graded.max_score, is_solution=graded.name in answered
                )
                cell.id = uuid.uuid4().hex[:12]
                nb.cells.append(cell)
        return nb, resources
