"""Which labs there are: labs/1_gelu holds gelu.md, the notebook of stage 1 as text."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NOT_A_NOTEBOOK = ("README.md", "AGENTS.md", "CHANGELOG.md")


class CourseError(Exception):
    """Something in the course's files, or in a command, is wrong: says what, and what to do."""


@dataclass(frozen=True)
class Lab:
    """One folder of labs/."""

    folder: Path
    text: Path  # the notebook as jupytext Markdown

    @property
    def name(self) -> str:
        """nbgrader's name of the assignment: "1_gelu"."""
        return self.folder.name

    @property
    def stage(self) -> int:
        return stage_of(self.name)

    @property
    def notebook(self) -> Path:
        return self.text.with_suffix(".ipynb")


def stage_of(name: str) -> int:
    """The leading number of an assignment's name. Raises CourseError where there is none."""
    number = name.partition("_")[0]
    if not (number.isascii() and number.isdigit()):
        raise CourseError(f"{name}: a lab's name begins with its stage, as in 1_gelu")
    return int(number)


def lab_in(folder: Path) -> Lab | None:
    """The lab in a folder; None where no notebook is kept as text. Raises CourseError."""
    texts = [path for path in sorted(folder.glob("*.md")) if path.name not in NOT_A_NOTEBOOK]
    if len(texts) > 1:
        names = ", ".join(path.name for path in texts)
        raise CourseError(f"{folder.name} has {names}: a lab is one notebook, kept in one .md file")
    return Lab(folder, texts[0]) if texts else None


def all_labs(root: Path) -> Iterator[Lab]:
    """The labs in root/labs, by stage. Raises CourseError."""
    folders = [path for path in (root / "labs").glob("[0-9]*_*") if path.is_dir()]
    for folder in sorted(folders, key=lambda path: (stage_of(path.name), path.name)):
        if lab := lab_in(folder):
            yield lab


def find(root: Path, which: str) -> Lab:
    """The lab with this stage ("1") or name ("1_gelu"). Raises CourseError."""
    labs = list(all_labs(root))
    for lab in labs:
        if which in (lab.name, str(lab.stage)):
            return lab
    if not labs:
        raise CourseError(f"there are no labs in {root / 'labs'}; is this the course's folder?")
    known = ", ".join(f"{lab.stage} ({lab.name})" for lab in labs)
    raise CourseError(f"there is no lab {which!r}; there are {known}")
