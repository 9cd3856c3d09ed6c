"""Points: the speed curve, and the rubric that the numbers come from."""

import copy
import re
import tomllib

import numpy as np
import pytest

from grader import rubric
from grader.framework import REGISTRY, Check
from grader.grading import grade, up_to
from grader.ideas import IDEAS, find
from grader.outcome import Failure, NotMeasured, Passed
from grader.report import terminal
from grader.results import CheckResult, Result
from grader.rubric import RubricError
from grader.scoring import Place, fraction, points, reason
from grader.timing import Pairs, is_certain, judge, measure
from mingpt.paths import ROOT
from tests.whole import part

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


def pairs(ratio: float, jitter: float = 0.0, count: int = 15) -> Pairs:
    wobble = 1 + jitter * np.linspace(-1, 1, count)
    return Pairs(np.stack([100 * ratio * wobble, np.full(count, 100.0)], axis=1))


def judged(measured: Pairs, entry):
    return judge({"": measured}, entry, "100 of the reference's 100.", "A hint.", "tokens_per_s")


def test_faster_earns_more():
    entry = rubric.load()["speed"]
    shares = []
    for ratio in (0.3, 0.5, 0.7, 1.0):
        passed = judged(pairs(ratio), entry)
        shares.append(passed.fraction)
        assert (passed.hint == "") == (ratio == 1.0)
    assert shares == sorted(set(shares)) and shares[-1] == 1
    with pytest.raises(Failure, match="of the reference"):
        judged(pairs(0.1), entry)


def test_one_slow_run_changes_nothing_and_noise_is_said():
    entry = rubric.load()["speed"]
    once = pairs(1.0)
    once.rates[3, 0] /= 20
    assert judged(once, entry).fraction == 1
    assert "noisy" not in judged(once, entry).message
    noisy = pairs(0.9, jitter=0.5)
    assert "noisy" in judged(noisy, entry).message


NOISES = {  # with the true median of each
    "normal": (lambda rng, n: rng.normal(0.9, 0.03, n), 0.9),
    "exponential": (lambda rng, n: 1 + rng.exponential(1.0, n), 1 + np.log(2)),
    "lognormal": (lambda rng, n: 0.9 * rng.lognormal(0, 0.5, n), 0.9),
    "far outliers": (lambda rng, n: 0.9 + 0.01 * rng.standard_cauchy(n), 0.9),
    "uniform": (lambda rng, n: rng.uniform(0.5, 1.5, n), 1.0),
}


@pytest.mark.parametrize("name", NOISES)
def test_the_interval_of_a_median(name):
    """By simulation: it holds the true median about 95 times of 100, whatever the noise is."""
    draw, median = NOISES[name]
    rng = np.random.default_rng(0)
    for count in (9, 15, 40):
        held = 0
        for _ in range(600):
            rates = np.stack([draw(rng, count), np.ones(count)], axis=1)
            low, high = Pairs(rates).interval()
            held += low <= median <= high
        assert 0.92 <= held / 600 <= 0.985, (count, held)
    assert Pairs(rates).interval() == Pairs(rates.copy()).interval(), "the same each time"


def around(ratio: float, to: float) -> Pairs:
    """Fifteen pairs with this median, whose interval is a little less than ± `to` times it."""
    return pairs(ratio, jitter=1.6 * to)


def test_an_end_of_the_curve_that_can_not_be_told_is_the_students():
    entry = rubric.load()["speed"]
    near = judged(around(0.92, 0.02), entry)
    (place,) = near.evidence["curve"]["places"]
    assert place["low"] < 0.92 < 0.93 < place["high"]
    assert near.fraction == 1 and near.lost == near.hint == ""
    assert "0.92 of the reference's; all the points need 0.93" in near.doubt
    assert "within what this measurement can tell" in near.doubt and "you get them" in near.doubt
    above = judged(around(0.935, 0.02), entry)  # all points anyhow, and said all the same
    assert above.fraction == 1 and "you get them" in above.doubt
    known = judged(around(0.92, 0.002), entry)
    assert known.fraction == pytest.approx(0.72 / 0.73) and known.doubt == "" and known.lost
    low = judged(around(0.199, 0.02), entry)  # would be none
    assert 0 < low.fraction < 0.01 and "you get those of 0.20" in low.doubt
    with pytest.raises(Failure):
        judged(around(0.199, 0.002), entry)
    middle = judged(around(0.5, 0.02), entry)
    assert middle.fraction == pytest.approx(0.3 / 0.73) and middle.doubt == ""


def test_noise_is_no_merit():
    entry = rubric.load()["speed"]
    for ratio, end in ((0.92, 0.93), (0.201, 0.2)):
        wild = judged(around(ratio, 0.15), entry)
        (place,) = wild.evidence["curve"]["places"]
        assert place["low"] < end < place["high"]
        assert wild.fraction == fraction(ratio, 0.93, 0.2) and wild.doubt == ""
        assert f"on which side of {end:g} it lies can't be told" in wild.message
    most = max(judged(around(0.9, to), entry).fraction for to in np.linspace(0, 0.3, 61))
    assert most < 1, "3 % below the end is never all, however wide the interval is made"


@pytest.mark.parametrize("own", [0.02, 0.1, 0.4])
def test_a_slower_one_gains_nothing_by_noise_of_its_own(own):
    """By simulation: 15 % slower, and each run another part of `own` faster or slower."""
    entry = rubric.load()["speed"]
    for trial in range(25):
        rng = np.random.default_rng(trial)

        def student(core: int, rng=rng) -> float:
            return 300 / 1.15 / (1 + own * rng.uniform(-1, 1))

        measured = measure(student, lambda core: 300.0, entry, rng, float("inf"))
        passed = judged(measured, entry)
        assert passed.doubt == "" and (passed.fraction < 1 or passed.flags), "luck is flagged"


def test_each_kernel_has_its_own_doubt():
    entry = rubric.load()["kernel_speed"]
    measured = {"gelu": around(0.92, 0.02), "linear": around(0.565, 0.001)}
    passed = judge(measured, entry, "told", "hint", "calls_per_s")
    assert passed.fraction == pytest.approx((1 + 0.5) / 2)
    assert passed.doubt.startswith("gelu: 0.92 of") and "linear" not in passed.doubt
    assert passed.lost.startswith("linear: ") and "gelu" not in passed.lost


@pytest.mark.parametrize("noise", part([0.02, 0.1, 0.2], 0.1))
def test_full_marks_for_the_same_and_never_for_15_percent_slower(noise):
    """With runs that others disturb, by simulation: the promise that rubric.toml's numbers make."""
    entry = rubric.load()["speed"]
    full = {1.0: 0, 1 / 1.15: 0}
    for true_ratio in full:
        for trial in range(40):
            rng = np.random.default_rng(trial)

            def rate(core: int, of: float = 1.0, rng=rng) -> float:
                return of * 300 / (1 + noise * rng.exponential())

            measured = measure(
                lambda core, r=true_ratio, rate=rate: rate(core, r), rate, entry, rng, float("inf")
            )
            full[true_ratio] += judged(measured, entry).fraction == 1
    assert full == {1.0: 40, 1 / 1.15: 0}


def test_more_pairs_are_measured_only_while_they_are_needed():
    entry, rng = rubric.load()["speed"], np.random.default_rng(0)
    assert is_certain(pairs(1.5, jitter=0.3), entry)  # all points, whatever it is exactly
    assert not is_certain(pairs(0.9, jitter=0.3), entry)
    calm = measure(lambda core: 90.0, lambda core: 100.0, entry, rng, float("inf"))
    assert len(calm.rates) == entry.rounds
    wild = measure(lambda core: rng.uniform(61, 125), lambda core: 100.0, entry, rng, float("inf"))
    assert len(wild.rates) == entry.max_rounds
    late = measure(lambda core: 90.0, lambda core: 100.0, entry, rng, 0.0)
    assert len(late.rates) == 1


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_rubric_gives_100_points(device):
    loaded = rubric.load()
    assert sum(loaded[id].points for id in up_to(loaded.stage, loaded, device)) == 100
    assert loaded["build"].points == 0
    for id, check in REGISTRY.items():
        stages = [loaded[parent].stage for parent in check.needs]
        assert min(stages, default=0) <= loaded[id].stage, "there is something to look at"


@pytest.fixture
def checks_that_pass(monkeypatch):
    """All checks give 3/4 of their points; those in the set returned have nothing."""
    nothing = set()

    def run(context):
        if context.id in nothing and context.extra:
            raise NotMeasured("Nothing there.")
        if context.id in nothing:
            raise Failure("Nothing there.")
        return Passed(fraction=0.75 if context.rubric.points else 1)

    for id, check in list(REGISTRY.items()):
        same = Check(id, check.title, check.needs, run, check.after, check.device)
        monkeypatch.setitem(REGISTRY, id, same)
    return nothing


def graded(**options):
    return grade(ROOT / "solutions", rubric.load(), **options)


def test_points_beyond_the_stage_are_extra(checks_that_pass):
    result = graded(device="cuda")
    assert result.max_score == 100 and result.extra == 22.5
    assert result.score == pytest.approx(75, abs=0.3)  # rounded check by check
    assert result.document()["extra"] == 22.5
    assert {check.id for check in result.checks if check.extra} == {"decoder", "fast", "bonus"}
    assert "traffic" not in [check.id for check in result.checks]
    on_cpu = graded(device="cpu")
    assert (on_cpu.max_score, on_cpu.extra) == (100, 7.5)
    assert not {"kernel_speed", "fast"} & {check.id for check in on_cpu.checks}


def test_a_stage_that_is_asked_for_counts(checks_that_pass):
    assert graded(device="cuda", stage=5).max_score == 120
    assert graded(device="cuda", stage=6).max_score == 130
    points = [graded(device="cpu", stage=stage).max_score for stage in range(5)]
    assert points == [0, 35, 50, 70, 100]
    ids = ["build", "gelu", "layernorm", "memory", "model", "traffic"]
    assert [check.id for check in graded(device="cpu", stage=2).checks] == ids
    assert [check.id for check in graded(device="cuda", stage=1).checks][-1] == "kernel_speed"
    assert graded(device="cuda", stage=6).extra == 0


def test_checks_asked_for_at_a_stage_need_what_labs_so_far_taught(checks_that_pass):
    def ids(*only: str, stage: int | None = None) -> list[str]:
        return [check.id for check in graded(device="cpu", only=only, stage=stage).checks]

    assert ids("model", stage=1) == ["build", "gelu", "model"]
    assert ids("memory", "traffic", stage=2) == ["build", "gelu", "layernorm", "memory", "traffic"]
    everything = ["build", "gelu", "layernorm", "linear", "model"]
    assert ids("model", stage=3) == ids("model", stage=6) == ids("model") == everything
    assert ids("linear", stage=1) == ["build", "linear"], "whoever is ahead may ask for it"
    assert graded(device="cpu", only=["model"], stage=1).max_score == 10


def test_to_have_nothing_for_an_extra_check_costs_nothing(checks_that_pass):
    checks_that_pass.add("decoder")
    result = graded(device="cuda")
    found = {check.id: check for check in result.checks}
    assert result.max_score == 100 and result.extra == 0
    assert found["decoder"].status == found["fast"].status == found["bonus"].status == "skipped"
    assert found["decoder"].message and not found["fast"].message, "said once"
    result = graded(device="cuda", stage=5)
    assert result.max_score == 120 and result.checks[-1].id == "fast"
    assert "decoder, which failed" in result.checks[-1].message


def test_a_check_of_another_device_counts_for_nothing(checks_that_pass):
    result = graded(device="cpu", only=["gelu", "fast"])
    assert result.max_score == 10 and result.checks[-1].status == "skipped"
    assert "--device cuda" in result.checks[-1].message


def test_the_total_says_what_is_extra(checks_that_pass):
    output = terminal.console()
    with output.capture() as captured:
        result = graded(device="cuda")
        for check in result.checks:
            terminal.show_check(output, check, verbose=False)
        terminal.show_total(output, result, verbose=False)
    assert f"Score: {result.score:g} of 100, and 22.5 extra" in captured.get()
    assert "+7.5 / 10" in captured.get()


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
        (lambda d: d["speed"].update(zero_ratio=0.95), r"zero_ratio must be below full_ratio"),
        (lambda d: d["fast"].update(zero_ratio=0.95), r"\[fast\] zero_ratio must be below"),
        (lambda d: d["bonus"].update(rounds=46), r"\[bonus\] rounds must not be above max_rounds"),
        (lambda d: d["decoder"].pop("samples"), r"\[decoder\] samples is missing"),
        (lambda d: d["gelu"].pop("stage"), r"\[gelu\] stage is missing"),
        (lambda d: d["gelu"].update(stage=1.5), r"\[gelu\] stage must be a whole number"),
        (lambda d: d.pop("stage"), r"stage is missing"),
        (lambda d: d["traffic"].update(zero_ratio=1), r"zero_ratio must be above full_ratio"),
        (lambda d: d.update(softmax={}), r"\[softmax\] is neither"),
        (lambda d: d.update(version=1), r"version must be 2"),
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


def test_lost_points_are_explained():
    entry = rubric.load()["speed"]
    passed = judged(pairs(0.565), entry)  # half-way from 0.2 to 0.93
    assert "none at 0.2" in passed.lost and "all at 0.93" in passed.lost
    assert "you are at 0.56: 50% of them" in passed.lost or "0.57: 50%" in passed.lost
    assert "93 tokens/s here, 1.65 times yours" in passed.lost
    curve = passed.lost.split("0.2 ")[1].split(" to")[0]
    assert curve.index("●") == len(curve) // 2
    assert judged(pairs(1.0), entry).lost == ""
    less = reason(Place("gelu", 2.55, 2.55, 2.55), 1.1, 4)  # of traffic less is better
    assert less.startswith("gelu: points go from all at 1.1") and "50% of them" in less


def test_every_idea_has_two_more_hints_and_a_place():
    for name, idea in IDEAS.items():
        assert len(idea.hints) == 2 and all(idea.hints), name
        assert re.fullmatch(r"Lab \d \(.+\), “.+”", idea.where), name
        code = re.compile(r"[{}]|==|__\w|\w\(\w+, |torch\.|;$")
        assert not any(code.search(hint) for hint in idea.hints), name
    assert find("no such idea").hints == ()


def test_what_passed_says_no_more_than_was_checked():
    def result(id, status="passed"):
        return CheckResult(id, id, status, 1, 1)

    some = Result([result("build"), result("gelu")], {"device": "cpu"})
    text = terminal.scope_of(some)
    assert text.startswith("What was checked on the CPU passed: build, gelu.")
    assert "Not checked: layernorm" in text and "Only elsewhere: kernel_speed" in text
    failed = Result([result("build"), result("gelu", "failed")], {"device": "cpu"})
    assert terminal.scope_of(failed) == ""
    everything = Result([result(id) for id in REGISTRY], {"device": "cuda"})
    assert terminal.scope_of(everything) == "All checks passed."
