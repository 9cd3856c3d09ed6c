"""What may go wrong while a class is graded, done on purpose: again and again, to real runs."""

import contextlib
import random
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.classes.running import Run
from grader.classroom.__main__ import NOT_WRITTEN
from mingpt.errors import LabError
from mingpt.paths import ROOT

GROWTH = 1.25  # of a full disk, before the next run


def with_kills(run: Run, every: float) -> int:
    """Run it while one of its workers, drawn at random, is killed every so many seconds. How often.

    Killed are Dask's workers, by SIGKILL. A grading is no child that ends with them.
    """
    dice, stop, killed = random.Random(1), threading.Event(), 0
    with run.started() as process:

        def kill() -> None:
            nonlocal killed
            while not stop.wait(every):
                if not killed and not list(run.cache.glob("classroom/*/*/pid")):
                    continue  # the first grading has not begun
                with contextlib.suppress(psutil.Error, IndexError):
                    below = psutil.Process(process.pid).children(recursive=True)
                    workers = [one for one in below if "spawn_main" in " ".join(one.cmdline())]
                    dice.choice(workers).kill()
                    killed += 1

        killer = threading.Thread(target=kill)
        killer.start()
        process.wait()
        stop.set()
        killer.join()
    return killed


def with_a_scheduler_that_dies(run: Run, workers: int, every: float) -> int:
    """Run it on a cluster whose scheduler is killed every so many seconds, and started again by
    who looks after it, as are the workers that end without it. How often."""
    killed = 0
    with _cluster(run, workers) as (address, kill):
        run.options = (*run.options, "--cluster", address)
        with run.started() as process:
            while True:
                try:
                    process.wait(every)
                    break
                except subprocess.TimeoutExpired:
                    kill()
                    killed += 1
    return killed


@contextlib.contextmanager
def _cluster(run: Run, workers: int) -> Iterator[tuple]:
    """(address, kill): a scheduler and workers that are started again whenever one has ended."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m"]
    commands = [[*dask, "distributed.cli.dask_scheduler", "--no-dashboard", "--host", "127.0.0.1",
                 "--port", port]]  # fmt: skip
    commands += workers * [
        [*dask, "distributed.cli.dask_worker", address, "--no-dashboard", "--nthreads", "1",
         "--host", "127.0.0.1", "--memory-limit", "0", "--death-timeout", "60"]
    ]  # fmt: skip
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    stop = threading.Event()

    def start(command: list[str]) -> subprocess.Popen:
        return subprocess.Popen(command, env=run.environment(), cwd=ROOT, **quiet)

    running = [start(command) for command in commands]

    def look_after() -> None:
        while not stop.wait(1.0):
            for i, command in enumerate(commands):
                if running[i].poll() is not None:
                    running[i] = start(command)

    keeper = threading.Thread(target=look_after)
    keeper.start()
    try:
        yield address, lambda: running[0].kill()
    finally:
        stop.set()
        keeper.join()
        for one in running:
            with contextlib.suppress(psutil.Error):
                for child in psutil.Process(one.pid).children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        child.kill()
            one.kill()
            one.wait()


def with_a_disk_that_fills(run: Run, size: int) -> int:
    """Run it with RESULTS on a disk of `size` bytes; whenever it is full, on a larger one, until it
    is done. How often it was full. `run.out` is then an ordinary folder.

    Raises LabError where no disk can be made: that takes root.
    """
    disk = run.out.parent / f"{run.out.name}-disk"
    full, kept = 0, run.out
    with _mounted(disk, size):
        run.out = disk
        while run.run() == NOT_WRITTEN:
            full += 1
            size = int(size * GROWTH)
            _mount("remount", size, disk)
        shutil.copytree(disk, kept)
    run.out = kept
    return full


@contextlib.contextmanager
def _mounted(folder: Path, size: int) -> Iterator[None]:
    folder.mkdir(parents=True)
    _mount("rw", size, folder)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=False)


def _mount(how: str, size: int, folder: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", f"{how},size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise LabError(f"No small disk can be made here: {error}.") from None
    if done.returncode:
        raise LabError(f"No small disk can be made here: {done.stderr.strip()}")
