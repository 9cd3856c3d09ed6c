"""The class as it stands: of each student the submission that counts, and what it earns."""

from dataclasses import dataclass

from grader.classroom.plan import Settings, document
from grader.classroom.policy import Policy
from grader.classroom.store import Store
from grader.classroom.submissions import Student, Submission
from grader.results import ERROR, Result


@dataclass(frozen=True)
class Entry:
    """A student's line. result: of the submission that counts."""

    student: Student
    submission: Submission
    result: Result
    days_late: int
    factor: float  # of the points, what being late leaves
    attempts: int

    @property
    def points(self) -> float:
        """With the extra ones, after what being late costs."""
        return earned(self.result, self.factor)

    @property
    def needs_a_look(self) -> str:
        """Why a person must look at it before it is a grade; "" where nobody needs to."""
        wrong = [check for check in self.result.checks if check.status == ERROR]
        return wrong[0].message if wrong else ""


def earned(result: Result, factor: float) -> float:
    return round((result.score + result.extra) * factor, 1)


def entries(
    settings: Settings, store: Store, policy: Policy, students: list[list[Submission]]
) -> tuple[list[Entry], list[Student]]:
    """Each student's entry, and the students of whom something is not graded yet.

    students: all submissions of each, by time.
    """
    made, waiting = [], []
    for submissions in students:
        candidates = []
        for one in submissions:
            result = document(settings, store, one)
            if result is None:
                break
            late = policy.days_late(one.student.id, one.time)
            factor = policy.factor(late)
            entry = Entry(one.student, one, result, late, factor, len(submissions))
            candidates.append((entry.points, entry))
        if len(candidates) == len(submissions):
            made.append(policy.choose(candidates))
        else:
            waiting.append(submissions[0].student)
    return made, waiting
