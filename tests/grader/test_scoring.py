"""Points: the speed curve, and the rubric that the numbers come from."""

import copy

import numpy as np
import pytest

from grader import rubric
from grader.checks.speed import judge, spread
from grader.outcome import Failure
from grader.rubric import RubricError
from grader.scoring import fraction, points

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

DATA = tomllib.loads(rubric.DEFAULT.read_text())


def test_curve_has_no_cliff():
    ratios = np.linspace(0, 2, 401)
    shares = np.array([fraction(r, 0.8, 0.2) for r in ratios])
    assert shares[0] == 0 and shares[-1] == 1
    assert (np.diff(shares) >= 0).all() and np.diff(shares).max() < 0.01
    assert fraction(0.2, 0.8, 0.2) == 0 and fraction(0.8, 0.8, 0.2) == 1
    assert fraction(0.5, 0.8, 0.2) == pytest.approx(0.5)
    with pytest.raises(ValueError):
        fraction(1, 0.5, 0.5)


def test_less_may_be_better():
    shares = np.array([fraction(r, 1.1, 4) for r in np.linspace(0, 5, 501)])
    assert shares[0] == 1 and shares[-1] == 0
    assert (np.diff(shares) <= 0).all() and np.diff(shares).min() > -0.01
    assert fraction(1.1, 1.1, 4) == 1 and fraction(4, 1.1, 4) == 0
    assert fraction(2.55, 1.1, 4) == pytest.approx(0.5)


def test_full_points_only_for_all_of_the_work():
    assert points(1.0, 10) == 10
    assert points(0.9999, 10) == 9.9
    assert points(0, 10) == points(0.5, 0) == points(0.0001, 0) == 0
    assert points(0.333, 10) == 3.3


def pairs(ratio: float, jitter: float = 0.0) -> np.ndarray:
    wobble = 1 + jitter * np.array([-1, 1, -1, 1, -1, 1, 0])
    return np.stack([100 * ratio * wobble, np.full(7, 100.0)], axis=1)


def test_faster_earns_more():
    entry = rubric.load()["speed"]
    shares = []
    for ratio in (0.3, 0.5, 0.7, 1.0):
        passed = judge(pairs(ratio), entry)
        shares.append(passed.fraction)
        assert (passed.hint == "") == (ratio == 1.0)
    assert shares == sorted(set(shares)) and shares[-1] == 1
    with pytest.raises(Failure, match="of the reference"):
        judge(pairs(0.1), entry)


def test_one_slow_run_changes_nothing_and_noise_is_said():
    entry = rubric.load()["speed"]
    once = pairs(1.0)
    once[3, 0] /= 20
    assert judge(once, entry).fraction == 1
    assert "noisy" not in judge(once, entry).message
    noisy = pairs(1.0, jitter=0.5)
    assert spread(noisy) > entry.max_spread
    assert "noisy" in judge(noisy, entry).message


def test_the_rubric_gives_100_points():
    loaded = rubric.load()
    assert sum(entry.points for entry in loaded.entries.values()) == 100
    assert loaded["build"].points == 0


def broken(change) -> dict:
    data = copy.deepcopy(DATA)
    change(data)
    return data


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: d.pop("gelu"), r"\[gelu\] is missing"),
        (lambda d: d["gelu"].pop("points"), r"\[gelu\] points is missing"),
        (lambda d: d["gelu"].update(points="10"), r"\[gelu\] points must be a number"),
        (lambda d: d["gelu"].update(points=True), r"\[gelu\] points must be a number"),
        (lambda d: d["gelu"].update(points=-1), r"\[gelu\] points must be above 0"),
        (lambda d: d["gelu"].update(slack=float("nan")), r"\[gelu\] slack must be a number"),
        (lambda d: d["gelu"].update(time_limit=0), r"\[gelu\] time_limit must be above 0"),
        (lambda d: d["gelu"].update(ponits=3), r"\[gelu\] ponits: no such setting"),
        (lambda d: d["speed"].update(rounds=2.5), r"\[speed\] rounds must be a whole number"),
        (lambda d: d["speed"].update(reference=1), r"\[speed\] reference must be a text"),
        (lambda d: d["speed"].update(zero_ratio=0.9), r"zero_ratio must be below full_ratio"),
        (lambda d: d["traffic"].update(zero_ratio=1), r"zero_ratio must be above full_ratio"),
        (lambda d: d.update(softmax={}), r"\[softmax\] is neither"),
        (lambda d: d.update(version=2), r"version must be 1"),
        (lambda d: d.pop("loop_limit"), r"loop_limit is missing"),
    ],
)
def test_a_wrong_rubric_is_refused_by_name(change, named):
    with pytest.raises(RubricError, match=named):
        rubric.parse(broken(change))


def test_a_rubric_that_cannot_be_read(tmp_path):
    with pytest.raises(RubricError, match="No such file"):
        rubric.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("points = = 3")
    with pytest.raises(RubricError, match=r"bad\.toml: not TOML"):
        rubric.load(tmp_path / "bad.toml")
