"""Runs python -m grader.classroom, and watches it: time, memory, results."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from grader.results import Result, ResultError, read
from mingpt.paths import ROOT

EVERY = 1.0  # seconds between two looks at the memory


@dataclass
class Run:
    """One class, in a folder of its own: SUBMISSIONS, RESULTS, and the cache of the gradings."""

    submissions: Path
    out: Path
    cache: Path
    options: tuple[str, ...] = ()
    seconds: float = 0.0  # of all calls
    calls: int = 0
    peak: int = 0  # bytes: of the command and all below it
    said: str = ""
    statuses: list[int] = field(default_factory=list)

    def command(self) -> list[str]:
        base = [sys.executable, "-m", "grader.classroom", str(self.submissions)]
        return [*base, "--out", str(self.out), "--device", "cpu", *self.options]

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        return os.environ | {"PYTHONPATH": path, "MINGPT_CACHE": str(self.cache)}

    @contextlib.contextmanager
    def started(self):
        """The command's process, while it runs. What it says is kept in `said`."""
        self.out.parent.mkdir(parents=True, exist_ok=True)
        log = self.out.parent / f"{self.out.name}.log"
        begun = time.monotonic()
        with log.open("ab") as file:
            process = subprocess.Popen(
                self.command(), stdout=file, stderr=file, env=self.environment(), cwd=ROOT
            )
        watch = threading.Thread(target=self._watch, args=(process,), daemon=True)
        watch.start()
        try:
            yield process
            self.statuses.append(process.wait())
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            watch.join()
            self.seconds += time.monotonic() - begun
            self.calls += 1
            self.said = log.read_text("utf-8", "replace")

    def _watch(self, process: subprocess.Popen) -> None:
        while process.poll() is None:
            self.peak = max(self.peak, memory(process.pid))
            time.sleep(EVERY)

    def run(self) -> int:
        """To its end; the exit status."""
        with self.started():
            pass
        return self.statuses[-1]

    def results(self) -> dict[str, Result]:
        """By student. Raises ResultError."""
        return {path.stem: read(path) for path in sorted(self.out.glob("results/*.json"))}

    def gradings(self) -> int:
        return len(list(self.out.glob("gradings/*.json")))


def memory(pid: int) -> int:
    """Bytes of a process and all below it; what several share counts once."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for one in (top := psutil.Process(pid), *top.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += one.memory_full_info().pss
    return total


def verdicts(result: Result) -> dict[str, tuple[str, float]]:
    """What must be the same, whoever grades: status and points of each untimed check."""
    return {check.id: (check.status, check.points) for check in result.checks}


def differences(right: dict[str, Result], found: dict[str, Result]) -> list[str]:
    """What is not as it should be, a line each."""
    said = [f"{name}: no result" for name in right if name not in found]
    said += [f"{name}: nobody's result" for name in found if name not in right]
    for name in right.keys() & found.keys():
        ours, theirs = verdicts(right[name]), verdicts(found[name])
        if ours != theirs:
            said.append(f"{name}: {json.dumps(theirs)} and not {json.dumps(ours)}")
    return sorted(said)


def alone(submission: Path, checks: list[str], cache: Path, place: Path) -> Result | None:
    """The result of grade.py by itself; None where it gives none."""
    target = place / f"{submission.name}.json"
    command = [sys.executable, str(ROOT / "grader" / "grade.py"), str(submission), "--only"]
    command += [*checks, "--device", "cpu", "--no-history", "--json", str(target)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MINGPT_CACHE": str(cache)}
    subprocess.run(command, capture_output=True, env=environment, cwd=ROOT)
    try:
        return read(target)
    except ResultError:
        return None
