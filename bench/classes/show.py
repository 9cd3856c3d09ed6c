"""The steps of bench/classroom.py, each in a folder of its own: step/results, step/cache.

What is known after each step is in results.json. Who stops it and starts it again with the same
place goes on with the step that was not done.
"""

import argparse
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import tables
from bench.classes import faults, making, scaling
from bench.classes.running import Run, alone, differences
from grader import environment, files
from grader.framework import REGISTRY
from grader.results import Result
from mingpt.errors import LabError

STEPS = ("class", "alone", "kills", "scheduler", "disk", "scaling", "slurm")
CHECKS = ("gelu", "layernorm", "linear", "kv_cache")
DISK = 20_000  # bytes for each submission, at first
KEPT = "results.json"


def measured(options: argparse.Namespace) -> dict:
    """All steps that are asked for, one after the other. Raises LabError."""
    checks = list(options.checks or (CHECKS[:2] if options.quick else CHECKS))
    if timed := [id for id in checks if REGISTRY[id].timed]:
        raise LabError(f"{timed[0]} measures time, and is not the same twice: leave it out")
    students = options.students or (12 if options.quick else 300)
    some = min(students, options.some or (6 if options.quick else 60))
    place = options.place or files.temporary_folder("mingpt-class-")
    results = begun(place, {"students": students, "checks": checks, "workers": options.workers})
    show = Show(place, some, options, results)
    with tables.progress() as say:
        for step in STEPS:
            if step not in options.steps or step in results["done"]:
                continue
            say(step)
            shutil.rmtree(place / step, ignore_errors=True)  # half done
            try:
                getattr(show, f"do_{step}")(say)
            except Exception as error:  # the next step may go well
                results["wrong"].append(f"{step}: {type(error).__name__}: {error}")
            results["done"].append(step)
            if options.place:
                tables.write_results(place / KEPT, results)
    if not options.place:
        shutil.rmtree(place, ignore_errors=True)
    return results


def begun(place: Path, asked: dict) -> dict:
    """What an earlier run in this place has found, or nothing yet. Raises LabError where that was
    asked for something else."""
    fresh = {"bench": "classroom", "machine": environment.describe("cpu", 0), **asked,
             "done": [], "steps": [], "scaling": [], "wrong": []}  # fmt: skip
    if not (place / KEPT).is_file():
        return fresh
    results = tables.read_results(place / KEPT, "classroom")
    if other := [key for key, value in asked.items() if results.get(key) != value]:
        raise LabError(
            f"--place {place}: a run with other {other[0]} was begun there ({results[other[0]]})"
        )
    return results


class Show:
    """The steps. Each adds to `results`."""

    def __init__(self, place: Path, some: int, options: argparse.Namespace, results: dict):
        self.place, self.options, self.results = place, options, results
        students = results["students"]
        self.names = making.names(students)
        self.some = self.names[:: max(1, students // some)][:some]
        self._make("in", self.names)
        self._make("some", self.some)
        self.whole = self._run("class", "in")

    def _make(self, name: str, wanted: list[str]) -> None:
        """The folder of submissions with that name: those of `wanted`, if it isn't there."""
        target, part = self.place / name, self.place / f"{name}.part"
        if target.exists():
            return
        shutil.rmtree(part, ignore_errors=True)
        making.make(part, len(self.names))
        for path in part.iterdir():
            if path.name.removesuffix(".zip") not in wanted:
                path.unlink() if path.suffix else shutil.rmtree(path)
        part.rename(target)

    def _run(self, step: str, submissions: str, local: bool = True) -> Run:
        """A class to be graded, in the step's folder. local: by workers on this machine."""
        here = self.place / step
        more = ("--workers", str(self.options.workers)) if local else ()
        only = ("--only", *self.results["checks"], *more)
        return Run(self.place / submissions, here / "results", here / "cache", only)

    def do_class(self, say: Callable[[str], None]) -> None:
        self.whole.run()
        self._add("class", self.whole, len(self.names))
        if self.options.place:
            say(f"the page: {self.whole.out / 'index.html'}")

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
        here, folder = self.place / "alone", self.place / "some" / name
        if not folder.is_dir():
            shutil.unpack_archive(f"{folder}.zip", here / "unpacked" / name)
            folder = here / "unpacked" / name
        return alone(folder, self.results["checks"], here / "cache", here)

    def do_kills(self, say: Callable[[str], None]) -> None:
        run = self._run("kills", "some")
        killed = faults.with_kills(run, self.options.kill_every)
        self._add("kills", run, len(self.some), killed)

    def do_scheduler(self, say: Callable[[str], None]) -> None:
        run = self._run("scheduler", "some", local=False)
        every = 12 * self.options.kill_every
        killed = faults.with_a_scheduler_that_dies(run, self.options.workers, every)
        self._add("scheduler", run, len(self.some), killed)

    def do_disk(self, say: Callable[[str], None]) -> None:
        run = self._run("disk", "some")
        full = faults.with_a_disk_that_fills(run, DISK * len(self.some))
        self._add("disk", run, len(self.some), full)

    def do_scaling(self, say: Callable[[str], None]) -> None:
        for workers in (1, 2) if self.options.quick else (1, 2, 4, 8):
            say(f"scaling: {workers} workers")
            count = (10 if self.options.quick else 40) * workers
            place = self.place / "scaling" / f"local-{workers}"
            self.results["scaling"].append(scaling.local(workers, count, 1.0, place))

    def do_slurm(self, say: Callable[[str], None]) -> None:
        workers, each = (4, 5) if self.options.quick else (64, 15)
        place = self.place / "slurm"
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
