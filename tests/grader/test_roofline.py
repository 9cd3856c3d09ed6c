"""What is flagged for a human to look at in a timed check, and that it costs no points."""

import numpy as np
import pytest

from grader import roofline, rubric
from grader.kernels.timed import WORKS
from grader.timing import Pairs, judge, measure
from mingpt import weights


@pytest.fixture
def speed():
    return rubric.load()["speed"]


def test_the_bytes_of_a_step_are_the_models():
    model = weights.load(weights.BUNDLED)[0]
    assert roofline.step_bytes(model.config) == model.bytes_per_step
    assert 4 * roofline.step_bytes(model.config, "int8") == model.bytes_per_step


def test_more_than_memory_gives_is_flagged():
    assert not roofline.flags("It", 1000, 1e6, 1e9, 1.25)
    assert not roofline.flags("It", 1249, 1e6, 1e9, 1.25)
    (flag,) = roofline.flags("It", 2000, 1e6, 1e9, 1.25)
    assert "2 GB/s" in flag and "1 GB/s" in flag and "faster than its memory" in flag


def test_a_call_moves_its_inputs_and_its_output():
    sizes = {work.name: work.bytes for work in WORKS}
    assert sizes["linear 64×768×768"] == 4 * (64 * 768 * 2 + 768 * 768 + 768)


def test_a_flag_changes_no_points(speed):
    pairs = Pairs(np.array([[100.0, 100.0]] * 20))
    plain = judge({"": pairs}, speed, "", "", "tokens_per_s")
    flagged = judge({"": pairs}, speed, "", "", "tokens_per_s", ("look",))
    assert plain.fraction == flagged.fraction == 1 and flagged.flags == ("look",)


def measured(ratios, speed, deadline=np.inf) -> tuple[Pairs, int]:
    """What comes of runs with these ratios, one after the other, and how many there were."""
    left = iter(ratios)
    count = [0]

    def student(core):
        count[0] += 1
        return next(left)

    return measure(student, lambda core: 1.0, speed, np.random.default_rng(1), deadline), count[0]


def test_what_is_noisy_is_measured_once_more_then_flagged(speed):
    noise = np.random.default_rng(2).uniform(0.3, 0.9, 1000)
    pairs, runs = measured(noise, speed)
    assert pairs.again and runs == 2 * speed.max_rounds and len(pairs.rates) == speed.max_rounds
    passed = judge({"": pairs}, speed, "", "", "tokens_per_s")
    assert len(passed.flags) == 1 and "made twice" in passed.flags[0]


def test_the_second_measurement_counts_where_it_is_quiet(speed):
    noise = np.random.default_rng(2).uniform(0.3, 0.9, speed.max_rounds)
    pairs, runs = measured([*noise, *[0.6] * 1000], speed)
    assert pairs.again and pairs.ratio == 0.6 and runs == speed.max_rounds + speed.rounds
    assert judge({"": pairs}, speed, "", "", "tokens_per_s").flags == ()


def test_without_time_there_is_no_second_measurement(speed):
    noise = np.random.default_rng(2).uniform(0.3, 0.9, 1000)
    pairs, runs = measured(noise, speed, deadline=-np.inf)
    assert not pairs.again and runs == 1
    assert len(judge({"": pairs}, speed, "", "", "tokens_per_s").flags) == 1
