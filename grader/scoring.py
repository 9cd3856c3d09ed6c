"""From a measured ratio to points."""

from dataclasses import dataclass


def fraction(ratio: float, full: float, zero: float) -> float:
    """The share of the points, 0 to 1, that a ratio (student / reference) earns.

    1 from `full` on, 0 from `zero` on, and a straight line in between: a small gain is always a
    small gain in points, with no cliff. More is better where `full` is above `zero` (speed), less
    is better where it is below (traffic).
    """
    if full == zero:
        raise ValueError("the ratio for full marks must differ from the ratio for none")
    return min(1.0, max(0.0, (ratio - zero) / (full - zero)))


def points(share: float, maximum: float) -> float:
    """Points to one decimal, never more than the maximum; all of them only for all of the work."""
    earned = round(share * maximum, 1)
    if share < 1.0:
        earned = min(earned, maximum - 0.1)
    return max(0.0, earned)


@dataclass(frozen=True)
class Place:
    """On a curve of points: what was measured (name "" for the only one), its ratio, and the 95 %
    interval, which has no width for what is counted."""

    name: str
    ratio: float
    low: float
    high: float

    @property
    def uncertainty(self) -> float:
        """Half the interval's width, relative to the ratio."""
        return (self.high - self.low) / 2 / self.ratio

    def credited(self, full: float, zero: float, precision: float) -> float:
        """The ratio that the points are for.

        Where an end of the curve lies within the interval, nobody can tell on which side of it the
        true ratio is. Then the upper end of the interval counts: the student has the benefit of the
        doubt. Not so where the ratio is not even known to ± `precision`: noise is no merit.
        """
        doubtful = self.holds(full) or self.holds(zero)
        return self.high if doubtful and self.uncertainty <= precision else self.ratio

    def share(self, full: float, zero: float, precision: float = 0.0) -> float:
        """Of the points, 0 to 1."""
        return fraction(self.credited(full, zero, precision), full, zero)

    def doubt(self, full: float, zero: float, precision: float) -> str:
        """What the measurement can't tell, and what is made of it; "" where it tells enough."""
        credited = self.credited(full, zero, precision)
        if credited == self.ratio:
            return ""
        of = f"{self.name}: {self.ratio:.2f}" if self.name else f"{self.ratio:.2f}"
        between = f"({self.low:.3f} to {self.high:.3f})"
        if self.holds(full):
            return (
                f"{of} of the reference's; all the points need {full:g}, which is within what this"
                f" measurement can tell {between}: you get them."
            )
        return (
            f"{of} of the reference's; up to {zero:g} there are no points, which is within what"
            f" this measurement can tell {between}: you get those of {credited:.3f}."
        )

    def holds(self, end: float) -> bool:
        """Whether the interval does: on which side of `end` the true ratio is can't be told."""
        return self.low <= end <= self.high


def reason(place: Place, full: float, zero: float, precision: float = 0.0) -> str:
    """Why not all points, where a place does not earn them: the curve, and the place on it."""
    share, ratio, what = place.share(full, zero, precision), place.ratio, place.name
    if share == 1:
        return ""
    low, high = (zero, full) if zero < full else (full, zero)
    far = (ratio - low) / (high - low)
    place = round(min(1.0, max(0.0, far)) * (CURVE - 1))
    drawn = "".join("●" if i == place else "─" for i in range(CURVE))
    of = f"{what}: " if what else ""
    ends = ("none", "all") if zero < full else ("all", "none")
    curve = (
        f"{'p' if what else 'P'}oints go from {ends[0]} at {low:g} {drawn} to {ends[1]} at {high:g}"
    )
    return f"{of}{curve}; you are at {ratio:.2f}: {share:.0%} of them."


CURVE = 25  # characters
