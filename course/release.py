"""What happens when nbgrader makes the version for students: two preprocessors.

They stand at the two ends of nbgrader's own. If one raises, nbgrader removes the release: nothing
half stripped is ever handed out.
"""

from pathlib import Path

from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

from course import notebooks
from course.labs import CourseError, lab_in, stage_of
from course.sources import starters
from grader.make_starter import MarkerError, strip

MARKERS = (
    *("BEGIN SOLUTION", "END SOLUTION", "BEGIN MARK SCHEME", "END MARK SCHEME"),
    *("BEGIN HIDDEN TESTS", "END HIDDEN TESTS"),
)


class FromText(NbGraderPreprocessor):
    """The notebook is what the lab's text says now, whatever the .ipynb beside it holds."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        lab = lab_in(Path(resources["metadata"]["path"]))
        if lab and lab.notebook.stem == resources["nbgrader"]["notebook"]:
            notebooks.make(lab)
            nb = notebooks.read(lab)
            del nb.metadata[notebooks.MADE]
        return nb, resources


class StripFiles(NbGraderPreprocessor):
    """The files beside the notebook become starters, and no marker of a solution is left."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        coursedir = self.parent.parent.coursedir  # the exporter's converter's
        assignment = resources["nbgrader"]["assignment"]
        folder = Path(coursedir.format_path(coursedir.release_directory, ".", assignment))
        strip_files(folder, stage_of(assignment))
        for cell in nb.cells:
            if marker := _marker(cell.source):
                raise CourseError(f"{assignment}: a cell still has {marker!r}: {cell.source[:80]}")
        return nb, resources


def strip_files(folder: Path, stage: int) -> None:
    """Replace what students edit by starters, and cut the solutions out of all other files.

    Raises CourseError where markers don't pair.
    """
    try:
        for name, text in starters(stage).items():
            (folder / name).write_text(text)
        for path in sorted(folder.rglob("*")):
            text = _text(path)
            if _marker(text):
                path.write_text(strip(text))
            if marker := _marker(_text(path)):
                raise CourseError(f"{path.name} still has {marker!r}")
    except MarkerError as error:
        raise CourseError(f"{folder.name}: {error}") from None


def _text(path: Path) -> str:
    """A text file's text; nothing of a folder, a picture, or a notebook (nbgrader's own work)."""
    if path.is_dir() or path.suffix == ".ipynb":
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def _marker(text: str) -> str:
    return next((marker for marker in MARKERS if marker in text), "")
