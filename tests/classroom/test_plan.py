"""What is graded, and what is set aside to be graded again."""

import pytest

from grader import rubric
from grader.classroom import ClassroomError, documents, plan
from grader.classroom.store import Store
from grader.results import CheckResult, Result
from tests.classroom.samples import submission
from tests.grader.samples import PLACE


def measured(id: str, low: float, high: float) -> Result:
    places = [{"name": "", "ratio": (low + high) / 2, "low": low, "high": high}]
    curve = {"curve": {"full_ratio": 0.93, "zero_ratio": 0.2, "precision": 0.02, "places": places}}
    return Result(
        [CheckResult(id, id, "passed", 10, 10, evidence=curve, fraction=1.0)], dict(PLACE)
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "out")


def graded(store, settings, one, untimed: Result, timed: Result) -> None:
    store.keep(settings.key(one, "untimed"), untimed)
    store.keep(settings.key(one, "timed"), timed)


def test_what_is_left(store):
    settings = plan.Settings()
    ada, bob, empty = submission("ada"), submission("bob"), submission("eve", problem="empty")
    twin = submission("twin", files=ada.files)

    def left(part: str) -> list[str]:
        return [one.name for one in plan.left(settings, store, [ada, bob, empty, twin], part)]

    assert left("untimed") == left("timed") == ["ada", "bob"]  # twin's is ada's
    deadly = documents.deadly(3, "", settings.required, settings.rubric, "cpu")
    store.keep(settings.key(bob, "untimed"), deadly)
    assert left("untimed") == left("timed") == ["ada"]
    assert plan.document(settings, store, ada) is None
    assert plan.document(settings, store, bob).score == 0
    nothing = plan.document(settings, store, empty)
    assert nothing.max_score == 100 and "empty" in nothing.checks[0].message
    assert nothing.environment["date"] == empty.time.isoformat()  # the same at each run


def test_a_new_curve_has_only_what_is_too_rough_graded_again(store, tmp_path):
    settings = plan.Settings()
    precise, rough = submission("ada"), submission("bob")
    first = Result([CheckResult("gelu", "g", "passed", 10, 10, fraction=1.0)], dict(PLACE))
    graded(store, settings, precise, first, measured("speed", 0.99, 1.01))
    graded(store, settings, rough, first, measured("speed", 0.95, 1.4))
    path = tmp_path / "rubric.toml"
    text = rubric.DEFAULT.read_text()
    path.write_text(text.replace("full_ratio = 0.93", "full_ratio = 1.2"))
    new = plan.Settings(rubric_path=path)
    both = [precise, rough]
    assert [plan.left(new, store, both, part) for part in new.parts] == [[], []]
    assert plan.set_aside_the_rough(new, store, both) == 1
    assert [one.name for one in plan.left(new, store, both, "timed")] == ["bob"]
    assert plan.left(new, store, both, "untimed") == []
    assert plan.document(new, store, precise).score == pytest.approx(18.0)


def test_regrade_sets_aside_all_of_a_student_or_the_part_with_a_check(store):
    settings = plan.Settings()
    ones = [submission("ada"), submission("bob")]
    for one in ones:
        graded(store, settings, one, Result([], dict(PLACE)), measured("speed", 0.99, 1.01))
    assert plan.set_aside(settings, store, ones, ["speed"]) == 2
    assert len(plan.left(settings, store, ones, "untimed")) == 0
    assert plan.set_aside(settings, store, ones, ["ada", "gelu"]) == 2
    assert len(plan.left(settings, store, ones, "untimed")) == 2
    with pytest.raises(ClassroomError, match="--regrade zoe"):
        plan.set_aside(settings, store, ones, ["zoe"])
