"""The entries of the gallery, and a submission made of each.

A mistake is a few substitutions in solutions/gpt.cu or solutions/kv_cache.py. An unusual solution
is a file whose functions or classes take the place of ours; it is right.
"""

import re
import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mingpt.paths import ROOT

HERE = Path(__file__).parent
SOLUTIONS = ROOT / "solutions"
FILES = ("gpt.cu", "kv_cache.py")
TOPICS = ("build", "gelu", "layernorm", "linear", "model", "kv_cache", "speed")


class GalleryError(Exception):
    """An entry breaks a rule; str() names it and says how to mend it."""


@dataclass(frozen=True)
class Mistake:
    """One mistake, and what the grader must say of it."""

    name: str
    topic: str  # the file that it is in
    file: str  # of solutions/, that it changes
    changes: tuple[tuple[str, str], ...]  # (old, new), one after the other
    check: str  # must not pass, or not with all of its points
    cause: str  # a regular expression that message and hint must match, case and lines ignored
    also: tuple[str, ...] = ()  # other checks that may fail too
    remark: bool = False  # the check passes, and its message remarks on it
    show: bool = False  # it is shown in docs/mistakes.md


def mistakes() -> list[Mistake]:
    """All of them, by topic. Raises GalleryError."""
    found = [m for topic in TOPICS for m in read(HERE / "mistakes" / f"{topic}.toml")]
    names = [m.name for m in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise GalleryError(f"two mistakes have the name {twice[0]!r}: each needs its own")
    return found


def read(path: Path) -> list[Mistake]:
    """The mistakes of one file. Raises GalleryError."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return [_mistake(entry, data["file"], path.stem) for entry in data["mistake"]]
    except OSError as error:
        raise GalleryError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, re.error) as error:
        raise GalleryError(f"{path}: {error}") from None
    except (KeyError, TypeError) as error:
        raise GalleryError(f"{path}: an entry lacks or has too much: {error}") from None


def _mistake(entry: dict, file: str, topic: str) -> Mistake:
    re.compile(entry["cause"])
    changes = tuple((change["old"], change["new"]) for change in entry["changes"])
    rest = {k: v for k, v in entry.items() if k not in ("changes", "also", "file")}
    return Mistake(
        topic=topic,
        file=entry.get("file", file),
        changes=changes,
        also=tuple(entry.get("also", ())),
        **rest,
    )


def unusual() -> list[Path]:
    """Right solutions that look different from ours: FUNCTION_NAME.cu, kv_cache_NAME.py."""
    return sorted([*(HERE / "unusual").glob("*.cu"), *(HERE / "unusual").glob("*.py")])


def substituted(text: str, old: str, new: str) -> str:
    """`text` with `old`, which must be there exactly once, replaced. Raises GalleryError."""
    if text.count(old) != 1:
        raise GalleryError(f"this is there {text.count(old)} times, not once: {old!r}")
    return text.replace(old, new)


def submission(folder: Path, file: str = "gpt.cu", changes: Sequence[tuple[str, str]] = ()) -> Path:
    """Make `folder`, if need be, a copy of solutions/ with these changes in one of its files."""
    folder.mkdir(exist_ok=True)
    for name in FILES:
        shutil.copy(SOLUTIONS / name, folder / name)
    text = (folder / file).read_text(encoding="utf-8")
    for old, new in changes:
        text = substituted(text, old, new)
    (folder / file).write_text(text, encoding="utf-8")
    return folder


def unusual_submission(folder: Path, path: Path) -> tuple[Path, str]:
    """A submission in which that file takes the place of a part of ours, and its check."""
    if path.suffix == ".py":
        submission(folder, "kv_cache.py")
        target, check = folder / "kv_cache.py", "kv_cache"  # what is defined last counts
    else:
        check = path.name.partition("_")[0]
        declared = f"void {check}(float* out"
        submission(folder, "gpt.cu", [(declared, declared.replace(check, f"our_{check}"))])
        target = folder / "gpt.cu"
    with target.open("a", encoding="utf-8") as file:
        file.write("\n\n" + path.read_text(encoding="utf-8"))
    return folder, check
