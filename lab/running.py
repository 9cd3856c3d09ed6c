"""Runs the lab's commands in processes of their own, which an interrupt ends at once, all of them.

A command prints events, a line of JSON each. It leads a session of its own: a notebook's interrupt
goes to the kernel alone, which then ends the command with all of its children.
"""

import codecs
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from mingpt.paths import ROOT

GRACE = 3.0  # seconds that a command has to end its own children
TICK = 0.5  # seconds between two looks at the time


class Run:
    """A command that is running."""

    def __init__(self, module: str, arguments: list[str]):
        self._began = time.monotonic()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._output: queue.Queue[bytes] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab.child", module, *arguments],
            cwd=ROOT,  # where the packages are, and no module of the student's
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def pieces(self) -> Iterator[str]:
        """What it prints, as it comes; "" now and then, to show that time goes by."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            try:
                data = self._output.get(timeout=TICK)
            except queue.Empty:
                yield ""
                continue
            if not data:
                return
            yield decoder.decode(data)

    def events(self) -> Iterator[dict | None]:
        """Each event as it comes; None now and then, to show that time goes by."""
        text = ""
        for piece in self.pieces():
            *lines, text = (text + piece).split("\n")
            for line in lines:
                with suppress(ValueError):  # a line that is no event's
                    event = json.loads(line)
                    if isinstance(event, dict):
                        yield event
            yield None

    def wait(self) -> int:
        """Its exit status, once it has printed all."""
        return self.process.wait()

    def errors(self) -> str:
        """What it wrote to standard error."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()

    def _read(self) -> None:
        """In a thread: a queue can be waited for with a time limit everywhere."""
        with self.process.stdout as output:
            while data := os.read(output.fileno(), 1 << 16):
                self._output.put(data)
        self._output.put(b"")

    def close(self) -> None:
        """End it, whatever it does. No process of it is left."""
        family = _family(self.process)
        if self.process.poll() is None:
            self.process.terminate()  # the grader ends its workers, which are no children of ours
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
        for member in {*family, *_family(self.process)}:
            with suppress(psutil.Error):
                member.kill()  # unless its number is another's by now
        with suppress(OSError):
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self._errors.close()


def _environment() -> dict[str, str]:
    """Of a command: Jupyter asks for colours in it, which have no place in a message."""
    kept = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    return {**kept, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100", "NO_COLOR": "1"}


def _family(process: subprocess.Popen) -> list[psutil.Process]:
    """All that it started, and what these did."""
    with suppress(psutil.Error):
        return psutil.Process(process.pid).children(recursive=True)
    return []


@contextmanager
def running(module: str, *arguments: object) -> Iterator[Run]:
    """A command, ended at the end of the block. module: run as `python -m`, with the arguments."""
    run = None
    try:
        with _interrupts_wait():
            run = Run(module, [str(argument) for argument in arguments])
        yield run
    finally:
        if run:
            with _interrupts_wait():
                run.close()


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """An interrupt in this block comes at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets any
        return
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
