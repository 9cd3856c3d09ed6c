"""nbgrader's settings for this course: nbgrader_config.py hands them over."""

import sys
from pathlib import Path

from course.labs import CourseError, all_labs
from grader.make_starter import files

NAME = "mingpt-lab"  # nbgrader's course id
IGNORED = (".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "*.bak[0-9]*")


def configure(config, root: Path) -> None:
    """Set nbgrader's traits for the course in this folder, and make its notebooks.

    nbgrader looks for notebooks before any hook of ours runs, so they are made here. A lab that
    can't be made is told of, and does not stop the others.
    """
    c = config
    c.CourseDirectory.root = str(root)
    c.CourseDirectory.course_id = NAME
    c.CourseDirectory.source_directory = "labs"
    labs, texts = _make(root)
    c.CourseDirectory.ignore = [*IGNORED, *texts]  # they hold the solutions

    c.ClearSolutions.code_stub = {"python": "# your answer here"}
    c.ClearSolutions.text_stub = "*Your answer:*"
    c.GenerateAssignment.preprocessors = [
        "course.release.FromText",
        *("nbgrader.preprocessors.IncludeHeaderFooter", "nbgrader.preprocessors.LockCells"),
        *("nbgrader.preprocessors.ClearSolutions", "nbgrader.preprocessors.ClearOutput"),
        "nbgrader.preprocessors.CheckCellMetadata",
        *("nbgrader.preprocessors.ComputeChecksums", "nbgrader.preprocessors.SaveCells"),
        *("nbgrader.preprocessors.ClearHiddenTests", "nbgrader.preprocessors.ClearMarkScheme"),
        *("nbgrader.preprocessors.ComputeChecksums", "nbgrader.preprocessors.CheckCellMetadata"),
        "course.release.StripFiles",
    ]

    c.Autograde.exclude_overwriting = labs  # what students edit stays theirs
    c.Autograde.pre_convert_hook = "course.autograde.say_what_was_expected"
    c.Autograde.sanitize_preprocessors = [
        *("nbgrader.preprocessors.ClearOutput", "nbgrader.preprocessors.DeduplicateIds"),
        "nbgrader.preprocessors.OverwriteKernelspec",
        "course.restore.RestoreCells",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    c.Autograde.autograde_preprocessors = [
        "course.autograde.Grade",
        "course.autograde.Execute",
        "course.autograde.Fill",
        *("nbgrader.preprocessors.IgnorePattern", "nbgrader.preprocessors.LimitOutput"),
        "course.autograde.SaveAutoGrades",
        *("nbgrader.preprocessors.AssignLatePenalties", "nbgrader.preprocessors.CheckCellMetadata"),
    ]
    c.Execute.timeout = 120  # seconds for a cell
    c.Execute.coalesce_streams = True  # text that was printed word by word
    c.ExchangeSubmit.strict = True  # a notebook under another name is refused, with both names


def _make(root: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Of each lab, the files that students edit; and the names of all texts."""
    from course.notebooks import make

    edited: dict[str, list[str]] = {}
    texts: list[str] = []
    try:
        for lab in all_labs(root):
            own = [path.name for path in lab.folder.glob("*.cuh")]
            edited[lab.name] = sorted({*files(lab.stage), *own})
            texts.append(lab.text.name)
            try:
                make(lab)
            except (CourseError, OSError) as error:
                print(f"nbgrader_config.py: {error}", file=sys.stderr)
    except CourseError as error:
        print(f"nbgrader_config.py: {error}", file=sys.stderr)
    return edited, texts
