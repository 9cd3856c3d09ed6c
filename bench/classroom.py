"""Grade a class made from the galleries, disturb it, scale it; print what came of it.

    python bench/classroom.py --quick               12 submissions, a few minutes
    python bench/classroom.py --docs                300, on a quiet machine: hours, by itself
    python bench/classroom.py --steps class alone   some of the steps
    python bench/classroom.py --place FOLDER        go on there, where a run of it was stopped
    python bench/classroom.py --from FILE --docs    measures nothing: tables of what was kept

    class      all of them by python -m grader.classroom: time, memory
    alone      some by grade.py, without the class's machinery: is it the same?
    kills      some again, while workers are killed
    scheduler  some again, on a cluster whose scheduler is killed
    disk       some again, with RESULTS on a disk that fills (takes root)
    scaling    1, 2, 4, 8 workers, gradings that only sleep
    slurm      64 workers in jobs of dask-jobqueue's, on a stub of Slurm

A step that fails is said, and the next one goes on. What is known so far is in FOLDER/results.json
after each, where a --place is given.
The last line is one of JSON. Exit status 1 if a result is not as it should be.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # not bench/: a file there would stand in for a package of the same name

from rich.console import Console

from bench import tables
from bench.classes import scaling, show
from bench.classes.show import CHECKS, STEPS
from bench.tables import Table, number
from grader.framework import REGISTRY
from mingpt import cli

PAGE = tables.DOCS / "classroom.md"
MANY = 10_000  # submissions, to estimate


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status. Raises LabError."""
    options = parser().parse_args(arguments)
    kept = options.kept
    results = tables.read_results(kept, "classroom") if kept else show.measured(options)
    if options.json and not kept:
        tables.write_results(options.json, results)
    console = Console(highlight=False)
    console.print(machine(results), markup=False)
    for table in made_tables(results):
        console.print()
        table.print(console)
    for line in results["wrong"]:
        console.print(f"WRONG {line}", markup=False, soft_wrap=True)
    if options.docs:
        write_docs(results)
    print(json.dumps(results))
    return 1 if results["wrong"] else 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="bench/classroom.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--quick", action="store_true", help="few submissions, two checks, less of everything")
    add("--students", type=int, metavar="N", help="in the class (default: 300)")
    add("--some", type=int, metavar="N", help="of them, for alone, kills, ... (default: 60)")
    add("--checks", nargs="+", choices=tuple(REGISTRY), metavar="CHECK", help="untimed ones;"
        f" default: {' '.join(CHECKS)}")  # fmt: skip
    add("--steps", nargs="+", choices=STEPS, default=STEPS, metavar="STEP", help="default: all")
    add("--workers", type=int, default=2, metavar="N", help="of the real gradings (default: 2)")
    add("--kill-every", type=float, default=5.0, metavar="SECONDS", help="a worker; the scheduler"
        " every twelfth time (default: 5)")  # fmt: skip
    add("--place", type=Path, metavar="FOLDER", help="for all that is made; kept. Steps that an"
        " earlier run there has made are not made again")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="keep the results in FILE")
    add("--docs", action="store_true", help="put the tables into docs/classroom.md, and the"
        " results into docs/classroom.json")  # fmt: skip
    add("--from", dest="kept", type=Path, metavar="FILE", help="measure nothing")
    return made


# ---------------------------------------------------------------------------- tables

WHAT = {
    "class": "undisturbed",
    "alone": "each by grade.py, without the class",
    "kills": "workers killed",
    "scheduler": "the scheduler killed",
    "disk": "the disk full",
}


def machine(results: dict) -> str:
    about = results["machine"]
    return f"{about['device_name']}, {about['cores']} cores, {about['date'][:10]}"


def made_tables(results: dict) -> list[Table]:
    """Those of the steps that were made."""
    gradings = Table(
        f"Checks {', '.join(results['checks'])}, {results['workers']} workers",
        ["", "submissions", "disturbed", "minutes", "a minute", "peak memory, GB", "not the same"],
        [
            [
                WHAT[one["step"]],
                str(one["submissions"]),
                str(one["disturbed"] or ""),
                number(one["seconds"] / 60, 3),
                number(60 * one["submissions"] / one["seconds"], 3),
                number(one["peak_bytes"] / 2**30, 2) if one["peak_bytes"] else "",
                str(one["wrong"]),
            ]
            for one in results["steps"]
        ],
    )
    scales = Table(
        "Gradings that only sleep",
        ["workers", "submissions", "seconds each", "start-up, s", "all graded, s", "files, s",
         "between two gradings, ms", "95 of 100 below, ms"],
        [
            [
                f"{one['workers']} ({one['where']})",
                str(one["submissions"]),
                f"{one['sleep_s']:g}",
                number(one["startup_s"], 3),
                number(one["graded_s"], 3),
                number(one["files_s"], 3),
                f"{1000 * one['overhead_s']:.0f}",
                f"{1000 * one['overhead_95_s']:.0f}",
            ]
            for one in results["scaling"]
        ],
    )  # fmt: skip
    found = [gradings] if results["steps"] else []
    return found + ([scales] if results["scaling"] else []) + _estimates(results)


def _estimates(results: dict) -> list[Table]:
    """What a class of MANY would take, of the figures above."""
    graded = [one for one in results["steps"] if one["step"] == "class"]
    if not graded or not results["scaling"]:
        return []
    grading = graded[0]["seconds"] * results["workers"] / graded[0]["submissions"]
    rows = []
    for one in results["scaling"]:
        files_each = one["files_s"] / one["submissions"]
        parts = grading, one["overhead_s"], files_each
        seconds = scaling.estimate(MANY, one["workers"], *parts)
        rows.append(
            [
                f"{one['workers']} ({one['where']})",
                number(grading, 3),
                f"{1000 * one['overhead_s']:.0f}",
                f"{1000 * files_each:.0f}",
                number(seconds / 3600, 3),
            ]
        )
    head = ["workers", "a grading, s", "between two, ms", "files of one, ms", "hours in all"]
    return [Table(f"Estimated for {MANY:,} submissions", head, rows)]


def write_docs(results: dict) -> None:
    """The tables in docs/classroom.md, between their marks. Raises LabError without marks."""
    lines = [f"On {machine(results)}.", ""]
    for table in made_tables(results):
        lines += [f"**{table.title}**", "", *table.markdown(), ""]
    tables.put_into(PAGE, "classroom", lines)
    tables.write_results(PAGE.with_suffix(".json"), results)


if __name__ == "__main__":
    sys.exit(cli.main(main))
