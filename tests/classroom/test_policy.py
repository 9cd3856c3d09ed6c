"""Which submission counts, and what being late costs."""

import tomllib
from datetime import UTC, datetime, timedelta

import pytest

from grader.classroom import ClassroomError, plan
from grader.classroom.book import entries
from grader.classroom.policy import Policy, load, parse
from grader.classroom.store import Store
from tests.classroom.samples import result, submission

DUE = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = """
counts = "latest"
due = 2026-03-01T13:00:00+01:00
[late]
grace_minutes = 15
per_day = 0.25
days = 3
[extensions]
ada = 2026-03-08T12:00:00Z
"""


def test_lateness():
    policy = parse(tomllib.loads(RULES))
    late = [policy.days_late("bob", DUE + timedelta(minutes=m)) for m in (-1, 0, 15, 16, 1441)]
    assert late == [0, 0, 0, 1, 2]
    assert policy.days_late("ada", DUE + timedelta(days=7)) == 0
    assert [policy.factor(days) for days in range(5)] == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert Policy(per_day=0.3).factor(9) == 0.0


def test_a_day_late_is_24_hours_when_the_clocks_change():
    """In Europe on 25 October 2026, from +02:00 to +01:00; due at 23:59 the day before."""
    policy = parse(tomllib.loads("due = 2026-10-24T23:59:00+02:00"))
    for clock, days in (
        ("2026-10-24T22:59:00+01:00", 0),  # the same moment as is due
        ("2026-10-24T23:00:00+01:00", 1),
        ("2026-10-25T22:59:00+01:00", 1),
        ("2026-10-25T23:00:00+01:00", 2),
    ):
        assert policy.days_late("ada", datetime.fromisoformat(clock)) == days


@pytest.mark.parametrize(
    "text, message",
    [
        ('counts = "first"', "counts must be"),
        ("due = 2026-03-01", "a time with its zone"),
        ("due = 2026-03-01T12:00:00", "a time with its zone"),
        ("dew = 1", "dew is not known"),
        ("late = 3", r"\[late\]"),
        ("[late]\nper_day = 10", "at most 1"),
        ("[late]\ndays = -1", "0 or more"),
        ("[extensions]\nada = 2026-03-01T12:00:00Z", "no due"),
        ("counts = ", "rules.toml"),
    ],
)
def test_wrong_rules_are_refused(text, message, tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(ClassroomError, match=message):
        load(path)


@pytest.mark.parametrize("counts", ["best", "latest"])
def test_one_of_several_counts(counts, tmp_path):
    store, settings = Store(tmp_path / "out"), plan.Settings(command=("x",), only=("gelu",))
    days = {"first": 0, "much_too_late": 4, "last": 2}
    points = {"first": 6.0, "much_too_late": 10.0, "last": 7.0}
    submissions = [
        submission("ada", label=name, time=DUE + timedelta(days=days[name]),
                   files={"gpt.cu": name.encode()})
        for name in ("first", "last", "much_too_late")
    ]  # fmt: skip
    for one in submissions:
        graded = result(points[one.label])
        graded.checks = graded.checks[:1]
        store.keep(settings.key(one, "untimed"), graded)
    policy = Policy(counts, DUE, per_day=0.25, days=3)
    (found,), waiting = entries(settings, store, policy, [submissions])
    expected = {"best": ("first", 6.0), "latest": ("much_too_late", 0.0)}[counts]
    assert (found.submission.label, found.points) == expected and not waiting
    assert found.attempts == 3
    none, (waiting,) = entries(settings, store, policy, [[submission("bob")]])
    assert not none and waiting.id == "bob"
