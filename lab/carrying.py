"""lab.carry_on: a student's work moves from one lab's folder to the next; none of it is lost."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from grader.make_starter import FILES, keep
from grader.starters import is_starter
from lab.changes import changed_functions
from lab.screen import say
from lab.submission import Submission, stage_of, working_folder
from lab.trouble import Trouble, kindly

CODE = (".cu", ".cuh", ".h", ".hpp", ".py")  # files of the student's own that come along


@dataclass(frozen=True)
class Carried:
    """Names of files: taken over; backups of what was here before; and left, with the reason."""

    taken: list[str] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)

    def _ipython_display_(self) -> None:
        """It has been shown already."""


@kindly(otherwise=lambda message: Carried())
def carry_on(source: str | Path | None = None, overwrite: bool = False) -> Carried:
    """Take gpt.cu, kv_cache.py and files of your own over from the lab before.

    source: another folder to take from. A file here that you have changed is replaced only with
    overwrite=True. What is replaced is kept as gpt.cu.bak1, ...
    """
    here = working_folder()
    there = _given(source) if source else _before(here)
    if there.resolve() == here.folder.resolve():
        raise Trouble("That is this lab's own folder: there is nothing to take over.")
    carried, lines = Carried(), []
    for path in _code(there):
        said = _take(path, here.folder / path.name, overwrite, carried)
        lines.append(f"  {path.name:<14} {said}")
    if not lines:
        raise Trouble(f"There is no gpt.cu or kv_cache.py in {there}: nothing to take over.")
    if any(reason == CHANGED for reason in carried.left.values()):
        lines.append("lab.carry_on(overwrite=True) replaces them too, and keeps a copy of each.")
    say("\n".join([f"From {os.path.relpath(there, here.folder)}:", *lines]))
    return carried


NOT_WRITTEN = "is as it was handed out: nothing to take over"
SAME = "is the same here already"
CHANGED = "is not taken over: you have changed the one in this folder"


def _take(path: Path, target: Path, overwrite: bool, carried: Carried) -> str:
    """Copy one file, if that loses nothing; says what was done."""
    new, old = _read(path), _read(target) if target.exists() else None
    if new == old:
        carried.left[path.name] = SAME
        return SAME
    if is_starter(path.name, new):
        carried.left[path.name] = NOT_WRITTEN
        return NOT_WRITTEN
    if old is not None and not overwrite and not is_starter(path.name, old):
        carried.left[path.name] = CHANGED
        return CHANGED
    try:
        # Copied whole before anything is moved: what fails half-way costs nothing.
        fresh = target.with_name(f".{target.name}.new")
        shutil.copyfile(path, fresh)
        backup = keep(target)
        os.replace(fresh, target)
    except OSError as error:
        raise Trouble(f"{path.name} can't be copied: {error.strerror or error}.") from None
    carried.taken.append(path.name)
    said = changed_functions(path.name, old, new)
    if backup:
        carried.backups.append(backup.name)
        said += f"; what was here is now {backup.name}"
    return said


def _read(path: Path) -> str:
    return path.read_text("utf-8", errors="surrogateescape")


def _code(folder: Path) -> list[Path]:
    """A submission's files first, then the student's own."""
    found = [
        path
        for path in folder.iterdir()
        if path.is_file() and path.suffix in CODE and not path.name.startswith(".")
    ]
    order = list(FILES)
    return sorted(found, key=lambda p: (order.index(p.name) if p.name in order else 99, p.name))


def _given(source: str | Path) -> Path:
    path = Path(source).expanduser()
    if not path.is_dir():
        raise Trouble(f"There is no folder {path} to take over from.")
    return path


def _before(here: Submission) -> Path:
    """The folder beside this one that belongs to the latest lab before it."""
    if here.stage is None:
        raise Trouble(
            f"{here.name} does not begin with a lab's number, so which lab came before is not"
            ' known. Name its folder: lab.carry_on("../1_gelu")'
        )
    beside = [path for path in here.folder.parent.iterdir() if path.is_dir()]
    earlier = {stage_of(path): path for path in sorted(beside) if path != here.folder}
    stages = [stage for stage in earlier if stage is not None and stage < here.stage]
    if not stages:
        raise Trouble(
            f"No folder of an earlier lab lies beside {here.name}: there is nothing to take over."
            ' If your work is elsewhere, name its folder: lab.carry_on("folder")'
        )
    return earlier[max(stages)]
