"""python -m grader.services: what Gradescope and GitHub Classroom need in order to grade.

gradescope   the zip to upload as an autograder (make gradescope)
github       a template repository, with a workflow that grades
"""

import argparse
import sys
from pathlib import Path

from grader import own_checks, rubric
from grader.framework import REGISTRY
from grader.services import ServiceError, github, gradescope

DONE, USAGE = 0, 2


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = parser().parse_args(arguments)
    try:
        check_choice(options.stage, options.only or [])
        options.run(options)
    except (ServiceError, own_checks.OwnCheckError, rubric.RubricError) as error:
        print(f"grader.services: {error}", file=sys.stderr)
        return USAGE
    return DONE


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m grader.services",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    both = argparse.ArgumentParser(add_help=False)
    add = both.add_argument
    add("--stage", type=int, metavar="N", help="grade the labs up to stage N (default: all)")
    add("--only", nargs="+", metavar="ID", help="these checks, and what they need")
    kinds = made.add_subparsers(required=True, metavar="gradescope|github")

    one = kinds.add_parser("gradescope", parents=[both], help="the zip for Gradescope")
    add = one.add_argument
    add("--out", type=Path, default="gradescope.zip", metavar="FILE", help="default: %(default)s")
    add("--minutes", type=float, default=10.0, metavar="M", help="Gradescope's limit (default: 10)")
    add("--per-day", type=int, default=0, metavar="N", help="a student's gradings in 24 hours")
    add("--leaderboard", action="store_true", help="show tokens/s to the whole class")
    one.set_defaults(run=make_gradescope)

    two = kinds.add_parser("github", parents=[both], help="a template repository")
    add = two.add_argument
    add("--out", type=Path, required=True, metavar="FOLDER", help="new or empty")
    add("--repository", required=True, metavar="OWNER/NAME", help="where it gets the grader from")
    add("--ref", default="main", help="a branch, tag or commit there (default: main)")
    two.set_defaults(run=make_github)
    return made


def check_choice(stage: int | None, only: list[str]) -> None:
    """Raises ServiceError for a stage or a check that there isn't."""
    own_checks.load()
    graded_by = rubric.load()
    stages = sorted({graded_by[id].stage for id in REGISTRY})
    if stage is not None and stage not in stages:
        raise ServiceError(f"there is no stage {stage}; stages are {stages[0]} to {stages[-1]}")
    if unknown := [id for id in only if id not in REGISTRY]:
        raise ServiceError(f"there is no check {unknown[0]!r}; they are {', '.join(REGISTRY)}")


def make_gradescope(options: argparse.Namespace) -> None:
    if options.minutes < 1 or options.per_day < 0:
        raise ServiceError("--minutes must be 1 or more, --per-day 0 or more")
    settings = gradescope.Settings(
        *(options.stage, options.only, options.minutes, options.per_day, options.leaderboard)
    )
    count = gradescope.write(options.out, settings)
    size = options.out.stat().st_size / 1e6
    print(f"{options.out}: {count} files, {size:.1f} MB. Keep it private: solutions/ is in it.")


def make_github(options: argparse.Namespace) -> None:
    count = github.write(options.out, options.repository, options.ref, options.stage, options.only)
    print(f"{options.out}: {count} files. Push it to {options.repository} and make it a template.")


if __name__ == "__main__":
    sys.exit(main())
