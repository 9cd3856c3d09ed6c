"""The outputs of a graded cell, as nbgrader reads points from them and feedback shows them."""

import math

from nbformat import NotebookNode
from nbformat.v4 import new_output

from course.grading import Score
from grader.results import Result
from lab import page
from lab.checking import text

UNMEASURED = "Not measured on this machine: these points are given by hand, or on another one."


def of_score(score: Score, result: Result, worth: float) -> list[NotebookNode]:
    """The grader's messages, as lab.check shows them; then the points, as the cell's last value."""
    shown = list(score.checks)
    plain, rich = text(shown, hint=1), page.checks(shown, result, hints=1)
    if score.points is None:
        plain, rich = f"{plain}\n{UNMEASURED}", f"{rich}<p>{UNMEASURED}</p>"
    points = score.points or 0.0
    given = f"<strong>{points:g}</strong> of {worth:g} points"
    value = {"text/plain": str(float(points)), "text/html": given}
    return [
        new_output("display_data", data={"text/plain": plain, "text/html": rich}),
        new_output("execute_result", data=value),
    ]


def failure(name: str, message: str) -> NotebookNode:
    """An error, which nbgrader takes for 0 points."""
    return new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"])


def settle(outputs: list[NotebookNode], worth: float, needs_value: bool) -> list[NotebookNode]:
    """Outputs of a cell that the student's own kernel ran, such that nbgrader grades them right.

    What a library wrote to stderr costs nothing. The cell's last value must be its points, where
    the instructor's source ends with one: nbgrader alone would take a missing or strange one for
    full marks, stop at one that is too large, and not see an error after one.
    """
    for output in outputs:
        if output.output_type == "stream":
            output.name = "stdout"
    if errors := [output for output in outputs if output.output_type == "error"]:
        return errors + [output for output in outputs if output.output_type != "error"]
    values = [output for output in outputs if output.output_type == "execute_result"]
    if (needs_value or values) and not (len(values) == 1 and _is_points(values[0], worth)):
        told = f"this cell ends with a number from 0 to {worth:g}, and here it did not"
        return [failure("NoPoints", told), *outputs]
    return outputs


def _is_points(output: NotebookNode, worth: float) -> bool:
    try:
        value = float(output.data.get("text/plain", ""))
    except (TypeError, ValueError):
        return False
    return math.isfinite(value) and 0 <= value <= worth
