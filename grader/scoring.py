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


def reason(ratio: float, full: float, zero: float, what: str = "") -> str:
    """Why not all points, where a ratio does not earn them: the curve, and the place on it."""
    share = fraction(ratio, full, zero)
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
