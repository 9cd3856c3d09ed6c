"""nbgrader's gradebook: what a class earned, in the cells of a lab that ask for checks.

A cell that is `lab.check("gelu")` gets as auto score what nbgrader's autograde would give it
(course/): the share that the grader gives, of the cell's points. Everything else is a person's or a
notebook's: manual scores, extra credit, comments and all other cells stay as they are.

All goes through nbgrader's own Gradebook, which commits at each step. Here its session is joined
to an outer transaction, so that either everything is written or nothing is.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from alembic.script import ScriptDirectory
from nbgrader.api import Gradebook, InvalidEntry, SubmittedAssignment
from nbgrader.dbutil import ALEMBIC_DIR
from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, SAWarning, SQLAlchemyError

from course import grading
from course.cells import checks_asked, graded_sources
from course.labs import CourseError, stage_of
from grader.classroom import ClassroomError, NotWritten
from grader.classroom.book import Entry
from grader.classroom.submissions import Student
from grader.framework import REGISTRY
from grader.results import Result

TABLES = {"alembic_version", "assignment", "course", "grade", "student"}
NOT_IN_AN_ID = set(',"/\\')  # nbgrader's table and its folders could not hold them


@dataclass(frozen=True)
class Lab:
    """An assignment in a gradebook. cells: (notebook, grade_id) -> the checks that it asks for."""

    url: URL
    course: str
    assignment: str
    stage: int
    cells: dict[tuple[str, str], tuple[str, ...]]


@dataclass
class Written:
    """Ids of students."""

    students: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)  # of these: they were not in the gradebook
    left: list[str] = field(default_factory=list)  # a person must look at them first
    refused: list[str] = field(default_factory=list)  # with an id that nbgrader could not hold


def find(where: str, assignment: str | None = None) -> Lab:
    """The lab in a gradebook: a path, or a URL as nbgrader's db_url. Only reads it.

    assignment: may be None where the gradebook has but one. Raises ClassroomError.
    """
    url = _url(where)
    with _explained(where, ClassroomError):
        course = _checked(url, where)
        with Gradebook(_text(url), course) as gradebook:
            names = sorted(one.name for one in gradebook.assignments)
            name = assignment or (names[0] if len(names) == 1 else None)
            if name is None or name not in names:
                asked = f"{name} is not in it" if name else "say which lab: --assignment NAME"
                there = f"it has {', '.join(names)}" if names else "there are no labs in it"
                raise ClassroomError(
                    f"--gradebook {where}: {asked}; {there}. A lab gets into it by"
                    f" nbgrader generate_assignment {name or '1_gelu'}"
                )
            cells = {
                (notebook.name, cell): ids
                for notebook in gradebook.find_assignment(name).notebooks
                for cell, source in graded_sources(notebook).items()
                if (ids := checks_asked(source))
            }
    if not cells:
        raise ClassroomError(
            f'--gradebook {where}: no cell of {name} asks for a check (lab.check("...")): there is'
            " nothing to write"
        )
    try:
        return Lab(url, course, name, stage_of(name), cells)
    except CourseError as error:
        raise ClassroomError(f"--gradebook {where}: {error}") from None


def write(lab: Lab, entries: Iterable[Entry], late: bool) -> Written:
    """Put every entry into the gradebook; a second time changes nothing.

    late: whether it is known when the lab was due; else penalties stay as they are.

    Raises NotWritten: the gradebook is as it was.
    """
    written = Written()
    with _explained(_text(lab.url), NotWritten), _transaction(lab) as gradebook:
        known = _Students(gradebook)
        for entry in entries:
            id = known.id_of(entry.student)
            if entry.needs_a_look:
                written.left.append(entry.student.id)
            elif id is None and not _can_be_an_id(entry.student.id):
                written.refused.append(entry.student.id)
            else:
                if id is None:
                    id = known.add(entry.student)
                    written.new.append(id)
                written.students.append(id)
                submission = gradebook.update_or_create_submission(
                    lab.assignment, id, timestamp=entry.submission.time
                )
                _fill(lab, submission, entry.result)
                gradebook.db.commit()  # of the outer transaction a part; nbgrader sums anew
                if late:
                    _take_off(submission, entry.factor)
                    gradebook.db.commit()
    return written


def _fill(lab: Lab, submission: SubmittedAssignment, result: Result) -> None:
    """The auto scores of the cells that ask for checks."""
    for notebook in submission.notebooks:
        worth = {cell.id: cell.max_score for cell in notebook.notebook.grade_cells}
        for grade in notebook.grades:
            ids = lab.cells.get((notebook.name, grade.name), ())
            score = _score(result, ids, worth.get(grade.cell_id))
            if score is None:
                continue
            # A person has graded by hand what was another score then: to be looked at again.
            changed = grade.auto_score != score or grade.needs_manual_grade
            grade.needs_manual_grade = grade.manual_score is not None and changed
            grade.auto_score = score


def _score(result: Result, ids: tuple[str, ...], worth: float | None) -> float | None:
    """Of a cell; None where this grading says nothing of it."""
    done = {check.id for check in result.checks}
    device = result.environment["device"]
    ids = tuple(id for id in ids if REGISTRY[id].device in (None, device) or id in done)
    if not ids or worth is None or not done.issuperset(ids):
        return None
    return grading.score(result, ids, worth).points


def _take_off(submission: SubmittedAssignment, factor: float) -> None:
    """What being late costs, of all that was given so far: nbgrader keeps it for each notebook."""
    for notebook in submission.notebooks:
        notebook.late_submission_penalty = round((1 - factor) * notebook.score, 2) or None


class _Students:
    """Who is in the gradebook: by id, by address, by the school's number."""

    def __init__(self, gradebook: Gradebook):
        self._gradebook = gradebook
        everyone = gradebook.students
        self._ids = {one.id for one in everyone}
        self._others = {
            name.lower(): one.id
            for one in everyone
            for name in (one.lms_user_id, one.email)
            if name
        }

    def id_of(self, student: Student) -> str | None:
        if student.id in self._ids:
            return student.id
        names = (name.lower() for name in (student.email, student.number) if name)
        return next((self._others[name] for name in names if name in self._others), None)

    def add(self, student: Student) -> str:
        first, _, last = student.name.rpartition(" ")
        fields = {"first_name": first, "last_name": last, "email": student.email,
                  "lms_user_id": student.number}  # fmt: skip
        self._gradebook.add_student(student.id, **{k: v or None for k, v in fields.items()})
        self._ids.add(student.id)
        return student.id


def _can_be_an_id(id: str) -> bool:
    return id.isprintable() and not NOT_IN_AN_ID & set(id)


# ------------------------------------------------------------------------------- the database


def _url(where: str) -> URL:
    """Raises ClassroomError where there is no such file: nbgrader would make an empty one."""
    try:
        url = make_url(where) if "://" in where else URL.create("sqlite", database=where)
    except ArgumentError:
        raise ClassroomError(f"--gradebook {where}: neither a path nor sqlite:///PATH") from None
    if _is_sqlite(url) and not (url.database and Path(url.database).is_file()):
        raise ClassroomError(
            f"--gradebook {where}: there is no such file. nbgrader makes gradebook.db in the"
            " course's folder: nbgrader generate_assignment 1_gelu"
        )
    return url


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _checked(url: URL, where: str) -> str:
    """The course's id in a gradebook that is whole, and of this nbgrader's form.

    Raises ClassroomError.
    """
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            if _is_sqlite(url):
                found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
                if found != "ok":
                    raise ClassroomError(f"--gradebook {where} is damaged ({found}): {RESTORE}")
            if not set(inspect(connection).get_table_names()) >= TABLES:
                raise ClassroomError(f"--gradebook {where} is no gradebook of nbgrader's")
            _same_form(connection, where)
            courses = connection.execute(text("SELECT id FROM course ORDER BY id")).scalars().all()
    finally:
        engine.dispose()
    return courses[0] if courses else "default_course"


RESTORE = "nothing was changed; put back a copy of it"


def _same_form(connection: Connection, where: str) -> None:
    """Raises ClassroomError for a gradebook of an older or a newer nbgrader."""
    forms = ScriptDirectory(ALEMBIC_DIR)
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version == forms.get_current_head():
        return
    if version in {form.revision for form in forms.walk_revisions()}:
        raise ClassroomError(
            f"--gradebook {where} was made by an older nbgrader. Bring it up to date first:"
            " nbgrader db upgrade (it keeps a copy)"
        )
    raise ClassroomError(
        f"--gradebook {where} was made by a newer nbgrader than is installed here:"
        " pip install --upgrade nbgrader"
    )


@contextmanager
def _transaction(lab: Lab) -> Iterator[Gradebook]:
    """nbgrader's gradebook, whose commits count when all is done; else nothing was changed."""
    with Gradebook(_text(lab.url), lab.course) as gradebook:
        gradebook.db.remove()
        gradebook.engine.dispose()
        if _is_sqlite(lab.url):  # Python's driver begins too late for savepoints
            event.listen(gradebook.engine, "connect", _leave_transactions_to_us)
            event.listen(gradebook.engine, "begin", _begin)
        with gradebook.engine.begin() as connection, warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader's own way to add a submission
            gradebook.db.configure(bind=connection, join_transaction_mode="create_savepoint")
            yield gradebook
            gradebook.db.remove()


def _leave_transactions_to_us(connection, record) -> None:
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _explained(where: str, kind: type[ClassroomError]) -> Iterator[None]:
    """What a database can't do, as a message."""
    try:
        yield
    except (SQLAlchemyError, InvalidEntry) as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        if "locked" in cause:
            told = "something else writes to it (formgrader, autograde). Run this again after that"
        elif "readonly" in cause or "full" in cause:
            told = f"it can't be written: {cause}. Mend that, and run this again"
        elif isinstance(error, DatabaseError):
            told = f"it is damaged, or no gradebook ({cause}): {RESTORE}"
        else:
            told = cause
        raise kind(f"--gradebook {where}: {told}") from None
