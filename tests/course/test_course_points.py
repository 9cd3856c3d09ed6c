"""From a grader's result to a cell's points, as nbgrader's own code reads them."""

import pytest
from nbformat.v4 import new_code_cell, new_output
from nbgrader.utils import determine_grade

from course import grading, outputs
from grader.results import CheckResult, Result

PLACE = {"date": "", "device": "cpu", "device_name": "", "versions": {}}


def result(**checks: tuple[str, float, float]) -> Result:
    """id=(status, points, max_points)"""
    made = [CheckResult(id, f"About {id}", *fields, message="x") for id, fields in checks.items()]
    return Result(made, PLACE, submission="1_gelu")


def cell(worth: float, given: list):
    about = {"grade": True, "solution": False, "points": worth, "grade_id": "a", "locked": True}
    return new_code_cell("lab.check()", metadata={"nbgrader": about}, outputs=given)


@pytest.mark.parametrize(
    ("checks", "worth", "points"),
    [
        ({"gelu": ("passed", 10, 10)}, 10, 10),
        ({"gelu": ("failed", 0, 10)}, 10, 0),
        ({"memory": ("passed", 6.7, 10)}, 10, 6.7),
        ({"memory": ("passed", 6.7, 10)}, 30, 20.1),  # the cell's points differ from the rubric's
        ({"traffic": ("passed", 4, 5), "kernel_speed": ("skipped", 0, 0)}, 5, 4),
        ({"traffic": ("skipped", 0, 5), "kernel_speed": ("skipped", 0, 0)}, 5, 0),
        ({"build": ("passed", 0, 0)}, 0, 0),
        ({"build": ("passed", 0, 0)}, 2, 2),
        ({"build": ("failed", 0, 0)}, 2, 0),
    ],
)
def test_a_cell_gets_the_graders_share(checks, worth, points):
    graded = result(**checks)
    score = grading.score(graded, list(checks), worth)
    assert score.points == points
    assert determine_grade(cell(worth, outputs.of_score(score, graded, worth))) == (points, worth)


def test_what_cannot_be_measured_here_is_left_to_a_person():
    graded = result(fast=("skipped", 0, 0))
    score = grading.score(graded, ["fast"], 10)
    assert score.points is None
    shown = outputs.of_score(score, graded, 10)
    assert outputs.UNMEASURED in shown[0].data["text/plain"]
    assert determine_grade(cell(10, shown)) == (0, 10)


def value(text: str):
    return new_output("execute_result", data={"text/plain": text})


STDERR = new_output("stream", name="stderr", text="UserWarning: ...")
ERROR = new_output("error", ename="E", evalue="", traceback=[])


@pytest.mark.parametrize(
    ("given", "needs_value", "points"),
    [
        ([value("2.0")], True, 2),
        ([value("0.5")], True, 0.5),
        ([STDERR, value("2.0")], True, 2),
        ([STDERR], False, 2),  # a cell of asserts, which held
        ([], False, 2),
        ([], True, 0),
        ([value("1000")], True, 0),
        ([value("nan")], True, 0),
        ([value("-1")], True, 0),
        ([value("'full marks'")], True, 0),
        ([value("'full marks'")], False, 0),
        ([value("1"), ERROR], True, 0),
        ([value("2"), value("2")], True, 0),
    ],
)
def test_a_cell_that_a_kernel_ran(given, needs_value, points):
    given = [type(one)(one) for one in given]
    settled = outputs.settle(given, 2, needs_value)
    assert determine_grade(cell(2, settled)) == (points, 2)


def test_a_grader_that_failed_gives_nobody_points(tmp_path, monkeypatch):
    (tmp_path / "gpt.cu").write_text("")
    monkeypatch.setattr(grading.grade, "__file__", str(tmp_path / "none.py"))
    with pytest.raises(grading.GradingError, match="No such file"):
        grading.run(tmp_path, 1, ["gelu"])


def test_nothing_submitted_is_no_failure_of_the_grader(tmp_path):
    (tmp_path / "Gpt.cu").write_text("")
    graded = grading.run(tmp_path, 1, ["gelu", "memory"])
    assert [check.status for check in graded.checks] == ["failed", "failed"]
    assert "gpt.cu" in graded.checks[0].message and "Gpt.cu" in graded.checks[0].message
