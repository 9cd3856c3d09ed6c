"""Two that do the same, timed in turns: which is faster, and how sure is that?

A machine is never quiet: clocks change, other programs come and go. So the student's run and the
reference's follow each other at once, in random order, on the same core, and give one ratio. What
disturbs a pair falls on both or makes one ratio an outlier, and the median of many leaves that out.
"""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from grader import evidence
from grader.outcome import Failure, Passed
from grader.rubric import Entry
from grader.scoring import Place, reason

SURE, CERTAIN = 0.95, 0.999  # how often an interval holds the true median
RESAMPLES = 1000
NORMAL = NormalDist()
WAKE = 0.02  # seconds of work before each timed run, so that clocks are up and caches warm


@dataclass(frozen=True)
class Pairs:
    """rates (pairs, 2): how much of the work a second, the student's and the reference's."""

    rates: np.ndarray
    again: bool = False  # an earlier measurement did not say enough, and was made anew

    @property
    def ratios(self) -> np.ndarray:
        return self.rates[:, 0] / self.rates[:, 1]

    @property
    def ratio(self) -> float:
        """The median: more is better."""
        return float(np.median(self.ratios))

    @property
    def spread(self) -> float:
        """The width of the middle half of the ratios, relative to their median."""
        low, high = np.percentile(self.ratios, (25, 75))
        return float((high - low) / self.ratio)

    def interval(self, sure: float = SURE) -> tuple[float, float]:
        """Where the true median lies, in so many of all measurements, whatever the distribution is.

        By the bootstrap: the middle part of the medians of samples that are drawn from the ratios
        themselves, a little more of it the fewer they are. (Hesterberg, "What Teachers Should Know
        About the Bootstrap", 2015: the expanded percentile interval.)
        """
        free = max(1, len(self.rates) - 1)
        z = NORMAL.inv_cdf((1 + sure) / 2)
        t = z + (z**3 + z) / (4 * free)  # Student's t, nearly
        outside = NORMAL.cdf(-t * math.sqrt(1 + 1 / free))
        low, high = np.quantile(self._medians, (outside, 1 - outside))
        return float(low), float(high)

    @cached_property
    def _medians(self) -> np.ndarray:
        """(RESAMPLES,). The draws are always the same: the same ratios give the same interval."""
        count = len(self.rates)
        drawn = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
        return np.median(self.ratios[drawn], axis=1)

    def place(self, name: str = "") -> Place:
        """On the curve of the points."""
        return Place(name, self.ratio, *self.interval())


def measure(
    student: Callable[[int], float],
    reference: Callable[[int], float],
    rubric: Entry,
    rng: np.random.Generator,
    deadline: float,
) -> Pairs:
    """Pairs of runs until they say enough (see rubric.toml), or until `deadline` (monotonic).

    student, reference: run once on the core given, and return the rate. Where the most pairs don't
    say enough, all is measured once more, if there is time: the more precise of the two counts.
    """
    pairs = _series(student, reference, rubric, rng, deadline)
    if is_certain(pairs, rubric) or time.monotonic() > deadline:
        return pairs
    second = _series(student, reference, rubric, rng, deadline)
    better = min(pairs, second, key=lambda one: one.place().uncertainty)
    return Pairs(better.rates, again=True)


def _series(
    student: Callable[[int], float],
    reference: Callable[[int], float],
    rubric: Entry,
    rng: np.random.Generator,
    deadline: float,
) -> Pairs:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    rates: list[tuple[float, float]] = []
    while True:
        core = int(rng.choice(cores))  # another each time: no bad one spoils them all
        if rng.integers(2):
            first = student(core)
            rates.append((first, reference(core)))
        else:
            first = reference(core)
            rates.append((student(core), first))
        pairs = Pairs(np.array(rates))
        if len(rates) >= rubric.rounds and (is_certain(pairs, rubric) or is_last(pairs, rubric)):
            return pairs
        if time.monotonic() > deadline:
            return pairs


def is_certain(pairs: Pairs, rubric: Entry) -> bool:
    """Precise enough; or certain to give all of the points, or none."""
    low, high = pairs.interval(CERTAIN)  # asked after each pair: a wide one
    known = low >= rubric.full_ratio or high <= rubric.zero_ratio
    return known or pairs.place().uncertainty <= rubric.precision


def is_last(pairs: Pairs, rubric: Entry) -> bool:
    return len(pairs.rates) >= rubric.max_rounds


def judge(
    measured: dict[str, Pairs],
    rubric: Entry,
    told: str,
    hint: str,
    unit: str,
    flags: tuple[str, ...] = (),
) -> Passed:
    """The mean of the shares of what was measured, as Passed; a Failure where it is 0.

    measured: by name, "" for a single one. told: the message's beginning. unit: of the rates, in
    names of figures. flags: of the outcome, besides those for what is noisy.
    """
    ends = rubric.full_ratio, rubric.zero_ratio
    places = [pairs.place(name) for name, pairs in measured.items()]
    share = float(np.mean([place.share(*ends, rubric.precision) for place in places]))
    message = told
    for name, pairs in measured.items():
        if noisy := how_noisy(pairs, rubric, f" of {name}" if name else ""):
            message += f" {noisy}"
            flags = (*flags, noisy)
    figures = {"full_marks_ratio": rubric.full_ratio, "zero_ratio": rubric.zero_ratio}
    for name, pairs in measured.items():
        figures |= figures_of(pairs, f"{name}_" if name else "", unit)
    lost = [why_lost(name, pairs, rubric, unit) for name, pairs in measured.items()]
    lost_text = "\n".join(text for text in lost if text)
    doubt = "\n".join(text for place in places if (text := place.doubt(*ends, rubric.precision)))
    drawn = evidence.curve(places, *ends, rubric.precision)
    if share == 0:
        message = f"{message}\n{lost_text}"
        raise Failure(message, hint, figures, idea="speed", evidence=drawn, flags=flags)
    hint = hint if share < 1 else ""
    return Passed(message, hint, figures, share, lost_text, "speed", drawn, flags, doubt)


def how_noisy(pairs: Pairs, rubric: Entry, of: str) -> str:
    """What is said of a measurement that does not say enough; "" for one that does."""
    count = len(pairs.rates)
    if count < rubric.rounds:
        runs = "pair of runs was" if count == 1 else "pairs of runs were"
        return (
            f"Only {count} {runs} made{of} in the time that the check has, of {rubric.rounds} at"
            " least. Grade again on a quieter machine."
        )
    if is_certain(pairs, rubric):
        return ""
    place = pairs.place()
    ends = [f"{end:g}" for end in (rubric.full_ratio, rubric.zero_ratio) if place.holds(end)]
    untold = f", and on which side of {' and '.join(ends)} it lies can't be told" if ends else ""
    return (
        f"The measurement{of} is noisy: after {count} pairs of runs"
        f"{', made twice,' if pairs.again else ''} the ratio is known to"
        f" ±{place.uncertainty:.0%} only{untold}. Grade again on a quieter machine."
    )


def why_lost(name: str, pairs: Pairs, rubric: Entry, unit: str) -> str:
    """The curve with the place on it, and what full marks need; "" for all of the points."""
    text = reason(pairs.place(name), rubric.full_ratio, rubric.zero_ratio, rubric.precision)
    if not text:
        return ""
    student, reference = np.median(pairs.rates, axis=0)
    needed = rubric.full_ratio * reference
    return (
        f"{text} All of them need {needed:,.0f} {unit.replace('_per_s', '/s')} here,"
        f" {needed / student:.2f} times yours."
    )


def figures_of(pairs: Pairs, prefix: str, unit: str) -> dict:
    student, reference = (float(x) for x in np.median(pairs.rates, axis=0))
    low, high = pairs.interval()
    return {
        f"{prefix}student_{unit}": student,
        f"{prefix}reference_{unit}": reference,
        f"{prefix}ratio": pairs.ratio,
        f"{prefix}ratio_low": low,
        f"{prefix}ratio_high": high,
        f"{prefix}spread": pairs.spread,
        f"{prefix}pairs": len(pairs.rates),
    }
