"""Grade a class made from the galleries, disturb it, scale it; print what came of it.

    python bench/classroom.py --quick               12 submissions, a few minutes
    python bench/classroom.py --docs                300, on a quiet machine: hours, by itself
    python bench/classroom.py --steps class alone   some of the steps
    python bench/classroom.py --from FILE --docs    measures nothing: tables of what was kept

    class      all of them by python -m grader.classroom: time, memory
    alone      some by grade.py, without the class's machinery: is it the same?
    kills      some again, while workers are killed
    scheduler  some again, on a cluster whose scheduler is killed
    disk       some again, with RESULTS on a disk that fills (takes root)
    scaling    1, 2, 4, 8 workers, gradings that only sleep
    slurm      64 workers in jobs of dask-jobqueue's, on a stub of Slurm

A step that fails is said, and the next one goes on. What is known so far is in --json after each.
The last line is one of JSON. Exit status 1 if a result is not as it should be.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # not bench/: a file there would stand in for a package of the same name

from rich.console import Console

from bench import tables
from bench.classes import faults, making, scaling
from bench.classes.running import Run, alone, differences
from bench.tables import Table, number
from grader import environment, files
from grader.framework import REGISTRY
from grader.results import Result
from mingpt import cli
from mingpt.errors import LabError

STEPS = ("class", "alone", "kills", "scheduler", "disk", "scaling", "slurm")
CHECKS = ("gelu", "layernorm", "linear", "kv_cache")
PAGE = tables.DOCS / "classroom.md"
BEGIN, END = "<!-- bench/classroom.py -->\n", "<!-- end -->\n"
MANY = 10_000  # submissions, to estimate
DISK = 20_000  # bytes for each submission, at first


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status. Raises LabError."""
    options = parser().parse_args(arguments)
    kept = options.kept
    results = tables.read_results(kept, "classroom") if kept else measured(options)
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
    add("--place", type=Path, metavar="FOLDER", help="a new one, for all that is made; kept")
    add("--json", type=Path, metavar="FILE", help="keep the results in FILE")
    add("--docs", action="store_true", help="put the tables into docs/classroom.md, and the"
        " results into docs/classroom.json")  # fmt: skip
    add("--from", dest="kept", type=Path, metavar="FILE", help="measure nothing")
    return made


def measured(options: argparse.Namespace) -> dict:
    """All steps, one after the other."""
    checks = list(options.checks or (CHECKS[:2] if options.quick else CHECKS))
    if timed := [id for id in checks if REGISTRY[id].timed]:
        raise LabError(f"{timed[0]} measures time, and is not the same twice: leave it out")
    place = options.place or files.temporary_folder("mingpt-class-")
    if options.place:
        place.mkdir(parents=True)
    students = options.students or (12 if options.quick else 300)
    some = min(students, options.some or (6 if options.quick else 60))
    results = {
        "bench": "classroom",
        "machine": environment.describe("cpu", 0),
        "students": students,
        "checks": checks,
        "workers": options.workers,
        "steps": [],
        "scaling": [],
        "wrong": [],
    }
    show = Show(place, students, some, checks, options, results)
    with tables.progress() as say:
        for step in STEPS:
            if step in options.steps:
                say(step)
                try:
                    getattr(show, f"do_{step}")(say)
                except Exception as error:  # the next step may go well
                    results["wrong"].append(f"{step}: {type(error).__name__}: {error}")
                if options.json:
                    tables.write_results(options.json, results)
    if not options.place:
        shutil.rmtree(place, ignore_errors=True)
    return results


class Show:
    """The steps. Each adds to `results`."""

    def __init__(self, place: Path, students: int, some: int, checks, options, results: dict):
        self.place, self.checks, self.options, self.results = place, checks, options, results
        self.names = making.make(place / "in", students)
        self.some = self.names[:: max(1, students // some)][:some]
        only = ("--only", *checks)
        self.whole = Run(place / "in", place / "class", place / "cache", only)
        self.few = Run(self._of_some(), place / "few", place / "cache-few", only)

    def _of_some(self) -> Path:
        target = self.place / "some"
        making.make(target, len(self.names))
        for path in target.iterdir():
            if path.name.removesuffix(".zip") not in self.some:
                path.unlink() if path.suffix else shutil.rmtree(path)
        return target

    def do_class(self, say: Callable[[str], None]) -> None:
        run = self.whole
        run.options = (*run.options, "--workers", str(self.options.workers))
        run.run()
        self._add("class", run, len(self.names))
        if self.options.place:
            say(f"the page: {run.out / 'index.html'}")

    def do_alone(self, say: Callable[[str], None]) -> None:
        graded, found = self.whole.results(), {}
        (self.place / "alone").mkdir()
        begun = time.monotonic()
        with ThreadPoolExecutor(self.options.workers) as pool:
            for name, result in zip(self.some, pool.map(self._alone, self.some), strict=True):
                if result is not None:
                    found[name] = result
                say(f"alone: {len(found)} of {len(self.some)}")
        seconds = time.monotonic() - begun
        wrong = differences({name: graded[name] for name in self.some}, found)
        self.results["steps"].append(
            {"step": "alone", "submissions": len(self.some), "seconds": seconds, "peak_bytes": 0,
             "calls": len(found), "disturbed": 0, "wrong": len(wrong)}
        )  # fmt: skip
        self.results["wrong"] += [f"alone: {line}" for line in wrong]

    def _alone(self, name: str) -> Result | None:
        folder = self.place / "some" / name
        if not folder.is_dir():
            shutil.unpack_archive(f"{folder}.zip", self.place / "unpacked" / name)
            folder = self.place / "unpacked" / name
        return alone(folder, self.checks, self.place / "cache-alone", self.place / "alone")

    def do_kills(self, say: Callable[[str], None]) -> None:
        run = faults.copy_of(self.few, "kills")
        run.options = (*run.options, "--workers", str(self.options.workers))
        self._add("kills", run, len(self.some), faults.with_kills(run, self.options.kill_every))

    def do_scheduler(self, say: Callable[[str], None]) -> None:
        run = faults.copy_of(self.few, "scheduler")
        every = 12 * self.options.kill_every
        killed = faults.with_a_scheduler_that_dies(run, self.options.workers, every)
        self._add("scheduler", run, len(self.some), killed)

    def do_disk(self, say: Callable[[str], None]) -> None:
        run = faults.copy_of(self.few, "disk")
        run.options = (*run.options, "--workers", str(self.options.workers))
        full = faults.with_a_disk_that_fills(run, DISK * len(self.some))
        self._add("disk", run, len(self.some), full)

    def do_scaling(self, say: Callable[[str], None]) -> None:
        for workers in (1, 2) if self.options.quick else (1, 2, 4, 8):
            say(f"scaling: {workers} workers")
            count = (10 if self.options.quick else 40) * workers
            place = self.place / f"local-{workers}"
            self.results["scaling"].append(scaling.local(workers, count, 1.0, place))

    def do_slurm(self, say: Callable[[str], None]) -> None:
        workers, each = (4, 5) if self.options.quick else (64, 15)
        place = self.place / f"slurm-{workers}"
        self.results["scaling"].append(scaling.slurm(workers, workers * each, 10.0, place))

    def _add(self, step: str, run: Run, count: int, disturbed: int = 0) -> None:
        """A row; and what is wrong: not one result for each, or another than undisturbed."""
        found = run.results()
        wrong = []
        if len(found) != count or run.gradings() != count:
            wrong.append(f"{len(found)} results and {run.gradings()} gradings of {count}")
        if step != "class":
            graded = self.whole.results()
            wrong += differences({name: graded[name] for name in self.some}, found)
        if run.statuses[-1:] not in ([0], [1]):
            wrong.append(f"it ended with status {run.statuses}: {run.said[-300:]}")
        self.results["steps"].append(
            {
                "step": step,
                "submissions": count,
                "seconds": run.seconds,
                "peak_bytes": run.peak,
                "calls": run.calls,
                "disturbed": disturbed,
                "wrong": len(wrong),
            }
        )
        self.results["wrong"] += [f"{step}: {line}" for line in wrong]


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
    text = PAGE.read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise LabError(f"{PAGE} has no place for the tables: {BEGIN.strip()} ... {END.strip()}")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    lines = [f"On {machine(results)}.", ""]
    for table in made_tables(results):
        lines += [f"**{table.title}**", "", *table.markdown(), ""]
    tables.write(PAGE, before + BEGIN + "\n" + "\n".join(lines) + END + after)
    tables.write_results(PAGE.with_suffix(".json"), results)


if __name__ == "__main__":
    sys.exit(cli.main(main))
