"""What is to be done for a class: the gradings of each submission, and which of them are there."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from grader import rubric as rubric_
from grader.classroom import ClassroomError, documents, keys
from grader.classroom.store import Store
from grader.classroom.submissions import Submission
from grader.classroom.work import Task
from grader.framework import REGISTRY
from grader.grading import PARTS, TIMED, UNTIMED, up_to
from grader.results import FAILED, Result

SLACK = 3.0  # times what the checks may take together, before a grading is ended


@dataclass(frozen=True)
class Settings:
    """What is asked of every grading. command: in place of grade.py."""

    device: str = "cpu"
    stage: int | None = None
    only: tuple[str, ...] = ()  # these checks; all of the stage where there are none
    command: tuple[str, ...] = ()
    rubric_path: Path = rubric_.DEFAULT

    @cached_property
    def rubric(self) -> rubric_.Rubric:
        return rubric_.load(self.rubric_path)

    @cached_property
    def checks(self) -> list[str]:
        """The ids of all that a grading makes, in order."""
        asked = self.only or up_to(self.stage, self.rubric, self.device)
        return [id for id in REGISTRY if id in asked]

    @cached_property
    def required(self) -> list[str]:
        """Those whose points are not extra."""
        stage = self.rubric.stage if self.stage is None else self.stage
        asked = self.only or up_to(stage, self.rubric, self.device)
        return [id for id in REGISTRY if id in asked]

    @cached_property
    def parts(self) -> list[str]:
        """Of a grading: those in which there is something to do."""
        return [part for part in PARTS if any(self.part_of(id) == part for id in self.checks)]

    def part_of(self, check: str) -> str:
        return TIMED if REGISTRY[check].timed else UNTIMED

    @cached_property
    def _measuring(self) -> tuple[str, str]:
        version = keys.version() if not self.command else "\0".join(self.command)
        return keys.rubric_hash(self.rubric_path), version

    def key(self, submission: Submission, part: str) -> str:
        return keys.key(submission.digest, self.arguments(part), *self._measuring)

    def arguments(self, part: str) -> tuple[str, ...]:
        """Of grade.py."""
        stage = () if self.stage is None else ("--stage", str(self.stage))
        only = ("--only", *self.only) if self.only else ()
        return ("--device", self.device, "--part", part, *stage, *only)

    def task(self, submission: Submission, part: str) -> Task:
        limits = sum(self.rubric[id].time_limit for id in self.checks)
        return Task(
            self.key(submission, part),
            submission.student.file,
            submission.files,
            self.arguments(part),
            self.command,
            "" if self.command else keys.installed(self.rubric_path),
            SLACK * (limits + self.rubric.startup_limit),
        )


def left(
    settings: Settings, store: Store, submissions: Iterable[Submission], part: str
) -> list[Task]:
    """The gradings of this part that are not made yet, each once. What has ended its grading of
    another part again and again is not tried."""
    found: dict[str, Task] = {}
    for submission in submissions:
        key = settings.key(submission, part)
        if submission.problem or key in found or store.finished(key):
            continue
        before = settings.parts[: settings.parts.index(part)]
        earlier = [store.grading(settings.key(submission, one)) for one in before]
        if not any(one and documents.DEADLY in one.environment for one in earlier):
            task = settings.task(submission, part)
            found[key] = replace(task, attempt=store.attempt(key))
    return list(found.values())


def document(settings: Settings, store: Store, submission: Submission) -> Result | None:
    """The submission's result by today's rubric; None where it has not been graded whole.

    Raises documents.NeedsMeasuring.
    """
    if submission.problem:
        message = f"Nothing to grade: {submission.problem}"
        made = documents.ungraded(
            message, FAILED, settings.required, settings.rubric, settings.device
        )
        made.submission = submission.student.id
        made.environment["date"] = submission.time.isoformat(timespec="seconds")
        return made
    parts = []
    for part in settings.parts:
        result = store.grading(settings.key(submission, part))
        if result is None:
            return None
        parts.append(result)
        if documents.DEADLY in result.environment:
            break
    return documents.rescored(documents.whole(parts, submission.student.id), settings.rubric)


def set_aside_the_rough(settings: Settings, store: Store, submissions: list[Submission]) -> int:
    """After a change of a curve: what was measured too roughly for it is to be graded again."""
    count = 0
    for submission in submissions:
        try:
            document(settings, store, submission)
        except documents.NeedsMeasuring as error:
            key = settings.key(submission, settings.part_of(error.check))
            count += store.set_aside(key)
    return count


def set_aside(
    settings: Settings, store: Store, submissions: list[Submission], wanted: Iterable[str]
) -> int:
    """What is to be graded again: all of some students, or the part with a check. The number.

    Raises ClassroomError for a name that is neither.
    """
    students = {one.student.id for one in submissions}
    chosen: set[str] = set()
    for name in wanted:
        if name in settings.checks:
            part = settings.part_of(name)
            chosen |= {settings.key(one, part) for one in submissions}
        elif name in students:
            own = [one for one in submissions if one.student.id == name]
            chosen |= {settings.key(one, part) for one in own for part in settings.parts}
        else:
            raise ClassroomError(
                f"--regrade {name}: neither a student here nor a check"
                f" ({', '.join(settings.checks)})"
            )
    return sum(store.set_aside(key) for key in chosen)
