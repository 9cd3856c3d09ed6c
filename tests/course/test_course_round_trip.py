"""The whole way through nbgrader, by its own commands: from the text of a lab to the grades."""

import csv
import re
import shutil
import sys

import pytest

from tests.course.place import ROOT, Course, Notebook

LAB = "3_linear"
pytestmark = pytest.mark.timeout(900)  # the first test waits for the whole course
SOLVED = (ROOT / "solutions" / "gpt.cu").read_text()

ENDLESS = SOLVED.replace(
    "int num_cols) {\n  /// BEGIN SOLUTION\n",
    "int num_cols) {\n  for (volatile int go = 1; go;) {}\n",
    1,
)
# gelu is right, layernorm never ends, linear reads where there is nothing
HALF_DONE = re.sub(
    r"(__global__ void linear_kernel\([^{]*\{)", r"\1 out = (float*)8; *out = 1;", ENDLESS
)

TAMPERING = f"""
import shutil, sys
import lab
lab.check = lambda *ids, **options: 1000
shutil.copy({str(ROOT / "solutions" / "gpt.cu")!r}, "gpt.cu")
sys.displayhook = lambda value: None
get_ipython().displayhook.write_format_data = lambda *data, **more: None
print("Score: 10 of 10", file=sys.stderr)
"""

HEEDS_NO_INTERRUPT = """
import time
while True:
    try:
        time.sleep(1)
    except BaseException:
        pass
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Five students, all graded: what each did is in its function below."""
    made = Course(tmp_path_factory.mktemp("course"))
    made.nbgrader("generate_assignment", LAB)
    made.nbgrader("release_assignment", LAB)
    for student, work in STUDENTS.items():
        folder = made.fetch(student, LAB)
        notebook = Notebook(folder / "linear.ipynb")
        work(folder, notebook)
        notebook.save()
        made.submit(student, LAB)
    made.nbgrader("collect", LAB)
    made.log = made.nbgrader("autograde", LAB, "--Execute.timeout=8")
    made.nbgrader("generate_feedback", LAB)
    made.nbgrader("release_feedback", LAB)
    made.nbgrader("export")
    return made


def perfect(folder, notebook):
    (folder / "gpt.cu").write_text(SOLVED)
    notebook.answer("prediction", "blocks = 768")


def half_done(folder, notebook):
    (folder / "gpt.cu").write_text(HALF_DONE)
    notebook.answer("prediction", "blocks = 7")


def tamperer(folder, notebook):
    """gpt.cu is as it was handed out."""
    notebook.begin_with(TAMPERING)
    notebook.answer("gelu", "10.0")
    notebook.cell("gelu")["metadata"]["nbgrader"].update(solution=True, points=1000)
    notebook.cell("linear")["metadata"]["nbgrader"].update(grade=False, locked=False)
    notebook.remove("layernorm")


def hanging_notebook(folder, notebook):
    (folder / "gpt.cu").write_text(SOLVED)
    notebook.begin_with(HEEDS_NO_INTERRUPT)
    notebook.answer("prediction", "blocks = 768")


def misnamed(folder, notebook):
    (folder / "gpt.cu").rename(folder / "gelu.cu")
    notebook.begin_with("import os; os._exit(1)")


STUDENTS = {"ada": perfect, "bob": half_done, "eve": tamperer, "hugo": hanging_notebook,
            "mia": misnamed}  # fmt: skip


def scores(course, student: str) -> dict[str, float]:
    with course.gradebook() as gradebook:
        grades = gradebook.find_submission_notebook("linear", LAB, student).grades
        return {grade.name: grade.auto_score for grade in grades if grade.auto_score is not None}


FULL = {"build": 0, "gelu": 10, "layernorm": 15, "linear": 30, "speed": 5}
NONE = dict.fromkeys(FULL, 0)
UNANSWERED = {"how": 0}  # the model's stub, not touched: nbgrader gives 0 itself


@pytest.mark.parametrize(
    ("student", "expected"),
    [
        ("ada", FULL | {"prediction-check": 2}),
        ("bob", NONE | {"gelu": 10, "prediction-check": 0}),
        ("eve", NONE | {"prediction-check": 0}),
        ("hugo", FULL | {"prediction-check": 0}),
        ("mia", NONE | {"prediction-check": 0}),
    ],
)
def test_points_are_the_isolated_graders(course, student, expected):
    assert scores(course, student) == expected | UNANSWERED


def test_questions_in_words_wait_for_a_person(course):
    with course.gradebook() as gradebook:
        grade = gradebook.find_grade("why", "linear", LAB, "ada")
        assert grade.max_score == 3
        assert grade.auto_score is None


def test_files_that_students_edit_are_not_overwritten(course):
    graded = course.folder / "autograded"
    assert (graded / "ada" / LAB / "gpt.cu").read_text() == SOLVED
    assert not (graded / "mia" / LAB / "gpt.cu").exists()
    assert "the secret model answer" not in (graded / "ada" / LAB / "kv_cache.py").read_text()
    assert not (graded / "ada" / LAB / "linear.md").exists()


def test_the_log_says_which_name_was_expected(course):
    assert re.search(r"mia.*expected gpt\.cu, and there is gelu\.cu: rename it", course.log)


def feedback(course, student: str) -> str:
    return (course.folder / "feedback" / student / LAB / "linear.html").read_text()


def test_feedback_shows_the_graders_messages(course):
    for part in (
        "endless loop",
        "layernorm_kernel",
        "address",
        "linear_kernel",
        "10</strong> of 10 points",
    ):
        assert part in feedback(course, "bob"), part
    assert "There is gelu.cu." in feedback(course, "mia")
    assert "did not get as far as this cell" in feedback(course, "hugo")
    assert "ends with a number" in feedback(course, "eve")
    assert "the secret model answer says" in feedback(course, "ada")  # after grading, it may


def test_feedback_is_handed_out(course):
    home = course.students / "ada"
    course.nbgrader("fetch_feedback", LAB, "--course", "mingpt-lab", cwd=home)
    assert list(home.rglob("feedback/*/linear.html"))


def test_grades_are_exported(course):
    with open(course.folder / "grades.csv") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {name: float(row["score"]) for name, row in rows.items()} == {
        **{"ada": 62, "bob": 10, "eve": 0, "hugo": 60, "mia": 0}
    }
    assert {float(row["max_score"]) for row in rows.values()} == {67.0}


def test_work_that_is_mended_is_graded_again(course):
    """And what a person gave for words stays."""
    with course.gradebook() as gradebook:
        gradebook.find_grade("why", "linear", LAB, "bob").manual_score = 3
        gradebook.db.commit()
    (course.students / "bob" / LAB / "gpt.cu").write_text(SOLVED)
    course.submit("bob", LAB)
    course.nbgrader("collect", LAB, "--update", "--student", "bob")
    course.nbgrader("autograde", LAB, "--student", "bob")
    assert scores(course, "bob") == FULL | {"prediction-check": 0} | UNANSWERED
    with course.gradebook() as gradebook:
        assert gradebook.find_submission_notebook("linear", LAB, "bob").score == 63


def test_a_notebook_under_another_name_is_refused_with_both_names(course):
    folder = course.students / "zoe" / LAB
    shutil.copytree(course.students / "ada" / LAB, folder)
    (folder / "linear.ipynb").rename(folder / "linear-Copy1.ipynb")
    (course.students / "zoe" / "nbgrader_config.py").write_text(
        "c = get_config()\nc.ExchangeSubmit.strict = True\n"
    )
    said = course.submit("zoe", LAB, fails=True)
    assert "linear.ipynb: MISSING" in said and "linear-Copy1.ipynb: EXTRA" in said


def test_a_new_release_keeps_students_work(course):
    """A mistake in the text is mended after some have fetched."""
    text = course.folder / "labs" / LAB / "linear.md"
    text.write_text(text.read_text().replace("Which size?", "Which size, in blocks?"))
    course.run(*COMMAND, "release", "3", fails=True)
    course.run(*COMMAND, "release", "3", "--force")
    home = course.students / "ada" / LAB
    (home / "linear.ipynb").rename(home / "mine.ipynb")
    course.fetch("ada", LAB, "--replace")
    assert "in blocks?" in (home / "linear.ipynb").read_text()
    assert (home / "gpt.cu").read_text() == SOLVED
    assert "blocks = 768" in (home / "mine.ipynb").read_text()


COMMAND = (sys.executable, "-m", "course")
