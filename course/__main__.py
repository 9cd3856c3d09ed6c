"""The instructor's commands, and the one that opens a lab.

    python -m course notebooks          labs/*/NAME.ipynb from NAME.md, and the solved files beside
    python -m course release 1          make lab 1 for students, and hand it out by nbgrader
    python -m course release 1 --force  hand it out again; students' own copies stay as they are
    python -m course lab 1              open lab 1 in JupyterLab: the notebook beside gpt.cu

docs/instructors.md is about the rest: collect, autograde, feedback.
"""

import argparse
import os
import sys
from pathlib import Path

from course import jupyter
from course.commands import nbgrader
from course.labs import CourseError, all_labs, find
from course.notebooks import make
from course.working_copy import working_copy

DONE, FAILED, USAGE = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = parser().parse_args(arguments)
    root = Path.cwd()
    try:
        return options.run(root, options)
    except CourseError as error:
        print(f"course: {error}", file=sys.stderr)
        return USAGE
    except OSError as error:
        print(f"course: {error.filename}: {error.strerror}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m course",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    stage = {"metavar": "STAGE", "help": 'a number, 1, or a name, "1_gelu"'}

    one = commands.add_parser("notebooks", help="make the notebooks from their texts")
    one.add_argument("stage", nargs="?", **stage)
    one.set_defaults(run=notebooks)

    one = commands.add_parser("release", help="make a lab for students, and hand it out")
    one.add_argument("stage", **stage)
    one.add_argument("--force", action="store_true", help="replace what was handed out before")
    one.add_argument(
        "--only-make", action="store_true", help="make release/ to look at; hand out nothing"
    )
    one.set_defaults(run=release)

    one = commands.add_parser("lab", help="open a lab in JupyterLab, in a working copy")
    one.add_argument("stage", nargs="?", default="0", **stage)
    one.add_argument("--no-open", action="store_true", help="make the copy; start nothing")
    one.add_argument("jupyter", nargs="*", help="after --: more options, for jupyter lab")
    one.set_defaults(run=lab)
    return made


def notebooks(root: Path, options: argparse.Namespace) -> int:
    """Make those that are not up to date."""
    chosen = [find(root, options.stage)] if options.stage else list(all_labs(root))
    if not chosen:
        raise CourseError(f"there are no labs in {root / 'labs'}; run this in the course's folder")
    for one in chosen:
        changed = make(one)
        print(f"labs/{one.name}/{one.notebook.name}{'' if changed else ' (as it was)'}")
    return DONE


def release(root: Path, options: argparse.Namespace) -> int:
    """nbgrader's generate_assignment and release_assignment."""
    one = find(root, options.stage)
    if (root / "release" / one.name).exists() and not options.force:
        raise CourseError(
            f"release/{one.name} is there already. To hand it out again, after a fix:"
            f" make release STAGE={one.stage} FORCE=1. Students who fetched it keep their copies"
        )
    force = ["--force"] if options.force else []
    steps = ["generate_assignment"] + ([] if options.only_make else ["release_assignment"])
    for step in steps:
        if nbgrader(root, step, one.name, *force).returncode:
            told = (
                "; the exchange is a folder that all can write to: docs/instructors.md"
                if step == "release_assignment"
                else ""
            )
            print(f"course: nbgrader {step} {one.name} failed (above){told}", file=sys.stderr)
            return FAILED
    print(f"release/{one.name}" + ("" if options.only_make else " was handed out"))
    return DONE


def lab(root: Path, options: argparse.Namespace) -> int:
    """JupyterLab on work/, with the lab's notebook beside its gpt.cu."""
    one = find(root, options.stage)
    folder, new = working_copy(root, one)
    print(f"{folder.relative_to(root)} ({'new' if new else 'as you left it'})")
    if options.no_open:
        return DONE
    command = jupyter.command(folder, one.notebook.name, options.jupyter)
    os.execv(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
