"""How far a class is: one line that is kept up to date on a terminal, one now and then in a log."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

EVERY = 30.0  # seconds between two lines of a log


class Progress:
    """total: gradings to make. clock: seconds, for tests."""

    def __init__(self, console: Console, total: int, clock: Callable[[], float] = time.monotonic):
        self._console, self.total, self._clock = console, total, clock
        self.done = self.failed = self._workers = 0
        self._slowest: tuple[float, str] = (0.0, "")
        self._begun = self._told = clock()
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.__enter__()
        return self

    def __exit__(self, *error) -> None:
        if self._live:
            self._live.update(self._table())
            self._live.__exit__(*error)
        elif self.done:
            self._console.print(self.line(), soft_wrap=True)

    def finished(self, name: str, seconds: float, failed: bool) -> None:
        """A grading has ended. failed: without a result, or with a fault of the grader."""
        self.done += 1
        self.failed += failed
        self._slowest = max(self._slowest, (seconds, name))
        self.tick(self._workers)

    def tick(self, workers: int) -> None:
        """Time goes by; so many workers are there."""
        self._workers = workers
        if self._live:
            self._live.update(self._table())
        elif self._clock() - self._told >= EVERY:
            self._told = self._clock()
            self._console.print(self.line(), soft_wrap=True)

    @property
    def running(self) -> int:
        return min(self._workers, self.total - self.done)

    @property
    def remaining(self) -> float | None:
        """Seconds, if it goes on as it did; None before the first has ended."""
        if not self.done:
            return None
        return (self._clock() - self._begun) / self.done * (self.total - self.done)

    def line(self) -> str:
        """All of it in words."""
        parts = [f"{self.done} of {self.total} gradings done", f"{self.running} running"]
        if not self._workers and self.done < self.total:
            parts.append("waiting for workers")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.remaining:
            parts.append(f"about {duration(self.remaining)} left")
        if self._slowest[1]:
            parts.append(f"slowest {self._slowest[1]} ({duration(self._slowest[0])})")
        return ", ".join(parts)

    def _table(self) -> Table:
        made = Table.grid(padding=(0, 1))
        made.add_row(ProgressBar(max(1, self.total), self.done, width=30), self.line())
        return made


def duration(seconds: float) -> str:
    """As 8 s, 3 min, 2 h 10 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
