#!/usr/bin/env python3
"""Grade a submission: a folder with gpt.cu and kv_cache.py.

    python grader/grade.py starter                    everything
    python grader/grade.py starter --only gelu        one check, and what it needs
    python grader/grade.py starter --stage 3          the checks of the labs up to stage 3
    python grader/grade.py starter --hint 2           with hints that say more
    python grader/grade.py starter --verbose          with figures and what your code printed

Exit status: 0 graded, whatever the score; 2 wrong usage, or no such submission; 3 the grader itself
failed; 130 interrupted.
"""

import argparse
import os
import signal
import sys
import traceback
from pathlib import Path

if __name__ == "__main__":  # run as a file: its folder is on the path, where the packages are not
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from grader import environment, own_checks, rubric
from grader.framework import PLACES, REGISTRY
from grader.grading import grade
from grader.report import terminal
from mingpt.errors import DeviceError
from mingpt.paths import default_submission

GRADED, USAGE, GRADER_FAILED, INTERRUPTED = 0, 2, 3, 130


class UsageError(Exception):
    """The command can't be done as given; the message says what to do."""


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)  # as Ctrl-C: the workers end first
    errors = terminal.console(stderr=True)
    try:
        own_checks.load()
        if options.list:
            return list_checks()
        return run(options)
    except (UsageError, own_checks.OwnCheckError, rubric.RubricError, DeviceError) as error:
        errors.print(f"grade.py: {error}", soft_wrap=True)
        return USAGE
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
        errors.print("grade.py: interrupted; nothing was written")
        return INTERRUPTED
    except Exception as error:
        errors.print(f"grade.py: the grader failed: {type(error).__name__}: {error}")
        if options.verbose:
            traceback.print_exc()
        else:
            errors.print("(--verbose shows where)")
        return GRADER_FAILED


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="grade.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "submission",
        nargs="?",
        metavar="SUBMISSION",
        type=Path,
        help="the folder to grade (default: solutions/ if there is one, else starter/)",
    )
    which = made.add_mutually_exclusive_group()
    which.add_argument("--only", nargs="+", metavar="ID", help="these checks, and what they need")
    which.add_argument(
        "--stage",
        type=int,
        metavar="N",
        help="the checks of the labs up to stage N (default: all; what goes beyond stage"
        " 4 gives extra points)",
    )
    made.add_argument("--list", action="store_true", help="list the checks and their points")
    made.add_argument(
        "--device",
        choices=("cpu", "cuda", "auto"),
        default="auto",
        help="where gpt.cu runs (auto: cuda if there is a GPU and nvcc)",
    )
    made.add_argument("--json", metavar="FILE", type=Path, help="write the result document there")
    made.add_argument(
        "--hint",
        type=int,
        choices=(1, 2, 3),
        default=1,
        metavar="1|2|3",
        help="how much the hints say: 1 points at the idea, 2 says what to look at, 3 what must"
        " hold there",
    )
    made.add_argument(
        "--verbose",
        action="store_true",
        help="show figures, what the submission printed, and where the grader failed",
    )
    return made


def run(options: argparse.Namespace) -> int:
    """Grade, show, write. Raises UsageError."""
    submission = find(options.submission or default_submission())
    graded_by = rubric.load()
    stages = sorted({graded_by[id].stage for id in REGISTRY})
    if options.stage is not None and options.stage not in stages:
        raise UsageError(
            f"there is no stage {options.stage}; stages are {stages[0]} to {stages[-1]}"
        )
    for id in options.only or ():
        if id not in REGISTRY:
            raise UsageError(f"there is no check {id!r}; the checks are {', '.join(REGISTRY)}")
    if options.json and not options.json.absolute().parent.is_dir():
        raise UsageError(
            f"--json {options.json}: there is no folder {options.json.absolute().parent}"
        )

    output = terminal.console()
    faults: list[BaseException] = []
    progress = terminal.LiveProgress(output, options.verbose, options.hint)
    shown = Path(os.path.relpath(submission))  # short, where it lies below this folder
    output.print(f"Grading {submission if '..' in shown.parts else shown}\n")
    try:
        result = grade(
            submission,
            graded_by,
            only=options.only,
            stage=options.stage,
            device=environment.choose_device(options.device),
            progress=progress,
            on_error=lambda check, error: faults.append(error),
        )
    finally:
        progress.stop()
    terminal.show_total(output, result, options.verbose)
    if options.json:
        try:
            result.write(options.json.absolute())
        except OSError as error:
            raise UsageError(f"--json {options.json}: {error.strerror or error}") from None
    if not faults:
        return GRADED
    if options.verbose:
        for error in faults:
            traceback.print_exception(error)
    return GRADER_FAILED


def find(submission: Path) -> Path:
    """The submission's folder. Raises UsageError when it isn't one."""
    if submission.is_file():
        raise UsageError(
            f"{submission} is a file; give the folder with gpt.cu and kv_cache.py in it"
        )
    if not submission.is_dir():
        raise UsageError(
            f"there is no submission {submission}; give a folder with gpt.cu and kv_cache.py in it"
        )
    if not any((submission / name).is_file() for name in ("gpt.cu", "kv_cache.py")):
        raise UsageError(
            f"{submission} has neither a gpt.cu nor a kv_cache.py; copy starter/ to begin"
        )
    return submission.resolve()


def list_checks() -> int:
    """The checks with their stages, points and titles."""
    points = rubric.load()
    for check in REGISTRY.values():
        needs = [f"needs {', '.join(check.needs)}"] if check.needs else []
        needs += [f"on {PLACES[check.device]}"] if check.device else []
        more = f" ({'; '.join(needs)})" if needs else ""
        entry = points[check.id]
        print(f"{check.id:<12} stage {entry.stage}  {entry.points:>3g}  {check.title}{more}")
    return GRADED


def _interrupt(*_) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    status = main()
    if status == INTERRUPTED:  # a thread may be importing torch still: leave without waiting for it
        sys.stdout.flush()
        os._exit(status)
    sys.exit(status)
