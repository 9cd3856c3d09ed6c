"""Entries of a class, with all that a page or a table can show, and hostile text."""

from dataclasses import replace
from datetime import UTC, datetime

from gallery.entries import SOLUTIONS
from grader.classroom.book import Entry
from grader.classroom.submissions import Student, Submission
from grader.results import CheckResult, Result
from tests.grader.samples import EVIL, PLACE, failing

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def submission(student: str, **more) -> Submission:
    fields = {"label": student, "time": NOON, "files": {"gpt.cu": b"// " + student.encode()}}
    return Submission(Student(student), **fields | more)


def result(points: float = 7.0, ratio: float = 0.7) -> Result:
    checks = [
        CheckResult("gelu", "gelu is right", "passed", points, 10, fraction=points / 10),
        CheckResult("linear", "linear is right", "failed", 0, 20, "wrong", hint="Who waits?"),
        CheckResult("speed", "Tokens/s", "passed", points, 10, fraction=points / 10, evidence={
            "ladder": {"rung": "3_kv_cache", "tokens_per_s": 300 * ratio,
                       "reference_tokens_per_s": 300.0, "ratio": ratio}}),
    ]  # fmt: skip
    return Result(checks, dict(PLACE), submission="x")


def entry(student: str, points: float = 7.0, **more) -> Entry:
    fields = {"result": result(points), "days_late": 0, "factor": 1.0, "attempts": 1}
    return Entry(Student(student), submission(student), **fields | more)


def a_class() -> list[Entry]:
    """Two who handed in the same, one hostile in every field, one late, some ordinary ones."""
    text = (SOLUTIONS / "gpt.cu").read_bytes()
    copy = text.replace(b"row", b"zeile").replace(b"\n    ", b"\n  ")
    hostile = replace(
        submission(f"=cmd|' /C calc'!A0 {EVIL}", nickname=EVIL[:24], notes=(EVIL,)),
        files={f"{EVIL}.cu": EVIL.encode() * 20, "gpt.cu": text},
    )
    return [
        replace(entry("ada", 9.0), submission=submission("ada", files={"gpt.cu": text})),
        replace(entry("bob", 3.0), submission=submission(
            "bob", files={"gpt.cu": copy}, nickname="Bob the Fast")),
        Entry(hostile.student, hostile, failing(), 0, 1.0, 1),
        entry("late", 8.0, days_late=2, factor=0.8, attempts=3),
        *(entry(f"s{i}", float(i)) for i in range(8)),
        replace(entry("fast"), result=result(10.0, ratio=5.0)),
    ]  # fmt: skip
