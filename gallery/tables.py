"""The table of verdicts, its totals, and the page of the most instructive messages."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from gallery.entries import Mistake
from gallery.verdict import Verdict

RIGHT_CAUSES = 0.95  # of the mistakes, at least


@dataclass(frozen=True)
class Totals:
    """Counts over the verdicts."""

    mistakes: int
    caught: int
    right_check: int
    right_cause: int
    unusual: int
    false_alarms: int

    @staticmethod
    def of(verdicts: Sequence[Verdict]) -> "Totals":
        mistakes = [v for v in verdicts if v.topic != "unusual"]
        unusual = [v for v in verdicts if v.topic == "unusual"]
        return Totals(
            len(mistakes),
            sum(v.caught for v in mistakes),
            sum(v.right_check for v in mistakes),
            sum(v.right_cause for v in mistakes),
            len(unusual),
            sum(v.caught for v in unusual),
        )

    @property
    def met(self) -> bool:
        """The target: all caught, nearly all with the right cause, and no false alarm."""
        enough = self.right_cause >= RIGHT_CAUSES * self.mistakes
        return self.caught == self.mistakes and enough and not self.false_alarms

    def text(self) -> str:
        lines = []
        if self.mistakes:
            lines.append(
                f"{self.mistakes} mistakes: {self.caught} caught, {self.right_check} by the right"
                f" check alone, {self.right_cause} ({self.right_cause / self.mistakes:.0%}) with"
                " the right cause"
            )
        if self.unusual:
            alarms = f"{self.false_alarms} false alarm{'s' * (self.false_alarms != 1)}"
            lines.append(f"{self.unusual} correct but unusual solutions: {alarms}")
        if not self.met:
            lines.append(
                f"The target is missed: all caught, at least {RIGHT_CAUSES:.0%} with the right"
                " cause, and no false alarm."
            )
        return "\n".join(lines)


def table(verdicts: Sequence[Verdict]) -> Table:
    """Mistake, check, caught, right check, right cause, seconds; for rich."""
    made = Table(box=None, pad_edge=False)
    made.add_column("mistake", overflow="fold")
    made.add_column("check")
    for name in ("caught", "right check", "right cause"):
        made.add_column(name, justify="center")
    made.add_column("seconds", justify="right")
    for v in verdicts:
        if v.topic == "unusual":
            marks = ["[red]false alarm[/]" if v.caught else "", "", ""]
        else:
            marks = [_mark(right) for right in (v.caught, v.right_check, v.right_cause)]
        name = f"{v.name} [dim](correct)[/]" if v.topic == "unusual" else escape(v.name)
        made.add_row(name, v.check, *marks, f"{v.seconds:.1f}")
    return made


def _mark(right: bool) -> str:
    return "[green]yes[/]" if right else "[red]no[/]"


PAGE = """\
# What the grader says of mistakes

Ten mistakes of the gallery ([gallery/](../gallery/README.md)) and the messages that they get, as
`python grader/grade.py` shows them. Numbers differ from run to run: inputs are drawn afresh.
Made by `python -m gallery --docs`.
"""


def page(shown: Sequence[tuple[Mistake, Verdict]]) -> str:
    """docs/mistakes.md: each mistake as a change, with the message that it gets."""
    return "\n".join([PAGE, *(_section(mistake, verdict) for mistake, verdict in shown)])


def _section(mistake: Mistake, verdict: Verdict) -> str:
    changes = "\n".join(_diff("-", old) + _diff("+", new) for old, new in mistake.changes).rstrip()
    said = f"{verdict.check}: {verdict.message}\n\nHint: {verdict.hint}"
    return f"## {mistake.name}\n\n```diff\n{changes}\n```\n\n```text\n{said}\n```\n"


def _diff(sign: str, text: str) -> str:
    return "".join(f"{sign} {line}\n" for line in text.splitlines() if line.strip())
