"""Grading on a GPU: kernels that go astray cost their own check, and the next is unharmed."""

import re
import shutil
from pathlib import Path

import pytest

from gallery.entries import SOLUTIONS
from mingpt.paths import ROOT

GELU_CHECK = "  if (i >= n) return;\n"


pytestmark = [pytest.mark.gpu, pytest.mark.timeout(900)]


def test_solutions_get_all_that_time_does_not_decide(on_gpu):
    results = on_gpu(SOLUTIONS)
    assert sum(check.max_points for check in results.values() if not check.extra) == 100
    for check in results.values():
        if not check.extra:
            assert check.status == "passed", f"{check.id}: {check.message}"
            if check.id not in ("speed", "kernel_speed"):
                assert check.points == check.max_points


def test_the_starter_fails_with_messages_that_help(on_gpu):
    results = on_gpu(ROOT / "starter", "gelu", "layernorm", "linear", "kv_cache")
    for id in ("gelu", "layernorm", "linear", "kv_cache"):
        assert results[id].status == "failed" and "not written yet" in results[id].message


ASTRAY = {
    "illegal address": (
        "gelu.*illegal memory access.*--device cpu.*compute-sanitizer",
        "  if (i >= n) return;\n  if (n > 1000) out[i + (1ll << 40)] = 0.0f;\n",
    ),
    "misaligned address": (
        "gelu.*misaligned.*compute-sanitizer",
        "  if (i >= n) return;\n  *(double*)((char*)out + 4) = 0.0;\n",
    ),
    "endless kernel": (
        "gelu.*did not finish within.*loop",
        "  if (i >= n) return;\n  const volatile float* same = in;\n"
        "  while (same[i] == same[i]) {\n  }\n",
    ),
}


@pytest.mark.parametrize("name", ASTRAY)
def test_a_kernel_that_goes_astray_costs_its_check_only(name, variant, on_gpu):
    cause, code = ASTRAY[name]
    results = on_gpu(variant("gpt.cu", (GELU_CHECK, code)), "gelu", "layernorm", "linear")
    text = f"{results['gelu'].message} {results['gelu'].hint}"
    assert results["gelu"].status == "failed"
    assert re.search(cause, text, re.DOTALL), text
    assert results["layernorm"].status == results["linear"].status == "passed"
    # And the next grading.
    again = on_gpu(SOLUTIONS, "gelu", "model")
    assert again["gelu"].status == again["model"].status == "passed", again["model"].message


def test_a_decoder_passes(tmp_path, on_gpu):
    shutil.copy(Path(__file__).parent / "decoder.cu", tmp_path / "gpt.cu")
    shutil.copy(SOLUTIONS / "gpt.cu", tmp_path / "kernels.cuh")
    decoder = on_gpu(tmp_path, "decoder")["decoder"]
    assert decoder.status == "passed", decoder.message


@pytest.mark.parametrize(
    ("rung", "expected"),
    [
        ("1_naive_linear", {"model": "passed", "kv_cache": "failed"}),
        ("2_tiled_linear", {"model": "passed", "kv_cache": "failed"}),
        ("3_kv_cache", {"model": "passed", "kv_cache": "passed"}),
    ],
)
def test_rungs(rung, expected, on_gpu):
    results = on_gpu(SOLUTIONS / "ladder" / rung, *expected)
    assert {id: results[id].status for id in expected} == expected
