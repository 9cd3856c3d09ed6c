"""From a measured ratio to points."""


def fraction(ratio: float, full: float, zero: float) -> float:
    """The share of the points, 0 to 1, that a speed ratio (student / reference) earns.

    1 from `full` upwards, 0 from `zero` downwards, and a straight line in between: a small gain in
    speed is always a small gain in points, with no cliff.
    """
    if not zero < full:
        raise ValueError("the ratio for full marks must be above the ratio for none")
    return min(1.0, max(0.0, (ratio - zero) / (full - zero)))


def points(share: float, maximum: float) -> float:
    """Points to one decimal, never more than the maximum; all of them only for all of the work."""
    earned = round(share * maximum, 1)
    if share < 1.0:
        earned = min(earned, maximum - 0.1)
    return max(0.0, earned)
