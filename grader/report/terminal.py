"""The report in a terminal: what is running now, then each check with its points, reason and hint.

Where the output is not a terminal, plain lines without colours or moving parts.
"""

from rich.console import Console
from rich.status import Status
from rich.text import Text

from grader.client import printable
from grader.framework import PLACES, REGISTRY, Check
from grader.grading import Progress
from grader.history import is_entry
from grader.results import CheckResult, Result

MARKS = {
    "passed": ("✓", "pass", "green"),
    "part": ("◐", "part", "yellow"),
    "failed": ("✗", "FAIL", "red"),
    "skipped": ("–", "skip", "yellow"),
    "error": ("!", "ERROR", "magenta"),
}
INDENT = 9  # columns before a check's message
WIDTH = 100  # columns of a report that is not shown on a terminal


def console(stderr: bool = False) -> Console:
    """A console for the report, as wide as the terminal, at most WIDTH where there is none."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made = Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=WIDTH)
    return made


class LiveProgress(Progress):
    """A line that says what is running; each check's result appears as soon as it is known."""

    def __init__(self, output: Console, verbose: bool = False, hints: int = 1):
        self._output, self._verbose, self._hints = output, verbose, hints
        self._status: Status | None = None

    def started(self, check: Check) -> None:
        if self._output.is_terminal:
            self._status = self._output.status(Text(f"{check.id}: {check.title}"), spinner="dots")
            self._status.start()

    def finished(self, result: CheckResult) -> None:
        self.stop()
        show_check(self._output, result, self._verbose, self._hints)

    def ended(self, result: Result) -> None:
        show_total(self._output, result, self._verbose)

    def stop(self) -> None:
        """Remove the line; a second call does nothing."""
        if self._status:
            self._status.stop()
            self._status = None


def show_check(
    output: Console, check: CheckResult, verbose: bool, hints: int = 1, more_by: str = "--hint "
) -> None:
    """One check: mark, id, title and points; then its message, `hints` hints and what it lost.

    more_by: how further hints are asked for. A check that was skipped and has nothing to say is
    left out.
    """
    if check.status == "skipped" and not check.message and not verbose:
        return
    mark, word, colour = MARKS[check.standing]
    mark = mark if _can_show(output, mark) else " "
    line = Text.assemble(
        (f" {mark} {word:<5}", f"bold {colour}"),
        (f" {check.id:<12}", "bold"),
        (f"{points(check):>9}  ", "" if check.max_points else "dim"),
        (check.title, "dim"),
    )
    output.print(line, no_wrap=True, overflow="ellipsis")
    if check.message and (check.status != "passed" or check.points < check.max_points or verbose):
        _indent(output, Text(printable(check.message)))
    elif check.message:
        _indent(output, Text(printable(check.message), style="dim"))
    for text in filter(None, (check.doubt, check.lost)):
        _indent(output, Text(printable(text)))
    known = [hint for hint in (check.hint, *check.more_hints) if hint]
    for i, hint in enumerate(known[:hints], 1):
        name = "Hint: " if hints == 1 or len(known) == 1 else f"Hint {i}: "
        _indent(output, Text.assemble((name, "bold cyan"), (printable(hint), "cyan")))
    if known and check.revisit:
        more = f" ({more_by}{hints + 1} says more)" if len(known) > hints else ""
        _indent(output, Text(f"Read again: {check.revisit}{more}", style="dim cyan"))
    if verbose:
        for name, value in check.figures.items():
            _indent(output, Text(f"{name.replace('_', ' ')}: {figure(value)}", style="dim"))


def points(check: CheckResult) -> str:
    """ "7.5 / 10", "+7.5 / 10" for extra points, or nothing for a check that gives none."""
    sign = "+" if check.extra else ""
    return f"{sign}{check.points:g} / {check.max_points:g}" if check.max_points else ""


def show_total(output: Console, result: Result, verbose: bool) -> None:
    """The student's own output if asked for, then the score and where it was made."""
    if verbose:
        for id, text in result.outputs.items():
            output.print(Text(f"\n   What your code printed during {id}:", style="bold"))
            _indent(output, Text(printable(text)))
    place = result.environment
    output.print()
    if scope := scope_of(result):
        _indent(output, Text(scope, style="dim"), 1)
    style = "bold green" if result.score == result.max_score else "bold"
    extra = f", and {result.extra:g} extra" if result.extra else ""
    output.print(Text(f" Score: {result.score:g} of {result.max_score:g}{extra}", style=style))
    for flag in result.flags:
        text = f"Worth a look ({flag['id']}): {flag['text']} This changes no points."
        _indent(output, Text(printable(text), style="yellow"), 1)
    if before := last_time(result):
        output.print(Text(f" {before}", style="dim"))
    where = f" on {place['device']} ({place['device_name']}), isolation: {place['isolation']}"
    output.print(Text(where, style="dim"))
    if verbose:
        if reason := place.get("isolation_reason"):
            output.print(Text(f" why no stronger isolation: {printable(reason)}", style="dim"))
        versions = ", ".join(f"{name} {version}" for name, version in place["versions"].items())
        output.print(Text(f" {place['date']}, seed {place['seed']}\n {versions}", style="dim"))


def last_time(result: Result) -> str:
    """How the grading before this one went, if it was of the same checks."""
    known = [one for one in result.history if is_entry(one)]
    if not known or known[-1]["max_score"] != result.max_score:
        return ""
    last = known[-1]
    return f"Last time: {last['score']:g}, now {result.score:g}."


def scope_of(result: Result) -> str:
    """What a result without a failure does not say: the checks that were not made."""
    failed = [check for check in result.checks if check.status in ("failed", "error")]
    passed = [check.id for check in result.checks if check.status == "passed"]
    if failed or not passed:
        return ""
    left_out = [id for id in REGISTRY if id not in passed]
    if not left_out:
        return "All checks passed."
    here = f"on {PLACES[_device(result)]}"
    elsewhere = [id for id in left_out if REGISTRY[id].device not in (None, _device(result))]
    others = [id for id in left_out if id not in elsewhere]
    parts = [f"What was checked {here} passed: {', '.join(passed)}."]
    if others:
        parts.append(f"Not checked: {', '.join(others)}.")
    if elsewhere:
        parts.append(
            f"Only elsewhere: {', '.join(elsewhere)} ({PLACES[REGISTRY[elsewhere[0]].device]})."
        )
    return " ".join(parts)


def _device(result: Result) -> str:
    return result.environment["device"]


def _indent(output: Console, text: Text, columns: int = INDENT) -> None:
    for line in text.wrap(output, max(20, output.width - columns)):
        line.rstrip()
        output.print(Text(" " * columns) + line)


def figure(value) -> str:
    """A value of CheckResult.figures."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(figure(item) for item in value)
    return printable(str(value))


def _can_show(output: Console, mark: str) -> bool:
    try:
        mark.encode(output.encoding)
        return True
    except (UnicodeEncodeError, LookupError):
        return False
