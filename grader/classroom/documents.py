"""A student's result document: made of the gradings of the parts, scored by today's rubric.

What was measured stays as it was. Points and curves are applied here, so that a change of them
needs no new grading, where the stored figures allow it:

- points: of every check;
- the curve of traffic: always (counts do not vary);
- the curve of kernel_speed, speed, fast and bonus: where the ratio is known precisely enough, or
  its interval lies beyond an end of the new curve. A measurement stops when the old curve's outcome
  is certain, and may be too rough for another one.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from grader.framework import REGISTRY
from grader.results import ERROR, FAILED, PASSED, CheckResult, Result
from grader.rubric import Entry, Rubric
from grader.scoring import Place, points, reason

DEADLY = "deadly"  # in the environment of a document: how often its grading ended without one


class NeedsMeasuring(Exception):
    """The stored figures don't say what a check earns by the new curve."""

    def __init__(self, check: str):
        super().__init__(check)
        self.check = check


def whole(parts: Iterable[Result], name: str) -> Result:
    """One document of the untimed and the timed part: each check from the part that graded it."""
    untimed, *timed = parts
    checks = {check.id: check for check in untimed.checks}
    outputs, environment = dict(untimed.outputs), dict(untimed.environment)
    flags = list(untimed.flags)
    for part in timed:
        ours = {c.id for c in part.checks if REGISTRY[c.id].timed or c.id not in checks}
        checks |= {check.id: check for check in part.checks if check.id in ours}
        outputs |= {id: text for id, text in part.outputs.items() if id in ours}
        flags += [flag for flag in part.flags if flag["id"] in ours]
        if ours:
            place = ("date", "device_name", "cores", "seed")
            environment["timed"] = {key: part.environment.get(key) for key in place}
    ordered = [checks[id] for id in REGISTRY if id in checks]
    return replace(
        untimed,
        checks=ordered,
        environment=environment,
        outputs=outputs,
        submission=name,
        flags=flags,
    )


def rescored(result: Result, rubric: Rubric) -> Result:
    """The same figures with the points of this rubric. Raises NeedsMeasuring."""
    return replace(result, checks=[_rescored(check, rubric[check.id]) for check in result.checks])


def _rescored(check: CheckResult, entry: Entry) -> CheckResult:
    if check.max_points:  # else it counts for nothing here, whatever it is worth
        check = replace(check, max_points=entry.points)
    curve = check.evidence.get("curve")
    if curve and check.status in (PASSED, FAILED) and hasattr(entry, "full_ratio"):
        old, new = _ends(curve), (entry.full_ratio, entry.zero_ratio)
        if old != new:
            check = _on_curve(check, entry, old, new)
    if check.status == PASSED:
        return replace(check, points=points(check.fraction, check.max_points))
    return check


def _on_curve(check: CheckResult, entry: Entry, old: tuple, new: tuple) -> CheckResult:
    """With another curve. Raises NeedsMeasuring where the figures are too few or too rough."""
    curve = check.evidence["curve"]
    places = [Place(**place) for place in curve["places"]]
    precision = curve.get("precision", 0.0)
    if abs(_share(check, places, *old, precision) - check.fraction) > 1e-6:
        raise NeedsMeasuring(check.id)  # its points are made in a way that is not known here
    for place in places:
        certain = place.low >= new[0] or place.high <= new[1]
        if not certain and place.uncertainty > precision:
            raise NeedsMeasuring(check.id)
    share = _share(check, places, *new, precision)
    lost = [reason(place, *new, precision) for place in places]
    doubt = [place.doubt(*new, precision) for place in places]
    evidence = check.evidence | {"curve": curve | {"full_ratio": new[0], "zero_ratio": new[1]}}
    return replace(
        check,
        status=PASSED if share else FAILED,
        fraction=share,
        points=check.points if share else 0.0,
        lost="\n".join(filter(None, lost)),
        doubt="\n".join(filter(None, doubt)),
        evidence=evidence,
    )


def _ends(curve: dict) -> tuple[float, float]:
    return curve["full_ratio"], curve["zero_ratio"]


def _share(check: CheckResult, places: list[Place], *curve: float) -> float:
    """Of the points: the mean of the places; traffic weighs them by the reference's sectors."""
    sectors = {
        one["function"]: one["reference_sectors"] for one in check.evidence.get("traffic", [])
    }
    weights = [sectors.get(place.name, 1.0) for place in places]
    shares = [place.share(*curve) for place in places]
    return float(np.average(shares, weights=weights))


# ---------------------------------------------------------------------------- without a grading


def ungraded(message: str, status: str, ids: list[str], rubric: Rubric, device: str) -> Result:
    """A document for a submission that gave none: these checks have this status and message."""
    checks = [
        CheckResult(id, REGISTRY[id].title, status, 0.0, rubric[id].points, message) for id in ids
    ]
    environment = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device,
        "device_name": "",
        "cores": None,
        "platform": "",
        "versions": {},
        "seed": "",
        "isolation": "nothing was run",
    }
    return Result(checks, environment)


def deadly(tries: int, said: str, ids: list[str], rubric: Rubric, device: str) -> Result:
    """Of a submission that ends the process that grades it, each time."""
    message = (
        f"The grading of this submission ended {tries} times without a result: the process that"
        " grades it was killed, ran out of memory, or never ended. An instructor looks at it."
    )
    made = ungraded(f"{message}\n{said}".strip(), ERROR, ids, rubric, device)
    made.environment[DEADLY] = tries
    return made


def parsed(text: str) -> Result:
    """The result in a document's text. Raises ResultError."""
    return Result.from_document(json.loads(text))
