"""What the timed checks do besides looking at the clock: through simt, with small sizes."""

import re
import shutil
from pathlib import Path

import pytest

from gallery.entries import SOLUTIONS, substituted
from grader import roofline
from grader.checks import kernel_speed, speed
from grader.framework import GraderError
from grader.kernels import timed
from grader.outcome import Failure, NotMeasured
from mingpt.build import build

WORKS = (timed.gelu(8, 96), timed.layernorm(8, 64), timed.linear(8, 40, 64))
GELU_CHECK = "  if (i >= n) return;\n"


@pytest.fixture
def measured(context, monkeypatch):
    """measured(submission, check) -> how a check ends, on the CPU; Failure and others pass."""
    monkeypatch.setattr(kernel_speed, "WORKS", WORKS)
    monkeypatch.setattr(kernel_speed, "POOL", 1 << 14)
    monkeypatch.setattr(kernel_speed, "SECONDS", 0.002)
    monkeypatch.setattr(roofline, "ARRAYS", 1 << 20)
    size = {"n_layer": 2, "n_head": 2, "n_embd": 32, "vocab_size": 300, "block_size": 64}
    monkeypatch.setattr(speed, "SIZE", size)

    def run(submission: Path, check: str, **settings):
        made = context(submission, check)
        made.rubric.settings.update(rounds=2, max_rounds=2, **settings)
        made.session.library = build(submission)
        try:
            module = kernel_speed if check == "kernel_speed" else speed
            return getattr(module, check)(made)
        finally:
            made.session.close()

    return run


def test_kernels_are_timed_in_turns(variant, measured):
    passed = measured(variant(), "kernel_speed", reference="solutions/ladder/2_tiled_linear")
    for work in WORKS:
        assert passed.figures[f"{work.name}_pairs"] == 2
        assert passed.figures[f"{work.name}_student_calls_per_s"] > 100
    assert "gelu 8×96" in passed.message and "linear 8×40×64" in passed.message


@pytest.mark.parametrize(
    "change",
    [
        # The result of the first call for every one that follows.
        (GELU_CHECK, GELU_CHECK + "  static float first[1 << 20]; static int known = 0;\n"
         "  if (known == n) { out[i] = first[i]; return; }\n  if (i == n - 1) known = n;\n"
         "  first[i] = 0.5f * in[i] * (1.0f + tanhf(0.7978845608f * (in[i] + 0.044715f * in[i] *"
         " in[i] * in[i])));\n"),
        (GELU_CHECK, "  static int calls = 0;\n  if (i == 0) calls++;\n"
         "  if (i >= n || calls > 8) return;\n"),
    ],
    ids=["remembers", "stops working"],
)  # fmt: skip
def test_timed_results_are_checked(variant, measured, change):
    rung = "solutions/ladder/2_tiled_linear"
    with pytest.raises(Failure, match=re.escape("gelu 8×96: in a timed run")):
        measured(variant("gpt.cu", change), "kernel_speed", reference=rung)


def test_kernels_without_a_reference_count_for_nothing(variant, measured):
    with pytest.raises(NotMeasured, match=r"layernorm 8×64 [\d.]+ µs.*no/such/rung"):
        measured(variant(), "kernel_speed", reference="no/such/rung")


def test_a_reference_that_fails_is_the_graders_fault(variant, measured):
    with pytest.raises(GraderError, match="starter"):
        measured(variant(), "kernel_speed", reference="starter")


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copy(Path(__file__).parent / "decoder.cu", folder / "gpt.cu")
    shutil.copy(SOLUTIONS / "gpt.cu", folder / "kernels.cuh")
    return folder


def test_a_decoder_is_timed_on_a_random_model(own, measured):
    passed = measured(own, "fast", reference=str(own), new_tokens=8)
    assert passed.figures["pairs"] == passed.figures["runs_verified"] == 2
    assert passed.figures["bytes_per_step"] == 4 * (12 * 32 * 32 * 2 + 300 * 32)
    assert "tokens/s" in passed.message


def test_a_decoder_that_gives_other_ids_when_timed_fails(own, measured):
    text = substituted((own / "gpt.cu").read_text(), "  *new_id = best;", "  *new_id = best / 2;")
    other = own.parent / "other"
    shutil.copytree(own, other)
    (other / "gpt.cu").write_text(text)
    with pytest.raises(Failure, match="In a timed run, new token"):
        measured(other, "bonus", reference=str(own), new_tokens=8)
    with pytest.raises(GraderError, match="reference"):
        measured(own, "bonus", reference=str(other), new_tokens=8)


def test_medians_that_seem_to_contradict_each_other_are_explained():
    assert speed.in_words(150.0, 100.0, 1.5) == "150 tokens/s, 1.50 of the reference's 100."
    told = speed.in_words(315.0, 283.0, 0.99)
    assert told.startswith("315 tokens/s, 0.99 of the reference's 283. (The machine was not always")
