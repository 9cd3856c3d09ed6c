"""The report as Gradescope's results.json: what an autograder leaves in /autograder/results.

https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format
"""

import json

from grader.client import printable
from grader.results import CheckResult, Result

# Gradescope knows only passed and failed: a check that was not made, or that the grader failed in,
# has no status, and its output says what happened.
STATUS = {"passed": "passed", "failed": "failed"}


def results(result: Result, leaderboard: bool = False) -> str:
    """The file's text. Extra points are in the score: it may be above the assignment's total.

    leaderboard: with tokens/s for Gradescope's, which shows them to the whole class.
    """
    place = result.environment
    document = {
        "score": round(result.score + result.extra, 1),
        "output": f"{result.score:g} of {result.max_score:g} points"
        + (f", and {result.extra:g} extra" if result.extra else "")
        + f". Graded on {place['device']} ({place['device_name']}), seed {place['seed']}.",
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",  # students get what the tests say; stdout is for instructors
        "tests": [test(check) for check in result.checks],
        "extra_data": {"max_score": result.max_score, "extra": result.extra, "flags": result.flags},
    }
    if leaderboard:
        document["leaderboard"] = ranks(result)
    return json.dumps(document, indent=2) + "\n"


def ranks(result: Result) -> list[dict]:
    """The columns of the leaderboard, the first one sorted by. Machines differ: it is the ratio."""
    speed = {check.id: check for check in result.checks if check.status == "passed"}.get("speed")
    place = speed.evidence.get("ladder", {}) if speed else {}
    return [
        {"name": "speed, of the reference's", "value": round(place.get("ratio", 0.0), 2)},
        {"name": "tokens/s", "value": round(place.get("tokens_per_s", 0.0), 1)},
        {"name": "points", "value": round(result.score + result.extra, 1)},
    ]


def test(check: CheckResult) -> dict:
    """One check, as a test case."""
    made = {
        "name": f"{check.id}: {check.title}" + (" (extra)" if check.extra else ""),
        "name_format": "text",
        "score": check.points,
        "max_score": check.max_points,
        "output": printable(text(check)),
        "output_format": "text",
        "tags": ["extra"] if check.extra else [],
        "visibility": "visible",
    }
    if check.status in STATUS:
        made["status"] = STATUS[check.status]
    return made


def text(check: CheckResult) -> str:
    """All that there is to say of a check, in words: the first hint, no further ones."""
    parts = [check.message, check.doubt, check.lost, check.hint and f"Hint: {check.hint}"]
    parts.append(check.hint and check.revisit and f"Read again: {check.revisit}")
    return "\n".join(part for part in parts if part)
