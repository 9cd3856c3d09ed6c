"""The grader's side of a worker: start it, ask it, give up on it in time, and say how it ended."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from grader.isolation import sandbox
from grader.isolation.shelf import Shelf
from grader.protocol import Channel, ChannelClosed, ProtocolError

MAX_OUTPUT = 8_000  # characters of a submission's own output that are shown


class WorkerFailed(Exception):
    """A worker that can't be used any more. str() says what happened, in a student's words."""


class WorkerDied(WorkerFailed):
    """The process ended without an answer. `signal` is the signal's name, or "" after an exit."""

    def __init__(self, status: int):
        self.signal = signal.Signals(-status).name if status < 0 else ""
        self.status = status
        how = f"was killed by {self.signal}" if self.signal else f"ended with exit status {status}"
        super().__init__(f"the process that ran your code {how} without an answer")


class WorkerTimeout(WorkerFailed):
    """No answer within the time limit."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        super().__init__(f"your code did not finish within {seconds:.0f} s")


class WorkerTalksNonsense(WorkerFailed):
    """What came back over the channel isn't an answer."""


class RequestFailed(Exception):
    """The submission failed at what was asked; the worker lives. Fields: see worker/errors.py."""

    def __init__(self, error: dict):
        def text(key: str) -> str:
            value = error.get(key)
            return printable(value) if isinstance(value, str) else ""

        self.kind, self.type, self.message = text("kind"), text("type"), text("message")
        self.report: str | None = (
            error.get("report") if isinstance(error.get("report"), str) else None
        )
        where = error.get("where")
        self.where: dict | None = where if isinstance(where, dict) else None
        super().__init__(self.message)


class Worker:
    """One worker process. `ask` for what is needed; close() when done (or use `with`)."""

    def __init__(
        self,
        device: str = "cpu",
        variables: dict[str, str] | None = None,
        submission: Path | None = None,
    ):
        """submission: the folder that it may read. Raises OSError if no process can be started."""
        self.failed: WorkerFailed | None = None
        self._output: str | None = None  # kept by close()
        self._pending = 0  # requests posted whose replies have not been read
        self._folder = Path(tempfile.mkdtemp(prefix="mingpt-grade-"))
        self._shelf = Shelf(self._folder, submission)
        ours_read, theirs_write = os.pipe()
        theirs_read, ours_write = os.pipe()
        self._channel = Channel(ours_read, ours_write)
        try:
            self._sandbox = sandbox.start(
                ["-m", "grader.worker", str(theirs_read), str(theirs_write), device],
                device=device,
                folder=self._folder,
                shown=self._shelf.shown,
                inherit=(theirs_read, theirs_write),
                variables=variables or {},
            )
        except BaseException:
            self._channel.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        finally:
            os.close(theirs_read)
            os.close(theirs_write)
        self._alive = True

    def show(self, file: Path) -> str:
        """Let the worker read a file, such as a library; returns its path there. Raises OSError."""
        return str(self._shelf.add(file))

    def post(self, op: str, *arrays: np.ndarray, **fields) -> None:
        """Ask without waiting: the next ask() waits for this first. For work started early."""
        deadline = time.monotonic() + 10
        self._guard(lambda: self._channel.send({"op": op, **fields}, arrays, deadline), 10)
        self._pending += 1

    def ask(
        self, op: str, *arrays: np.ndarray, limit: float, **fields
    ) -> tuple[dict, list[np.ndarray]]:
        """Send a request and wait at most `limit` seconds for its reply: (header, arrays).

        Raises RequestFailed (the submission raised) or WorkerFailed (it crashed, hung, or sent
        nonsense).
        """
        self.settle(limit)
        return self._guard(lambda: self._ask(op, arrays, fields, limit), limit)

    def settle(self, limit: float) -> None:
        """Wait for what was posted. Raises like ask()."""
        while self._pending:
            self._pending -= 1
            deadline = time.monotonic() + limit
            self._guard(lambda: self._reply(deadline), limit)  # noqa: B023 (called at once)

    def _ask(self, op: str, arrays: Sequence[np.ndarray], fields: dict, limit: float):
        deadline = time.monotonic() + limit
        self._channel.send({"op": op, **fields}, arrays, deadline)
        return self._reply(deadline)

    def _reply(self, deadline: float):
        header, arrays = self._channel.receive(deadline)
        if header.get("ok") is True:
            return header, arrays
        if header.get("ok") is False and isinstance(header.get("error"), dict):
            raise RequestFailed(header["error"])
        raise ProtocolError("a reply is neither a success nor a failure")

    def _guard(self, action, limit: float):
        """Run `action`; turn what ends a worker into WorkerFailed, and end it."""
        if self.failed:
            raise self.failed
        try:
            return action()
        except ChannelClosed:
            self.failed = WorkerDied(self._end(grace=1.0))
        except TimeoutError:
            self.failed = WorkerTimeout(limit)
        except ProtocolError as error:
            self.failed = WorkerTalksNonsense(f"the answer can't be read: {error}")
        self._end()
        raise self.failed

    def output(self) -> str:
        """What the submission has printed so far, its beginning."""
        if self._output is not None:
            return self._output
        try:
            with open(self._folder / "output", "rb") as file:
                data = file.read(MAX_OUTPUT + 1)
        except OSError:
            return ""
        text = printable(data[:MAX_OUTPUT].decode(errors="replace"))
        return text + ("\n[cut here]" if len(data) > MAX_OUTPUT else "")

    def close(self) -> None:
        """Kill the worker with all of its children, and remove its scratch directory."""
        self._end()
        self._channel.close()
        self._output = self.output()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, grace: float = 0.0) -> int:
        if self._alive:
            self._alive = False
            self._status = self._sandbox.kill(grace)
        return self._status

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def printable(text: str) -> str:
    """A text from a submission without control characters: it can't steer a terminal."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
