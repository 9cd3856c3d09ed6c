"""What the scheduler takes for each submission, for any number of workers.

Gradings are made by a script that sleeps, so that the machine is free whatever the number of
workers is. It notes who began when: between two gradings of one worker, all but the sleep is what
scheduling, storing and starting a process take.
"""

import itertools
import os
import statistics
import sys
import time
from pathlib import Path

from bench.classes.running import Run
from grader.results import CheckResult, Result
from tests.classroom.slurm import Slurm

# Begins as grade.py does: the submission comes first; the document's path, last.
SLEEPER = """#!/bin/sh
for target; do :; done
echo "$PPID $(date +%s.%N)" >> "{here}/begun"
sleep {seconds}
cp "{here}/document.json" "$target"
"""
JOB_WORKERS = 8
SLURM = """\
[cluster]
queue = "students"
cores = {workers}
processes = {workers}
memory = "16GB"
walltime = "01:00:00"
interface = "lo"
local_directory = "{here}"
python = "{python}"

[scale]
minimum_jobs = {jobs}
maximum_jobs = {jobs}
"""


def local(workers: int, count: int, seconds: float, place: Path) -> dict:
    """`count` submissions on so many workers of this machine."""
    return _measured(workers, count, seconds, place, ("--workers", str(workers)), "local")


def slurm(workers: int, count: int, seconds: float, place: Path) -> dict:
    """The same on jobs of Slurm's: dask-jobqueue itself, on a stub of Slurm."""
    place.mkdir(parents=True)
    stub = Slurm(place / "slurm")
    each = min(JOB_WORKERS, workers)
    config = place / "slurm.toml"
    jobs = workers // each
    config.write_text(SLURM.format(workers=each, jobs=jobs, here=place, python=sys.executable))
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{stub.bin}{os.pathsep}{path}"
    try:
        made = _measured(workers, count, seconds, place, ("--slurm", str(config)), "Slurm")
    finally:
        os.environ["PATH"] = path
        stub.end()
    return made | {"jobs": len(stub.jobs)}


def _measured(
    workers: int, count: int, seconds: float, place: Path, options: tuple[str, ...], where: str
) -> dict:
    submissions = place / "in"
    for i in range(count):
        folder = submissions / f"s{i:05}"
        folder.mkdir(parents=True)
        (folder / "gpt.cu").write_text(f"// {i}\n")
    checks = [CheckResult("gelu", "gelu", "passed", 10, 10, fraction=1.0)]
    about = {"date": "", "device": "cpu", "device_name": "", "platform": "", "versions": {}}
    about |= {"seed": "", "isolation": "bubblewrap"}
    Result(checks, about).write(place / "document.json")
    script = place / "sleeper.sh"
    script.write_text(SLEEPER.format(here=place, seconds=seconds))
    grader = ("--only", "gelu", "--grader", f"sh {script}")
    run = Run(submissions, place / "out", place / "cache", (*options, *grader))
    started = time.time()
    status = run.run()
    return {
        "where": where,
        "workers": workers,
        "submissions": count,
        "status": status,
        "sleep_s": seconds,
        **figures(
            (place / "begun").read_text(),
            seconds,
            started,
            [path.stat().st_mtime for path in run.out.glob("gradings/*.json")],
            time.time(),
        ),
        "peak_bytes": run.peak,
        "points": sorted({one.score for one in run.results().values()}),
    }


def figures(log: str, sleep: float, started: float, stored: list[float], ended: float) -> dict:
    """log: a line "WORKER TIME" for each grading begun. Times in seconds since the epoch.

    overhead_s: of a worker, between two gradings; the median and the 95th of 100.
    """
    begun: dict[str, list[float]] = {}
    for line in log.splitlines():
        worker, when = line.split()
        begun.setdefault(worker, []).append(float(when))
    gaps = [
        later - earlier - sleep
        for times in map(sorted, begun.values())
        for earlier, later in itertools.pairwise(times)
    ]
    first = min(min(times) for times in begun.values())
    return {
        "begun": sum(map(len, begun.values())),
        "seen_workers": len(begun),
        "startup_s": first - started,
        "graded_s": max(stored) - first,
        "files_s": ended - max(stored),
        "overhead_s": statistics.median(gaps) if gaps else 0.0,
        "overhead_95_s": sorted(gaps)[int(0.95 * (len(gaps) - 1))] if gaps else 0.0,
    }


def estimate(count: int, workers: int, grading: float, overhead: float, files: float) -> float:
    """Seconds for a class. grading: of one, on a worker. overhead: for one, between two. files: for
    one submission, at the end."""
    return count * ((grading + overhead) / workers + files)
