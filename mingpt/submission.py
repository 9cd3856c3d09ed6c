"""A submission's kv_cache.py: loading it, and showing what it raised by its own line."""

import importlib.machinery
import importlib.util
import itertools
import sys
import traceback
from pathlib import Path
from types import ModuleType

from mingpt.errors import SubmissionError

_numbers = itertools.count()


class _Source(importlib.machinery.SourceFileLoader):
    """Takes the source as it is: bytecode that lies beside it may be of another text."""

    def get_code(self, fullname: str):
        return self.source_to_code(self.get_data(self.path), self.path)


def check_folder(submission: Path, *needed: str) -> Path:
    """The submission's folder, if it has the files needed. Raises SubmissionError."""
    submission = Path(submission)
    try:
        if not submission.is_dir():
            raise SubmissionError(
                f"There is no submission {submission}: it must be a folder with gpt.cu and "
                "kv_cache.py, such as starter."
            )
        for name in needed:
            if not (submission / name).is_file():
                raise SubmissionError(f"{submission} has no {name}.")
    except OSError as error:  # no permission, or a name too long
        raise SubmissionError(f"{submission} can't be opened: {error.strerror}.") from None
    return submission


def load_kv_cache(submission: Path) -> ModuleType:
    """The submission's kv_cache.py as a module of its own (never the one of another submission).

    Raises SubmissionError, with the student's line, when it is missing, does not parse, raises
    while it is imported, or has no `generate`.
    """
    path = check_folder(submission, "kv_cache.py") / "kv_cache.py"
    name = f"_submission_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Source(name, str(path)))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling look a class's module up
    write_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as e:
        del sys.modules[spec.name]
        raise SubmissionError(f"{path} cannot be loaded.\n{describe(e, submission)}") from None
    finally:
        sys.dont_write_bytecode = write_bytecode  # nothing is left in the submission's folder
    if not callable(getattr(module, "generate", None)):
        raise SubmissionError(f"{path} has no function `generate`.")
    return module


def describe(error: BaseException, submission: Path) -> str:
    """An exception as a student needs it: the last line of theirs that led to it, and what it was.

    starter/kv_cache.py, line 41, in positions:
        return torch.arange(self.lenght)
    AttributeError: 'KVCache' object has no attribute 'lenght'
    """
    what = "".join(traceback.format_exception_only(error)).strip()
    if isinstance(error, SyntaxError):
        return what  # which has the file, the line and a marker already
    folder = Path(submission).resolve()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if folder in Path(frame.filename).resolve().parents:
            where = Path(submission) / Path(frame.filename).resolve().relative_to(folder)
            return f"{where}, line {frame.lineno}, in {frame.name}:\n    {frame.line}\n{what}"
    return what
