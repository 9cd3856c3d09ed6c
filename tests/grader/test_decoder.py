"""The check of a decoder of one's own: a right one passes, and each mistake is named."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from gallery.entries import SOLUTIONS, substituted
from grader.checks.decoder import halving_temperature
from grader.grading import grade
from grader.make_starter import ROOT, solution_files
from tests.whole import in_all, part

SOURCE = Path(__file__).parent / "decoder.cu"


@pytest.fixture
def own(tmp_path):
    """own((old, new), ...) -> a submission with decoder.cu, changed in that."""

    def make(*changes: tuple[str, str]) -> Path:
        text = SOURCE.read_text()
        for old, new in changes:
            text = substituted(text, old, new)
        (tmp_path / "gpt.cu").write_text(text)
        shutil.copy(SOLUTIONS / "gpt.cu", tmp_path / "kernels.cuh")
        return tmp_path

    return make


@in_all
def test_a_right_decoder_passes(own, graded):
    decoder = graded(own(), "decoder")["decoder"]
    assert decoder.status == "passed", decoder.message
    assert decoder.points == decoder.max_points == 10 and not decoder.extra
    assert decoder.figures["logits_relative_error"] < 1e-5


def test_the_decoder_that_students_begin_with_passes(tmp_path, graded):
    for name, text in solution_files(SOLUTIONS, 5).items():
        (tmp_path / name).write_text(text)
    shutil.copy(ROOT / "starter" / "decoder.cuh", tmp_path)
    decoder = graded(tmp_path, "decoder")["decoder"]
    assert decoder.status == "passed", decoder.message
    assert decoder.points == 10


PICKED = "  *new_id = best;\n"
MISTAKES = {
    "wpe always from 0": (
        "fed at position 5.*wrong after position 5.*Which row of wpe",
        ("position = first + t;", "position = t;"),
    ),
    "looks ahead": (
        "fed at once.*wrong after position 0.*none after",
        ("int num_keys = first + t + 1;", "int num_keys = first + T;"),
    ),
    "decodes one position too far": (
        "gpt_decode picks.*one position after|new token 1 are not finite",
        (
            "feed(g, g->ids, g->position, 1, g->logits",
            "feed(g, g->ids, g->position + 1, 1, g->logits",
        ),
    ),
    "prefill picks from the first row": (
        "longer prompt.*new token 0, which gpt_prefill picks.*which row",
        (
            "feed(g, ids, 0, num_ids, g->logits, 1, stream);",
            "feed(g, ids, 0, num_ids, g->logits, 1, stream);\n  if (num_ids > 1)\n"
            "    linear(g->logits, g->normed, g->model.wte, nullptr, 1, g->model.vocab_size,"
            " g->model.n_embd, stream);",
        ),
    ),
    "remembers a prompt by its length": (
        "beginning changed.*new token \\d.*What is left of the one before",
        (
            "feed(g, ids, 0, num_ids, g->logits, 1, stream);",
            "static float first[65536];\n  static int length;\n"
            "  size_t bytes = 4 * (size_t)g->model.vocab_size;\n"
            "  if (length != num_ids) {\n"
            "    feed(g, ids, 0, num_ids, g->logits, 1, stream);\n"
            "    cudaMemcpy(first, g->logits, bytes, cudaMemcpyDeviceToHost);\n  }\n"
            "  cudaMemcpy(g->logits, first, bytes, cudaMemcpyHostToDevice);\n  length = num_ids;",
        ),
    ),
    "never writes an id": (
        r"prompt of one token.*did not write new_ids\[0\]|did not write new_ids\[1\]",
        (PICKED, ""),
    ),
    "writes each id one call late": (
        r"did not write new_ids\[1\].*before it returns",
        (
            "    choose(g, sampling, new_ids + i, stream);",
            "    static int* late;\n    if (late) choose(g, sampling, late, stream);\n"
            "    late = new_ids + i;",
        ),
    ),
    "says that logits are not finite": (
        "prompt of one token.*not finite.*-2",
        (PICKED, "  *new_id = -2;\n"),
    ),
    "an id that does not exist": (
        "id 1000000, which is not in the vocabulary",
        (PICKED, "  *new_id = 1000000;\n"),
    ),
    "greedy at any temperature": (
        "of 40 texts with seeds of their own, 40 begin with.*temperature",
        ("if (temperature > 0.0f) {", "if (temperature > 1e30f) {"),
    ),
    "the same draw for every seed": (
        "of 40 texts with seeds of their own",
        ("uniform(seed, step)", "uniform(7, step)"),
    ),
    "top_k left out": (
        "not among the 5 likeliest.*k-th largest",
        ("if (top_k == 0) kth", "if (top_k > 0) kth"),
    ),
    "rounded and not said": (
        "narrower than float32.*gpt_bytes_per_step",
        ("y[c] /= sum;", "y[c] /= sum * 1.01f;"),
    ),
    "writes no logits": (
        "NaN, as before the call",
        ("  feed(g, ids, position, num_ids, logits,", "  feed(g, ids, position, num_ids, g->wide,"),
    ),
    "can't hold the model": (
        "gpt_open returned NULL",
        ("  GPT* g = new GPT;", "  if (model->n_layer > 1) return nullptr;\n  GPT* g = new GPT;"),
    ),
    "a function is missing": (
        "no function gpt_prefill",
        ("void gpt_prefill(", "void gpt_prefil("),
    ),
    "writes past its buffers": (
        "gpt_feed.*kernel remember",
        ("keys[(first + t) * C + c] =", "keys[(first + t) * C + c + (1ll << 40)] ="),
    ),
}  # fmt: skip


SOME = (  # one of each kind
    *("looks ahead", "writes each id one call late", "rounded and not said"),
    *("a function is missing", "writes past its buffers"),
)


@pytest.mark.parametrize("name", part([*MISTAKES], *SOME))
def test_mistakes_are_named(name, own, graded):
    cause, *changes = MISTAKES[name]
    decoder = graded(own(*changes), "decoder")["decoder"]
    text = f"{decoder.message} {decoder.hint}"
    assert decoder.status == "failed" and decoder.points == 0
    assert re.search(cause, text, re.DOTALL | re.IGNORECASE), text


@in_all
def test_who_says_that_weights_are_rounded_is_judged_so(own, graded):
    submission = own(
        ("y[c] /= sum;", "y[c] /= sum * 1.007f;"), ("return 4 * (12", "return 2 * (12")
    )
    decoder = graded(submission, "decoder")["decoder"]
    assert decoder.status == "passed", decoder.message
    assert "as few bytes as bf16" in decoder.message
    far = substituted(SOURCE.read_text(), "y[c] /= sum;", "y[c] /= sum * 1.5f;")
    (submission / "gpt.cu").write_text(substituted(far, "return 4 * (12", "return 2 * (12"))
    assert graded(submission, "decoder")["decoder"].status == "failed"


def test_without_a_decoder_nothing_is_lost_unless_it_was_asked_for(variant, quick_rubric):
    submission = variant()
    asked = grade(submission, quick_rubric, only=["decoder"])
    assert asked.checks[-1].status == "failed" and "stage 5" in asked.checks[-1].message
    assert (asked.score, asked.max_score) == (0, 10)


def test_the_temperature_for_half():
    logits = np.array([0.5, 3.0, 2.0, 1.0], np.float32)
    weights = np.exp(logits / halving_temperature(logits))
    assert weights.max() / weights.sum() == pytest.approx(0.5)
