"""nbgrader's gradebook, made by nbgrader's own commands, and read back by them."""

import csv
import shutil
import sqlite3
from dataclasses import replace
from datetime import datetime

import pytest
from nbgrader.api import Gradebook

from grader.classroom import ClassroomError, NotWritten, gradebook
from grader.classroom.submissions import Student
from grader.results import ERROR, CheckResult
from tests.classroom.samples import entry
from tests.course.place import Course

LAB, NOTEBOOK = "1_gelu", "gelu"
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with one lab: its cells gelu, memory (10 points each), two questions and more."""
    made = Course(tmp_path_factory.mktemp("course"))
    made.nbgrader("generate_assignment", LAB)
    made.nbgrader("db", "student", "add", "ada", "--email=ada@example.org")
    return made


@pytest.fixture
def book(course, tmp_path):
    """A path: each test has its own copy."""
    return shutil.copy(course.folder / "gradebook.db", tmp_path / "gradebook.db")


def earned(student: str, gelu: float, memory: float | None = None, **more):
    """An entry with so many of 10 points."""
    made = entry(student, **more)
    points = {"gelu": gelu} | ({} if memory is None else {"memory": memory})
    checks = [
        CheckResult(id, id, "passed" if value else "failed", value, 10, fraction=value / 10)
        for id, value in points.items()
    ]
    return replace(made, result=replace(made.result, checks=checks))


def write(book, *entries, late: bool = False) -> gradebook.Written:
    return gradebook.write(gradebook.find(str(book), LAB), entries, late)


def grades(book, student: str) -> dict[str, dict]:
    with Gradebook(f"sqlite:///{book}") as opened:
        found = opened.find_submission_notebook(NOTEBOOK, LAB, student)
        return {grade.name: grade.to_dict() for grade in found.grades}


def mark(book, student: str, cell: str, **fields) -> None:
    """What formgrader does."""
    with Gradebook(f"sqlite:///{book}") as opened:
        grade = opened.find_grade(cell, NOTEBOOK, LAB, student)
        for name, value in fields.items():
            setattr(grade, name, value)
        opened.db.commit()


def dump(book) -> list[str]:
    with sqlite3.connect(book) as database:
        return sorted(database.iterdump())


def test_scores_are_in_the_cells_that_ask_for_checks(book):
    lab = gradebook.find(f"sqlite:///{book}")  # there is but one
    assert (lab.assignment, lab.stage) == (LAB, 1)
    written = gradebook.write(lab, [earned("ada", 10, 6.5), earned("bob", 0)], late=False)
    assert (written.students, written.new) == (["ada", "bob"], ["bob"])
    found = grades(book, "ada")
    assert (found["gelu"]["auto_score"], found["memory"]["auto_score"]) == (10, 6.5)
    assert not found["gelu"]["needs_manual_grade"]
    for other in ("prediction-check", "why", "how"):  # these need a notebook, or a person
        assert found[other]["auto_score"] is None and found[other]["needs_manual_grade"]
    found = grades(book, "bob")
    assert found["gelu"]["auto_score"] == 0 and found["gelu"]["failed_tests"]
    assert found["memory"]["auto_score"] is None  # it was not graded


def test_what_a_person_gave_stays_and_twice_is_as_once(book):
    write(book, earned("ada", 10, 5))
    mark(book, "ada", "why", manual_score=3, needs_manual_grade=False)
    mark(book, "ada", "memory", manual_score=8, extra_credit=1, needs_manual_grade=False)
    before = dump(book)
    assert write(book, earned("ada", 10, 5)).new == []
    assert dump(book) == before
    write(book, earned("ada", 4, 7))
    found = grades(book, "ada")
    assert found["gelu"]["auto_score"] == 4 and found["why"]["manual_score"] == 3
    memory = found["memory"]
    assert (memory["auto_score"], memory["manual_score"], memory["extra_credit"]) == (7, 8, 1)
    assert memory["needs_manual_grade"]  # the person saw another score


def test_being_late_is_where_nbgrader_keeps_it(book):
    late = earned("ada", 10, 5, factor=0.8, days_late=2)
    write(book, late, late=True)
    mark(book, "ada", "why", manual_score=3)

    def penalty() -> float:
        with Gradebook(f"sqlite:///{book}") as opened:
            submission = opened.find_submission(LAB, "ada")
            assert submission.timestamp == datetime(2026, 3, 1, 12)  # UTC, as nbgrader's are
            return submission.late_submission_penalty

    assert penalty() == 3  # of 15 points
    write(book, late, late=True)
    assert penalty() == 3.6  # of 18
    write(book, earned("ada", 10, 5))  # without rules it is not known
    assert penalty() == 3.6
    write(book, earned("ada", 10, 5), late=True)
    assert penalty() == 0


def test_nbgrader_exports_it(course, book):
    write(book, earned("ada", 10, 5, factor=0.9), earned("zoe", 3, 0), late=True)
    mark(book, "ada", "why", manual_score=2)
    table = book.with_name("grades.csv")
    course.nbgrader("export", f"--db=sqlite:///{book}", f"--to={table}")
    with table.open() as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {id: (float(row["raw_score"]), float(row["late_submission_penalty"]))
            for id, row in rows.items()} == {"ada": (17, 1.5), "zoe": (3, 0)}  # fmt: skip
    assert float(rows["ada"]["score"]) == 15.5


def test_who_is_who(book):
    same = replace(earned("x", 7), student=Student("ADA@example.org", email="ADA@example.org"))
    new = replace(earned("y", 7), student=Student("eve@x.org", "Eve M. Lee", "eve@x.org", "17"))
    wrong = replace(earned("z", 7), student=Student('=a,"b'))
    broken = earned("kim", 7)
    broken.result.checks.append(CheckResult("memory", "m", ERROR, 0, 10, "the grader's fault"))
    written = write(book, same, new, wrong, broken)
    assert (written.students, written.new) == (["ada", "eve@x.org"], ["eve@x.org"])
    assert (written.refused, written.left) == (['=a,"b'], ["kim"])
    with Gradebook(f"sqlite:///{book}") as opened:
        assert [one.id for one in opened.students] == ["ada", "eve@x.org"]
        eve = opened.find_student("eve@x.org")
        assert (eve.first_name, eve.last_name, eve.lms_user_id) == ("Eve M.", "Lee", "17")


def test_all_or_nothing(book, monkeypatch):
    write(book, earned("ada", 1, 1))
    before = dump(book)
    lab = gradebook.find(str(book), LAB)

    def entries():
        yield earned("ada", 10, 10)
        yield earned("bob", 10, 10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gradebook.write(lab, entries(), late=True)
    assert dump(book) == before
    with sqlite3.connect(book) as other:  # formgrader, in the middle of something
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotWritten, match="something else writes to it"):
            gradebook.write(lab, [earned("ada", 10, 10)], late=True)
        other.rollback()
    assert dump(book) == before


def version(book, number: str) -> None:
    with sqlite3.connect(book) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (number,))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda book: book.unlink(), "no such file.*nbgrader generate_assignment"),
        (lambda book: book.write_bytes(b"no database" * 1000), "damaged, or no gradebook"),
        (lambda book: book.write_bytes(b""), "is no gradebook of nbgrader's"),
        (lambda book: book.write_bytes(book.read_bytes()[:40_000]), "damaged"),
        (lambda book: version(book, "167914646830"), "older nbgrader.*nbgrader db upgrade"),
        (lambda book: version(book, "f00"), "newer nbgrader"),
    ],
)
def test_a_gradebook_that_cannot_be_used(book, change, told):
    change(book)
    before = book.read_bytes() if book.exists() else None
    with pytest.raises(ClassroomError, match=told):
        gradebook.find(str(book), LAB)
    assert (book.read_bytes() if book.exists() else None) == before


def test_a_lab_that_is_not_in_it(book):
    with pytest.raises(ClassroomError, match="3_linear is not in it; it has 1_gelu"):
        gradebook.find(str(book), "3_linear")
    with Gradebook(f"sqlite:///{book}") as opened:
        opened.add_assignment("0_model")
    with pytest.raises(ClassroomError, match="say which lab: --assignment"):
        gradebook.find(str(book))
    with pytest.raises(ClassroomError, match="no cell of 0_model asks for a check"):
        gradebook.find(str(book), "0_model")


def test_the_whole_command(book, hand_in, classroom):
    """The fake grader gives no memory; nbgrader's layout, plain folders and a zip's name."""
    hand_in("ada/1_gelu", "points 7")
    hand_in("ada/2_layernorm", "points 1")
    hand_in("bob", "points 4")
    status, said = classroom("--gradebook", str(book), "--assignment", LAB)
    assert status == 0 and "scores of 2 students" in said and "new in it: bob" in said, said
    assert grades(book, "ada")["gelu"]["auto_score"] == 7
    assert grades(book, "bob")["gelu"]["auto_score"] == 4
    status, said = classroom("--gradebook", str(book), "--assignment", LAB, "--stage", "2")
    assert status == 2 and "1_gelu is graded as lab 1" in said
    status, said = classroom("--gradebook", str(book.with_name("none.db")))
    assert status == 2 and "no such file" in said and "Traceback" not in said
