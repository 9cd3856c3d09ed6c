"""The outputs of a graded cell, as nbgrader reads points from them and feedback shows them."""

import html
import io
import math

from nbformat import NotebookNode
from nbformat.v4 import new_output
from rich.console import Console

from course.grading import Score
from grader.report import terminal

COLOURS = {"passed": "#1a7f37", "failed": "#b35900", "skipped": "#6e6e6e", "error": "#8250df"}


def of_score(score: Score, worth: float) -> list[NotebookNode]:
    """The grader's messages, then the points as the cell's last value."""
    plain = "\n".join(plain_message(check) for check in score.checks)
    if score.points is None:
        plain += "\nNot measured on this machine: its points are given by hand, or elsewhere.\n"
    rich = "".join(
        f'<pre style="border-left: 4px solid {COLOURS.get(check.status, "#6e6e6e")};'
        f' padding-left: 0.8em; white-space: pre-wrap">{html.escape(plain_message(check))}</pre>'
        for check in score.checks
    )
    points = score.points or 0.0
    return [
        new_output("display_data", data={"text/plain": plain, "text/html": rich}),
        new_output(
            "execute_result",
            data={
                "text/plain": str(float(points)),
                "text/html": f"<b>{points:g} of {worth:g} points</b>",
            },
        ),
    ]


def plain_message(check) -> str:
    """What a terminal shows of a check."""
    made = io.StringIO()
    output = Console(file=made, width=100, highlight=False, markup=False, emoji=False)
    terminal.show_check(output, check, verbose=False)
    return made.getvalue()


def failure(name: str, message: str) -> NotebookNode:
    """An error, which nbgrader takes for 0 points."""
    return new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"])


def settle(outputs: list[NotebookNode], worth: float, needs_value: bool) -> list[NotebookNode]:
    """Outputs of a cell that the student's own kernel ran, such that nbgrader grades them right.

    What a library wrote to stderr costs nothing. The cell's last value must be its points, where
    the instructor's source ends with one: nbgrader alone would take a missing or strange one for
    full marks, and stop at one that is too large.
    """
    settled = []
    for output in outputs:
        if output.output_type == "stream":
            output.name = "stdout"
        settled.append(output)
    if any(output.output_type == "error" for output in settled):
        return settled
    values = [output for output in settled if output.output_type == "execute_result"]
    if (needs_value or values) and not (values and _is_points(values[0], worth)):
        told = f"this cell ends with a number from 0 to {worth:g}, and here it did not"
        return [failure("NoPoints", told), *settled]
    return settled


def _is_points(output: NotebookNode, worth: float) -> bool:
    try:
        value = float(output.data.get("text/plain", ""))
    except (TypeError, ValueError):
        return False
    return math.isfinite(value) and 0 <= value <= worth
