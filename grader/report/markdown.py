"""The report in Markdown, as GitHub shows it: a job's summary, a comment.

Whatever a submission has said stands in <pre>, escaped: it is neither HTML nor Markdown there.
"""

from html import escape

from grader.client import printable
from grader.report.gradescope import text
from grader.results import CheckResult, Result

SIGNS = {"passed": "✅", "part": "🟡", "failed": "❌", "skipped": "➖", "error": "⚠️"}
LONGEST = 6_000  # characters of a check's text: a summary holds 1 MB


def page(result: Result) -> str:
    """The file's text."""
    extra = f", and {result.extra:g} extra" if result.extra else ""
    place = result.environment
    lines = [f"## {result.score:g} of {result.max_score:g} points{extra}", ""]
    lines += ["| | check | points |", "|---|---|---|", *map(row, result.checks), ""]
    lines += [detail(check) for check in result.checks if text(check)]
    lines += [
        code(f"On {place['device']} ({place['device_name']}), isolation: {place['isolation']}")
    ]
    return "\n".join(lines) + "\n"


def row(check: CheckResult) -> str:
    points = f"{check.points:g} / {check.max_points:g}" if check.max_points else ""
    return f"| {SIGNS[check.standing]} | `{check.id}` {check.title} | {points} |"


def detail(check: CheckResult) -> str:
    """What there is to say of a check; open where it has failed."""
    said = printable(text(check))
    said = said if len(said) <= LONGEST else f"{said[:LONGEST]}\n[cut here]"
    shown = " open" if check.status in ("failed", "error") else ""
    summary = f"<summary>{SIGNS[check.standing]} {check.id}</summary>"
    return f"<details{shown}>{summary}\n\n{code(said)}\n</details>\n"


def code(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"
