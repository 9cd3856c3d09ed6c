"""What isolation costs: grades a submission at each level that works here, in turn.

    python bench/isolation.py                                   solutions/, all checks
    python bench/isolation.py --times 3 --only gelu layernorm   fewer

Each grading is a command of its own. Prints the median time at each level, and how much longer that
is than with no more than limits and a filter of system calls (`process`); then one line of JSON.
Exit status 1 if a grading failed, or did not end with the same points as the first.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # not bench/: a file there would stand in for a package of the same name

from rich.console import Console
from rich.progress import Progress

import grader.checks  # noqa: F401 (fills REGISTRY)
from bench.tables import Table
from grader import environment, results
from grader.framework import REGISTRY
from grader.isolation import choice, levels
from mingpt.errors import LabError


def available(device: str) -> list[str]:
    """The levels in which a worker works here, the strongest first."""
    return [one.name for one in levels.candidates() if not choice.trial(one, device)]


def graded(
    submission: Path, level: str, only: list[str], device: str, folder: Path
) -> tuple[float, float]:
    """One grading: the seconds that it took, and its score. Raises LabError."""
    document = folder / "result.json"
    only = ["--only", *only] if only else []
    command = [sys.executable, str(ROOT / "grader" / "grade.py"), str(submission), *only,
               "--device", device, "--no-history", "--json", str(document)]  # fmt: skip
    begun = time.monotonic()
    done = subprocess.run(
        command, env=os.environ | {"MINGPT_ISOLATION": level}, capture_output=True, text=True
    )
    took = time.monotonic() - begun
    if not document.is_file():
        raise LabError(f"grade.py failed with {level}: {done.stderr.strip()[-500:]}")
    score = results.read(document).score
    document.unlink()
    return took, score


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("submission", nargs="?", type=Path, default=ROOT / "solutions")
    add("--times", type=int, default=5, help="gradings at each level (default: 5)")
    add("--only", nargs="+", choices=tuple(REGISTRY), metavar="CHECK", help="default: all")
    add("--device", choices=("cpu", "cuda", "auto"), default="auto")
    options = parser.parse_args()
    try:
        device = environment.choose_device(options.device)
        found = available(device)
        took: dict[str, list[float]] = {level: [] for level in found}
        scores = set()
        with tempfile.TemporaryDirectory() as folder, Progress(transient=True) as progress:
            turns = [None, *(level for _ in range(options.times) for level in mixed(found))]
            for level in progress.track(turns):  # the first builds what the others find built
                asked = options.submission.resolve(), level or found[0], options.only, device
                seconds, score = graded(*asked, Path(folder))
                scores.add(score)
                if level:
                    took[level].append(seconds)
    except LabError as error:
        sys.exit(f"Error: {error}")
    medians = {level: statistics.median(times) for level, times in took.items()}
    least = medians[levels.PROCESS]
    rows = [
        [level, f"{medians[level]:.1f}", f"{min(times):.1f} to {max(times):.1f}",
         f"{100 * (medians[level] / least - 1):+.1f} %"]
        for level, times in took.items()
    ]  # fmt: skip
    head = ["isolation", "seconds, median", "all", "more than process"]
    Table(f"Gradings at each level, on {device}: {options.times}", head, rows).print(Console())
    print(json.dumps({"device": environment.describe(device, 0), "seconds": took}))
    return 0 if len(scores) == 1 else 1


def mixed(items: list[str]) -> list[str]:
    return random.sample(items, len(items))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
