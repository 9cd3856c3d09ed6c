"""Points and curves that change are applied to what was measured."""

from dataclasses import replace

import numpy as np
import pytest

from grader import evidence, rubric
from grader.checks import traffic
from grader.classroom import documents
from grader.classroom.documents import NeedsMeasuring, rescored
from grader.kernels.traffic import Traffic
from grader.outcome import Failure
from grader.results import CheckResult, Result
from grader.scoring import Place, points
from grader.timing import Pairs, judge
from tests.grader.samples import PLACE


def with_settings(**changes) -> rubric.Rubric:
    """The rubric, with other settings of a check: speed={"points": 20, "full_ratio": 0.8}."""
    loaded = rubric.load()
    entries = dict(loaded.entries)
    for id, new in changes.items():
        entry = entries[id]
        entries[id] = replace(
            entry, points=new.get("points", entry.points), settings=entry.settings | new
        )
    return replace(loaded, entries=entries)


def of(check: CheckResult) -> Result:
    return Result([check], dict(PLACE))


def test_points_change_for_every_check_without_a_loss_by_rounding():
    third = CheckResult("memory", "m", "passed", 3.3, 10, fraction=1 / 3)
    assert rescored(of(third), with_settings(memory={"points": 30})).score == 10.0
    same = rescored(of(third), rubric.load())
    assert (same.score, same.max_score) == (3.3, 10)
    failed = CheckResult("gelu", "g", "failed", 0, 10)
    again = rescored(of(failed), with_settings(gelu={"points": 30}))
    assert (again.score, again.max_score) == (0, 30)
    not_asked = CheckResult("build", "b", "passed", 0, 0, fraction=1.0)
    assert rescored(of(not_asked), with_settings(build={"points": 5})).max_score == 0


def counted(points_: rubric.Entry) -> CheckResult:
    """What the check traffic gives for a linear with twice the traffic and a perfect gelu."""
    nothing = {"wasted": 0, "passes": 0, "extra_passes": 0, "flops": 0,
               "most": None, "most_wasted": None, "most_extra": None}  # fmt: skip
    student = {"gelu": Traffic(100, **nothing), "linear": Traffic(600, **nothing)}
    reference = {"gelu": Traffic(100, **nothing), "linear": Traffic(300, **nothing)}
    places = [Place("gelu", 1.0, 1.0, 1.0), Place("linear", 2.0, 2.0, 2.0)]
    weighed = [{"function": name, "reference_sectors": reference[name].sectors} for name in student]
    made = evidence.curve(places, points_.full_ratio, points_.zero_ratio) | {"traffic": weighed}
    passed = traffic.judge(student, reference, points_)
    return CheckResult(
        "traffic", "t", "passed", round(5 * passed.fraction, 1), 5, evidence=made,
        fraction=passed.fraction,
    )  # fmt: skip


def test_the_curve_of_traffic_gives_what_the_check_would_have_given(monkeypatch):
    monkeypatch.setattr(traffic.evidence, "memory_traffic", lambda *_: {})
    monkeypatch.setattr(traffic.diagnosis, "explain", lambda *_: traffic.diagnosis.Cause("", ""))
    monkeypatch.setattr(traffic.diagnosis, "remarks", lambda *_: [])
    new = with_settings(traffic={"full_ratio": 1.5, "zero_ratio": 2.5})
    (check,) = rescored(of(counted(rubric.load()["traffic"])), new).checks
    assert check.fraction == pytest.approx(counted(new["traffic"]).fraction)
    assert check.evidence["curve"]["full_ratio"] == 1.5 and "1.5" in check.lost


def timed(ratio: float, low: float, high: float, share: float, status="passed") -> CheckResult:
    made = evidence.curve([Place("", ratio, low, high)], 0.93, 0.2, 0.02)
    return CheckResult("speed", "s", status, 10 * share, 10, evidence=made, fraction=share)


def test_the_curve_of_a_measured_check_where_the_ratio_is_known_well():
    precise = of(timed(0.565, 0.56, 0.57, 0.5))
    new = with_settings(speed={"full_ratio": 0.6, "zero_ratio": 0.2})
    assert rescored(precise, new).score == 9.1  # (0.565 - 0.2) / 0.4
    none = rescored(precise, with_settings(speed={"full_ratio": 0.9, "zero_ratio": 0.8}))
    assert none.score == 0 and none.checks[0].status == "failed"
    back = rescored(of(timed(0.1, 0.099, 0.101, 0.0, "failed")),
                    with_settings(speed={"zero_ratio": 0.05}))  # fmt: skip
    assert back.checks[0].status == "passed" and back.score > 0


@pytest.mark.parametrize("ratio", [0.199, 0.2005, 0.5, 0.92, 0.935, 1.0])
@pytest.mark.parametrize("width", [0.002, 0.025])
def test_a_new_curve_gives_what_grading_by_it_would_have_given(ratio, width):
    """With the benefit of the doubt, and without: points, reasons and words."""
    old, new = {"full_ratio": 0.8, "zero_ratio": 0.1}, {"full_ratio": 0.93, "zero_ratio": 0.2}
    wobble = 1 + width * np.linspace(-1, 1, 15)
    pairs = Pairs(np.stack([100 * ratio * wobble, np.full(15, 100.0)], axis=1))

    def graded(curve: dict) -> CheckResult:
        entry = with_settings(speed=curve)["speed"]
        try:
            passed = judge({"": pairs}, entry, "told", "hint", "tokens_per_s")
        except Failure as failure:
            return CheckResult("speed", "s", "failed", 0, 10, evidence=failure.evidence)
        share = passed.fraction
        return CheckResult("speed", "s", "passed", points(share, 10), 10, evidence=passed.evidence,
                           fraction=share, doubt=passed.doubt, lost=passed.lost)  # fmt: skip

    (again,) = rescored(of(graded(old)), with_settings(speed=new)).checks
    expected = graded(new)
    for name in ("status", "points", "fraction", "doubt", "evidence"):
        assert getattr(again, name) == getattr(expected, name), name
    assert again.lost == expected.lost.split(" All of them need")[0] or again.status == "failed"
    assert bool(again.doubt) == (width > 0.01 and ratio not in (0.5, 1.0))


def test_what_was_measured_too_roughly_is_to_be_measured_again():
    rough = of(timed(1.2, 1.0, 1.4, 1.0))  # enough to know that it gives all points
    assert rescored(rough, with_settings(speed={"full_ratio": 0.99})).score == 10
    with pytest.raises(NeedsMeasuring) as raised:
        rescored(rough, with_settings(speed={"full_ratio": 1.1}))
    assert raised.value.check == "speed"
    with pytest.raises(NeedsMeasuring):  # its points are not those of the curve: made otherwise
        rescored(of(timed(0.5, 0.49, 0.51, 0.9)), with_settings(speed={"full_ratio": 0.8}))


def test_two_parts_are_one_document():
    first = CheckResult("kv_cache", "k", "passed", 20, 20)
    alike = {"id": "kv_cache", "text": "a remark"}
    fast = {"id": "speed", "text": "faster than its memory allows"}
    untimed = Result([first], dict(PLACE), {"kv_cache": "a"}, flags=[alike])
    again = replace(first, points=0, max_points=0)
    speed = CheckResult("speed", "s", "passed", 5, 10)
    other = PLACE | {"device_name": "B"}
    timed = Result([again, speed], other, {"kv_cache": "b", "speed": "c"}, flags=[alike, fast])
    made = documents.whole([untimed, timed], "ada")
    assert made.flags == [alike, fast] and untimed.flags == [alike]
    assert (made.score, made.max_score, made.submission) == (25, 30, "ada")
    assert made.outputs == {"kv_cache": "a", "speed": "c"}
    assert made.environment["timed"]["device_name"] == "B"
    assert documents.parsed(made.text()).document() == made.document()
