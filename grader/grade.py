#!/usr/bin/env python3
"""Grade a submission: a folder with gpt.cu and kv_cache.py.

    python grader/grade.py starter                    everything
    python grader/grade.py starter --only gelu        one check, and what it needs
    python grader/grade.py starter --stage 3          the checks of the labs up to stage 3
    python grader/grade.py starter --stage 1 --only model      what lab 1 has taught: gelu
    python grader/grade.py starter --hint 2           with hints that say more
    python grader/grade.py starter --verbose          with figures and what your code printed
    python grader/grade.py starter --html report.html a page with pictures, to open in a browser
    python grader/grade.py --from results.json        a report again, of what --json wrote

Exit status: 0 graded, whatever the score; 2 wrong usage, or no such submission; 3 the grader itself
failed; 130 interrupted, 143 ended by SIGTERM.
"""

import argparse
import os
import signal
import sys
import traceback
from pathlib import Path

if __name__ == "__main__":  # run as a file: its folder is on the path, where the packages are not
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from grader import environment, files, history, own_checks, rubric
from grader.framework import PLACES, REGISTRY
from grader.grading import PARTS, grade
from grader.isolation import choice, levels
from grader.own_checks import OwnCheckError
from grader.report import events, terminal
from grader.results import ERROR, Result, ResultError, read
from mingpt.errors import DeviceError
from mingpt.paths import default_submission

GRADED, USAGE, GRADER_FAILED = 0, 2, 3
REPORTS = {
    "json": "the result document",
    "html": "a page with pictures, for a browser",
    "gradescope": "Gradescope's results.json",
    "junit": "JUnit's XML",
    "markdown": "a report in Markdown, as GitHub shows it",
    "github": "the points as GitHub Classroom's reporter reads them",
}
USAGE_ERRORS = (ResultError, OwnCheckError, rubric.RubricError, DeviceError, levels.IsolationError)
SIGNALS = [one for one in signal.Signals if one.name in ("SIGINT", "SIGTERM", "SIGHUP")]


class Interrupted(KeyboardInterrupt):
    """By a signal: a second one doesn't disturb what ends the workers."""

    def __init__(self, number: int):
        self.status = 128 + number


class UsageError(Exception):
    """The command can't be done as given; the message says what to do."""


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = parser().parse_args(arguments)
    for number in SIGNALS:
        signal.signal(number, _interrupt)  # the workers end first
    errors = terminal.console(stderr=True)
    try:
        own_checks.load()
        if options.list:
            return list_checks()
        return run(options)
    except (UsageError, *USAGE_ERRORS) as error:
        errors.print(f"grade.py: {error}", soft_wrap=True)
        return USAGE
    except Interrupted as interrupted:
        errors.print("grade.py: interrupted; nothing was written")
        return interrupted.status
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
    made.add_argument("--only", nargs="+", metavar="ID", help="these checks, and what they need")
    made.add_argument(
        "--stage",
        type=int,
        metavar="N",
        help="the checks of the labs up to stage N, or those of --only; no kernel is expected that"
        " a later lab teaches (default: all; what goes beyond stage 4 gives extra points)",
    )
    made.add_argument(
        "--part",
        choices=PARTS,
        help="of these checks only those that measure time, or only the others: for gradings of"
        " many submissions at once (docs/classroom.md)",
    )
    made.add_argument("--list", action="store_true", help="list the checks and their points")
    made.add_argument(
        "--device",
        choices=("cpu", "cuda", "auto"),
        default="auto",
        help="where gpt.cu runs (auto: cuda if there is a GPU and nvcc)",
    )
    for name, what in REPORTS.items():
        made.add_argument(f"--{name}", metavar="FILE", type=Path, help=f"write {what} there")
    made.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        type=Path,
        help="grade nothing: make the reports of a document that --json wrote",
    )
    made.add_argument(
        "--progress",
        choices=("jsonl",),
        help="for programs: in place of the report, a line of JSON for each event, on standard"
        " output (docs/grading.md)",
    )
    made.add_argument(
        "--require-isolation",
        action="store_true",
        help="grade nothing unless submitted code is kept from all files, processes and the network"
        " (docs/security.md)",
    )
    made.add_argument(
        "--no-history",
        action="store_true",
        help="neither show earlier gradings of the folder nor remember this one",
    )
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
    """Grade or read, show, write. Raises UsageError and ResultError."""
    for name in REPORTS:
        path = getattr(options, name)
        if path and not path.absolute().parent.is_dir():
            raise UsageError(f"--{name} {path}: there is no folder {path.absolute().parent}")
        if path and path.is_dir():
            raise UsageError(f"--{name} {path}: this is a folder; give a file's name")
    if options.source:
        return show_again(options)
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

    device = environment.choose_device(options.device)
    if options.require_isolation:
        choice.require(device)
    output = terminal.console(stderr=bool(options.progress))
    faults: list[BaseException] = []
    if options.progress:
        progress = events.JsonLines(sys.stdout)
    else:
        progress = terminal.LiveProgress(output, options.verbose, options.hint)
        shown = Path(os.path.relpath(submission))  # short, where it lies below this folder
        output.print(f"Grading {submission if '..' in shown.parts else shown}\n")
    try:
        result = grade(
            submission,
            graded_by,
            only=options.only,
            stage=options.stage,
            part=options.part,
            device=device,
            progress=progress,
            on_error=lambda check, error: faults.append(error),
        )
    finally:
        progress.stop()
    if not options.no_history:
        result.history = history.read(submission)
        if options.only is None and options.stage is None and options.part is None:
            history.add(submission, result)
    progress.ended(result)
    write_reports(result, options)
    if not faults:
        return GRADED
    if options.verbose:
        for error in faults:
            traceback.print_exception(error)
    return GRADER_FAILED


def show_again(options: argparse.Namespace) -> int:
    """Reports of an earlier grading. Raises UsageError and ResultError."""
    if options.submission or options.only or options.part or options.stage is not None:
        raise UsageError(
            "--from shows what was graded before: give no SUBMISSION, no --only, no --stage and no"
            " --part with it"
        )
    result = read(options.source)
    if options.no_history:
        result.history = []
    output = terminal.console()
    output.print(f"{terminal.printable(result.submission)}, {result.environment['date']}\n")
    for check in result.checks:
        terminal.show_check(output, check, options.verbose, options.hint)
    terminal.show_total(output, result, options.verbose)
    write_reports(result, options)
    failed = any(check.status == ERROR for check in result.checks)
    return GRADER_FAILED if failed else GRADED


def write_reports(result: Result, options: argparse.Namespace) -> None:
    """The files that were asked for, each whole or not at all. Raises UsageError."""
    for name in REPORTS:
        path = getattr(options, name)
        if not path:
            continue
        try:
            files.write(path.absolute(), report(name, result))
        except OSError as error:
            raise UsageError(f"--{name} {path}: {error.strerror or error}") from None


def report(name: str, result: Result) -> str:
    """A report's text. What makes it is imported when it is asked for."""
    if name == "html":
        from grader.report.html import page as make
    elif name == "gradescope":
        from grader.report.gradescope import results as make
    elif name == "junit":
        from grader.report.junit import xml as make
    elif name == "markdown":
        from grader.report.markdown import page as make
    elif name == "github":
        from grader.report.github import results as make
    else:
        make = Result.text
    return make(result)


def find(submission: Path) -> Path:
    """The submission's folder. Raises UsageError when it isn't one."""
    try:
        if submission.is_file():
            raise UsageError(
                f"{submission} is a file; give the folder with gpt.cu and kv_cache.py in it"
            )
        if not submission.is_dir():
            raise UsageError(
                f"there is no submission {submission}; give a folder with gpt.cu and kv_cache.py"
                " in it"
            )
        if not any((submission / name).is_file() for name in ("gpt.cu", "kv_cache.py")):
            raise UsageError(
                f"{submission} has neither a gpt.cu nor a kv_cache.py; copy starter/ to begin"
            )
        return submission.resolve()
    except (OSError, RuntimeError) as error:  # no permission, a name too long, links in a circle
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"the submission {submission} can't be opened: {why}") from None


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


def _interrupt(number: int, _) -> None:
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise Interrupted(number)


if __name__ == "__main__":
    status = main()
    if (
        status > 128
    ):  # interrupted: a thread may be importing torch still: leave without waiting for it
        sys.stdout.flush()
        os._exit(status)
    sys.exit(status)
