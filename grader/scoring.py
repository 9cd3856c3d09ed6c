"""From a measured ratio to points."""


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
