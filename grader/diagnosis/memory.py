"""What simt found in the kernels' use of memory, in words: where, which threads, and the idea."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from grader.client import printable
from grader.diagnosis.faults import HINTS, idea_of
from grader.outcome import Failure, Passed
from simt.report import Report, ranked

MAX_TEXT = 1500  # characters of one report


@dataclass
class Findings:
    """What came out of the cases of one kernel."""

    function: str
    correct: bool  # its own check has passed
    cases: int = 0
    launches: int = 0  # of kernels, in these cases
    reports: list[tuple[str, Report]] = field(default_factory=list)  # with the case's name
    failure: Failure | None = None  # it crashed, hung or computed something else

    @property
    def clean(self) -> bool:
        return self.correct and not self.reports and not self.failure


def judge(found: Sequence[Findings], others: str = "") -> Passed:
    """Equal parts of the points for each clean kernel. Raises Failure where there is none.

    others: a line on the kernels left out.
    """
    clean = [f.function for f in found if f.clean]
    told = [f for f in found if f.reports or (f.correct and f.failure)]
    uncounted = [f.function for f in found if not f.correct]
    parts = [_described(f) for f in told]
    if uncounted:
        own = "its own check" if len(uncounted) == 1 else "their own checks"
        parts.append(f"{listed(uncounted)} can't count here yet: {own} did not pass.")
    if clean and parts:
        parts.insert(0, f"{listed(clean)} {'is' if len(clean) == 1 else 'are'} clean.")
    message = "\n".join([*parts, *([others] if others else [])])
    hint = " ".join(dict.fromkeys(_hint(f) for f in told if _hint(f)))
    idea = next((idea for f in told if (idea := _idea(f))), "")
    figures = {
        "clean": clean,
        "cases": sum(f.cases for f in found),
        "kinds": sorted({report.kind for f in found for _, report in f.reports}),
    }
    if not clean:
        raise Failure(message, hint, figures, idea=idea)
    lost = "" if len(clean) == len(found) else f"Each kernel that is clean gives 1/{len(found)}."
    return Passed(message, hint, figures, len(clean) / len(found), lost, idea)


def _described(found: Findings) -> str:
    """The first report of each kind in full; of the others, how many there are and where."""
    case_of = {id(report): case for case, report in found.reports}
    by_kind: dict[str, list[Report]] = {}
    for report in ranked(report for _, report in found.reports):
        by_kind.setdefault(report.kind, []).append(report)
    parts: list[str] = []
    for report, *others in by_kind.values():
        if f"{case_of[id(report)]}:" not in parts:
            parts.append(f"{case_of[id(report)]}:")
        parts.append(printable(report.text()[:MAX_TEXT]))
        if others:
            lines = dict.fromkeys(printable(other.at[:80]) for other in others if other.at)
            where = f", at {', '.join(list(lines)[:5])}" if lines else ""
            parts.append(f"  {len(others)} more of this kind{where}")
    if found.failure and found.correct:
        parts.append(found.failure.message)
    return "\n".join(parts)


def _hint(found: Findings) -> str:
    if found.reports:
        return HINTS.get(ranked(report for _, report in found.reports)[0].kind, "")
    return found.failure.hint if found.failure else ""


def _idea(found: Findings) -> str:
    if found.reports:
        return idea_of(ranked(report for _, report in found.reports)[0].kind)
    return found.failure.idea if found.failure else ""


def listed(names: Sequence[str]) -> str:
    """ "gelu, layernorm and linear" """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
