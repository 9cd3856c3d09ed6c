"""The points as GitHub Classroom's reporter reads them, from a step's output `result` (in base64).

https://github.com/classroom-resources/autograding-grading-reporter adds the scores up and notes
"Points 85/100", which Classroom collects. It prints what else it is given into the job's log, where
a line of a student's could pass for such a note: so there are no texts but the grader's own.
"""

import json

from grader.results import CheckResult, Result

VERSION = 1  # of the form


def results(result: Result) -> str:
    """The file's text. Points are whole ones: Classroom has no others."""
    worth = [check for check in result.checks if check.max_points]
    wrong = {check.status for check in result.checks} - {"passed", "skipped"}
    status = "error" if "error" in wrong else "fail" if wrong else "pass"
    document = {
        "version": VERSION,
        "status": status,
        "max_score": whole(result.max_score),
        "tests": [test(check) for check in worth],
    }
    return json.dumps(document, indent=2) + "\n"


def test(check: CheckResult) -> dict:
    """One check that has points."""
    status = {"passed": "pass", "error": "error"}.get(check.status, "fail")
    name = f"{check.id}: {check.points:g} of {check.max_points:g}"
    return {
        "name": name + (" (extra)" if check.extra else ""),
        "status": status,
        "score": whole(check.points),
        "max_score": whole(check.max_points),
        "message": "" if status == "pass" else "The job's summary says more.",
        "test_code": "",
        "filename": "",
        "line_no": 0,
        "execution_time": f"{check.seconds:.1f}s",
    }


def whole(points: float) -> int:
    """Rounded; a half is the student's."""
    return int(points + 0.5)
