"""An instructor's own checks: each a file in grader/own/, loaded at each grading.

A file registers its check by itself, with what it is worth: docs/own-checks.md shows one.
"""

import importlib.util
import traceback
from pathlib import Path

from grader import checks  # noqa: F401 (their ids come first)

FOLDER = Path(__file__).parent / "own"
_loaded: set[Path] = set()


class OwnCheckError(Exception):
    """A file can't be loaded; str() names it, the line and the error."""


def load(folder: Path | None = None) -> None:
    """Register the checks of all files of FOLDER, in the order of their names; a second time, none.

    Raises OwnCheckError.
    """
    for path in sorted((folder or FOLDER).glob("*.py")):
        if path.resolve() in _loaded:
            continue
        spec = importlib.util.spec_from_file_location(f"grader.own_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise OwnCheckError(f"{path}{_line(error, path)}: {_words(error)}") from error
        _loaded.add(path.resolve())


def _line(error: Exception, path: Path) -> str:
    """ ":12", the last line of that file that took part."""
    if isinstance(error, SyntaxError):
        return f":{error.lineno}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f":{lines[-1]}" if lines else ""


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
