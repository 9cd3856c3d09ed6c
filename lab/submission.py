"""What a notebook works on: the folder with the student's gpt.cu and kv_cache.py, and its stage."""

import re
from dataclasses import dataclass
from pathlib import Path

from lab.trouble import Trouble

FILES = ("gpt.cu", "kv_cache.py")


@dataclass(frozen=True)
class Submission:
    """folder: absolute. stage: of the labs; None: of none of them, nothing is left out then."""

    folder: Path
    stage: int | None

    @property
    def name(self) -> str:
        return self.folder.name

    def file(self, name: str) -> Path:
        """A file of it that is needed now. Raises Trouble when it isn't there."""
        path = self.folder / name
        if not path.is_file():
            raise Trouble(
                f"There is no {name} in {self.folder}. The lab works on the notebook's own folder;"
                ' lab.use("folder") names another.'
            )
        return path


_used: Submission | None = None


def use(folder: str | Path | None = None, stage: int | None = None) -> None:
    """Work on another folder than the notebook's own (None: on that again).

    stage: 1 for lab 1, ...; without one, the number that the folder's name begins with: 1 for
    1_gelu. Where there is none, all is expected that any lab teaches.
    """
    global _used
    if folder is None and stage is None:
        _used = None
        return
    path = Path(folder or ".").expanduser().resolve()
    if not path.is_dir():
        print(f"There is no folder {path}; nothing was changed.")
        return
    _used = Submission(path, stage_of(path) if stage is None else stage)


def working_folder() -> Submission:
    """The folder to work on, whether or not there is anything in it."""
    return _used or Submission(Path.cwd(), stage_of(Path.cwd()))


def current() -> Submission:
    """The one to work on. Raises Trouble where there is no such thing."""
    found = working_folder()
    if not any((found.folder / name).is_file() for name in FILES):
        raise Trouble(
            f"There is neither a gpt.cu nor a kv_cache.py in {found.folder}. The lab works on the"
            ' notebook\'s own folder; lab.use("folder") names another.'
        )
    return found


def stage_of(folder: Path) -> int | None:
    """The number that its name begins with: 1 for 1_gelu."""
    found = re.match(r"(\d+)(?:_|$)", folder.name)
    return int(found[1]) if found else None
