"""The report as one HTML page that needs nothing else: no network, no script, no other file.

Made of what `view` collects, by report.html (a Jinja2 template), report.css, and the base.css that
it shares with the page of a profile. Whatever comes from a submission is escaped.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jinja2

import simt.profiling
from grader import evidence
from grader.client import printable
from grader.history import entry, is_entry
from grader.report import drawings, ladder
from grader.report.terminal import figure, points, scope_of
from grader.results import CheckResult, Result
from grader.scoring import Place
from simt.profiling.findings import explain
from simt.profiling.pictures import roofline_picture
from simt.profiling.roofline import DEFAULT_GPU

_FOLDERS = Path(__file__).parent, Path(simt.profiling.__file__).parent / "page"
WORDS = {
    "passed": "pass",
    "part": "part",
    "failed": "fail",
    "skipped": "skipped",
    "error": "grader's error",
}
MARKS = {"passed": "✓", "part": "◐", "failed": "✗", "skipped": "–", "error": "!"}
OUTPUT = 20_000  # characters of what a submission printed


@functools.cache
def templates(*folders: Path) -> jinja2.Environment:
    """The report's templates and style sheets, and those of other folders."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, *_FOLDERS]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(result: Result) -> str:
    """The page's text."""
    return templates().get_template("report.html").render(**view(clean(result)))


def clean(result: Result) -> Result:
    """The same, with no control characters in its texts."""
    checks = [replace(check, **_clean(vars(check))) for check in result.checks]
    return replace(result, **_clean(vars(result) | {"checks": checks}))


def _clean(value):
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return printable(value) if isinstance(value, str) else value


def view(result: Result) -> dict:
    """What the template shows."""
    checks = [_check(check, result) for check in result.checks if _has_something_to_say(check)]
    current = entry(result)
    return {
        "title": result.submission or "a submission",
        "score": current["score"],
        "max_score": current["max_score"],
        "extra": current["extra"],
        "share": _share(current),
        "scope": scope_of(result),
        "flags": result.flags,
        "first": next((check["id"] for check in checks if check["status"] == "failed"), ""),
        "checks": checks,
        "traffic": _functions(result),
        "gpu": DEFAULT_GPU,
        "ladder": _tolerant(ladder.view, result),
        "history": _history(result, current),
        "place": result.environment,
        "versions": [(name, str(one)) for name, one in result.environment["versions"].items()],
    }


def _has_something_to_say(check: CheckResult) -> bool:
    return check.status != "skipped" or bool(check.message)


def _tolerant(draw: Callable, *arguments):
    """What `draw` gives; None for evidence that is not there, or not of its form: a report shows
    the rest all the same."""
    try:
        return draw(*arguments)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
        return None


def _check(check: CheckResult, result: Result) -> dict:
    return {
        "id": check.id,
        "title": check.title,
        "status": check.status,
        "standing": check.standing,
        "word": WORDS[check.standing],
        "mark": MARKS[check.standing],
        "points": points(check),
        "message": check.message,
        "doubt": check.doubt,
        "lost": _without_curve(check.lost),
        "hints": [hint for hint in (check.hint, *check.more_hints) if hint],
        "revisit": check.revisit if check.hint else "",
        "errors": _tolerant(_errors, check.evidence),
        "curve": _tolerant(_curve, check.evidence),
        "figures": [
            (str(name).replace("_", " "), figure(value)) for name, value in check.figures.items()
        ],
        "output": result.outputs.get(check.id, "")[:OUTPUT],
    }


def _without_curve(text: str) -> str:
    """A terminal's drawing of the curve: here it is a picture."""
    return re.sub("[●─]{5,}", "…", text)


def _errors(found: dict) -> dict:
    errors = found["errors"]
    return {
        "case": str(errors["case"]),
        "words": drawings.error_words(errors),
        "cell": " × ".join(str(int(size)) for size in errors["cell"]),
        "picture": drawings.error_map(errors),
    }


def _curve(found: dict) -> dict:
    curve = found["curve"]
    ends = full, _ = curve["full_ratio"], curve["zero_ratio"]
    places = [Place(**place) for place in curve["places"]]
    rows = [
        {
            "name": str(one.name) or "tokens/s",
            "ratio": f"{one.ratio:.2f}",
            "interval": f"{one.low:.2f} to {one.high:.2f}",
            "share": f"{one.share(*ends, curve.get('precision', 0.0)):.0%}",
            "needs": f"{full:g}",
        }
        for one in places
    ]
    measured = any(one.low != one.high for one in places)
    return {"picture": drawings.points_curve(curve), "rows": rows, "measured": measured}


def _functions(result: Result) -> list[dict]:
    """The memory traffic of each function that was counted."""
    counted = [one for check in result.checks for one in _listed(check.evidence.get("traffic"))]
    return [made for one in counted if (made := _tolerant(_function, one))]


def _listed(value: object) -> list:
    return value if isinstance(value, list) else []


def _function(one: dict) -> dict:
    line = _tolerant(drawings.roof, one, DEFAULT_GPU)
    return {
        "name": str(one["function"]),
        "case": str(one["case"]),
        "sectors": f"{one['sectors']:,.0f}",
        "reference": f"{one['reference_sectors']:,.0f}",
        "extra_passes": f"{one['extra_passes']:,.0f}",
        "ratio": f"{one['ratio']:.2f}",
        "requests": _tolerant(drawings.requests, one["accesses"][: evidence.MOST_ACCESSES]) or [],
        "roofline": line and {"words": explain(line), "picture": roofline_picture(line)},
    }


def _share(one: dict) -> float:
    """Of the score that could be had, 0 to 1."""
    most = one["max_score"]
    return min(1.0, max(0.0, one["score"] / most)) if most > 0 else 0.0


def _history(result: Result, current: dict) -> dict:
    entries = [*(one for one in result.history if is_entry(one)), current]
    return {
        "entries": [
            {
                "date": one["date"].replace("T", " ")[:16],
                "score": f"{one['score']:g} of {one['max_score']:g}",
                "extra": f"{one['extra']:g}" if one["extra"] else "",
                "where": one["device_name"],
            }
            for one in reversed(entries)
        ],
        "picture": _tolerant(drawings.score_history, entries) if len(entries) > 1 else None,
    }
