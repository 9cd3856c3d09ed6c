"""What lab.check returns: the points, as a number that nbgrader reads as the cell's grade."""

from dataclasses import dataclass, field

from grader.results import PASSED, CheckResult


@dataclass(frozen=True, repr=False)
class Outcome:
    """The checks that were asked for. message: why none was run, if none was."""

    checks: list[CheckResult] = field(default_factory=list)
    message: str = ""

    @property
    def points(self) -> float:
        return round(sum(check.points for check in self.checks), 1)

    @property
    def max_points(self) -> float:
        """Without the points of checks that can't be made on this machine."""
        return round(sum(check.max_points for check in self.checks), 1)

    @property
    def passed(self) -> bool:
        """Whether all of them passed with all of their points, or could not be made here."""
        done = [check for check in self.checks if check.status == PASSED]
        lost = [check for check in self.checks if check.points < check.max_points]
        return bool(done) and not lost

    def __float__(self) -> float:
        return float(self.points)

    def __repr__(self) -> str:
        """The points alone: nbgrader's partial credit."""
        return str(float(self.points))

    def _repr_html_(self) -> str:
        if self.message:
            return f"{self.points:g} points"
        if not self.max_points:
            return "No points are at stake here."
        return f"<strong>{self.points:g}</strong> of {self.max_points:g} points"
