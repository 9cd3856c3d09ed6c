"""The grader's side of a worker: start it, ask it, give up on it in time, and say how it ended."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from grader import files
from grader.isolation import choice, sandbox
from grader.isolation.shelf import Shelf
from grader.protocol import FAILURE, ChannelClosed, Message, ProtocolError, pair

MOST_STIRRED = 0.5  # CPU seconds of a worker in all of its pauses
MAX_OUTPUT = 8_000  # characters of a submission's own output that are shown


class WorkerFailed(Exception):
    """A worker that can't be used any more. str() says what happened, in a student's words."""


class WorkerDied(WorkerFailed):
    """The process ended without an answer. `signal` is the signal's name, or "" after an exit."""

    def __init__(self, status: int):
        self.signal = _name_of_signal(-status) if status < 0 else ""
        self.status = status
        how = f"was killed by {self.signal}" if self.signal else f"ended with exit status {status}"
        super().__init__(f"the process that ran your code {how} without an answer")


class WorkerTimeout(WorkerFailed):
    """No answer within the time limit."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        super().__init__(f"your code did not finish within {seconds:.0f} s")


class WorkerStirred(WorkerFailed):
    """It worked while it was stopped."""

    def __init__(self):
        super().__init__(
            "your code went on working while it was stopped, for another's time to be taken"
        )


class WorkerTalksNonsense(WorkerFailed):
    """What came back over the channel isn't an answer."""


class RequestFailed(Exception):
    """The submission failed at what was asked; the worker lives. Fields: see worker/errors.py."""

    def __init__(self, error: dict):
        """error: FAILED of protocol/operations.py."""
        self.kind: str = error["kind"]
        self.type, self.message = printable(error["type"]), printable(error["message"])
        self.report: str | None = error["report"]  # as it came: to be parsed with care
        where = error["where"]
        self.where: dict | None = where and {
            name: printable(value) if isinstance(value, str) else value
            for name, value in where.items()
        }
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
        self._device = device
        self.failed: WorkerFailed | None = None
        self.counts_calls = False  # of the model's layers: it was given a counter
        self._output: str | None = None  # kept by close()
        self._pending: Message | None = None  # posted; its reply has not been read
        self._folder = files.temporary_folder("mingpt-grade-")
        self._channel, (theirs, memory) = pair()
        try:
            level = choice.in_force(device).name
            self.shelf = Shelf(self._folder, submission, level)
            self._sandbox = sandbox.start(
                ["-m", "grader.worker", str(theirs), str(memory), device],
                level=level,
                device=device,
                folder=self._folder,
                shown=self.shelf.shown,
                inherit=(theirs, memory),
                variables=variables or {},
            )
        except BaseException:
            self._channel.close()
            files.remove(self._folder)
            raise
        finally:
            os.close(theirs)
        self._alive = True

    def show(self, file: Path) -> str:
        """Let the worker read a file, such as a library; returns its path there. Raises OSError."""
        return str(self.shelf.add(file))

    def pause(self) -> None:
        """Stop it with all that the submission has started: while another one is timed."""
        if self._alive:
            self._sandbox.pause()

    def resume(self) -> None:
        """Let it go on: before it is asked again. Raises WorkerStirred."""
        if self._alive:
            self._sandbox.resume()
            if self._sandbox.stirred > MOST_STIRRED:
                self.failed = WorkerStirred()
                self._end()
                raise self.failed

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Let it run within this only, so that it takes no time from another that is timed."""
        self.resume()
        try:
            yield
        finally:
            self.pause()

    def post(self, op: str, *arrays: np.ndarray, **fields) -> None:
        """Ask without waiting: the next ask() waits for this first. For work started early.

        One request at a time: the memory that both share holds one message's arrays.
        """
        if self._pending:
            raise RuntimeError(f"{self._pending.op} was posted already, and its reply not awaited")
        request, deadline = Message(op, fields, arrays), time.monotonic() + 10
        self._guard(lambda: self._channel.send(request, deadline), 10)
        self._pending = request

    def ask(
        self, op: str, *arrays: np.ndarray, limit: float, **fields
    ) -> tuple[dict, list[np.ndarray]]:
        """Send a request and wait at most `limit` seconds for its reply: (fields, arrays), as
        protocol/operations.py declares them.

        Raises RequestFailed (the submission raised) or WorkerFailed (it crashed, hung, or sent
        something else).
        """
        self.settle(limit)
        request = Message(op, fields, arrays)
        return self._guard(lambda: self._ask(request, limit), limit)

    def settle(self, limit: float) -> None:
        """Wait for what was posted. Raises like ask()."""
        request, self._pending = self._pending, None
        if request:
            deadline = time.monotonic() + limit
            self._guard(lambda: self._reply(request, deadline), limit)

    def _ask(self, request: Message, limit: float):
        deadline = time.monotonic() + limit
        self._channel.send(request, deadline)
        return self._reply(request, deadline)

    def _reply(self, request: Message, deadline: float):
        reply = self._channel.receive(deadline, answer_to=request)
        if reply.role == FAILURE:
            raise RequestFailed(reply.fields)
        return reply.fields, reply.arrays

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
        files.remove(self._folder)

    def gpu_lost(self) -> str:
        """After a failure on a GPU: why no process can use it any more, "" where one can."""
        if self._device != "cuda" or not (reason := choice.trial(choice.in_force("cuda"), "cuda")):
            return ""
        return (
            f"the GPU can't be used any more: {reason}. What does nvidia-smi say? (A reset or a"
            " restart of the machine may be needed.)"
        )

    def _end(self, grace: float = 0.0) -> int:
        if self._alive:
            self._alive = False
            self._status = self._sandbox.kill(grace)
        return self._status

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _name_of_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most of the real-time signals have none
        return f"signal {number}"


def printable(text: str) -> str:
    """A text from a submission without control characters: it can't steer a terminal."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
