"""bench/kernels.py: bytes and operations, values checked before anything is timed, the command."""

import json

import numpy as np
import pytest
import torch

from bench import kernels, tables
from bench.layers import report
from bench.layers.cases import Buffers, Case, cases, relative_error
from bench.layers.implementations import Torch
from bench.layers.measure import Effort, measure


def test_bytes_and_operations():
    assert Case("gelu", 16, 3072).bytes == 2 * 16 * 3072 * 4
    assert Case("layernorm", 2, 768).bytes == (2 * 2 * 768 + 2 * 768) * 4
    linear = Case("linear", 3, 2304, 768)
    assert linear.bytes == (3 * 768 + 2304 * 768 + 2304 + 3 * 2304) * 4
    assert linear.flops == 2 * 3 * 2304 * 768
    lm_head = Case("linear", 1, 50257, 768)  # without a bias
    assert lm_head.bytes == (768 + 50257 * 768 + 50257) * 4
    assert Buffers.of(Case("linear", 1, 4, 3), "cpu").bias is not None
    assert not lm_head.has_bias


def test_calls_rotate_over_more_than_the_cache():
    cache = 50 * 2**20
    for case in cases((1, 64, 1024)):
        copies = case.copies(cache)
        assert copies == 100 or copies * case.bytes >= 4 * cache
        assert copies >= 2


def test_every_size_is_there_once():
    found = cases((1, 16))
    assert len(found) == len(set(found)) == 2 + 2 + 2 * 5


def test_relative_error():
    expected = torch.tensor([1.0, -4.0, 2.0], dtype=torch.float64)
    assert relative_error(torch.tensor([1.0, -4.0, 2.5]), expected) == pytest.approx(0.125)
    assert np.isnan(relative_error(torch.tensor([1.0, float("nan"), 2.0]), expected))


class Off(Torch):
    """torch's, with one element changed."""

    name = "off"

    def __init__(self, by: float):
        super().__init__()
        self.name, self.by = "off", by

    def call(self, case, b):
        out = super().call(case, b)
        out[-1, -1] += self.by
        return out


@pytest.mark.parametrize("by", [0.01, float("nan")])
@pytest.mark.parametrize(
    "case", [Case("gelu", 3, 40), Case("layernorm", 3, 40), Case("linear", 3, 8, 40)]
)
def test_wrong_values_are_not_timed(case, by):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    wrong, right = measure(case, [Off(by), Torch()], Effort(2, 0.01), "cpu", rng)
    assert "Wrong values" in wrong["failure"] and "seconds" not in wrong
    assert right["relative_error"] < 1e-6
    assert right["bytes_per_s"] == pytest.approx(case.bytes / right["seconds"])
    assert right["flops_per_s"] == pytest.approx(case.flops / right["seconds"])


def test_the_command_on_a_cpu(command, tmp_path, monkeypatch):
    small = [Case("gelu", 1, 96), Case("layernorm", 1, 96), Case("linear", 1, 32, 64)]
    monkeypatch.setattr(kernels, "cases", lambda rows: small)
    arguments = ("--device", "cpu", "--rungs", "1,2", "--docs", tmp_path / "a")
    status, out, _ = command("kernels", *arguments)
    assert status == 0, out
    results = json.loads((tmp_path / "a" / "kernels.json").read_text())
    who = {(r["layer"], r["name"]) for r in results["results"]}
    assert {("linear", "torch"), ("linear", "1_naive_linear"), ("gelu", "copy")} <= who
    assert ("linear", "copy") not in who
    errors = [r["relative_error"] for r in results["results"] if r["name"] != "copy"]
    assert max(errors) < 1e-5

    page = (tmp_path / "a" / "kernels.md").read_text()
    base, naive = (
        next(r for r in results["results"] if (r["layer"], r["name"]) == ("linear", name))
        for name in ("torch", "1_naive_linear")
    )
    assert f"{naive['seconds'] / base['seconds']:.2f}×" in page
    command("kernels", "--from", tmp_path / "a" / "kernels.json", "--docs", tmp_path / "b")
    assert (tmp_path / "b" / "kernels.md").read_text() == page


def test_a_rung_that_is_not_there(command):
    status, _, err = command("kernels", "--device", "cpu", "--rungs", "77")
    assert status == 1 and "no rung 77 with a gpt.cu" in err


def test_the_page_in_docs_is_what_its_results_give():
    path = tables.DOCS / "kernels.json"
    if not path.is_file():
        pytest.skip("docs/ has no kernels.json yet")
    assert report.page(json.loads(path.read_text())) == (tables.DOCS / "kernels.md").read_text()


@pytest.mark.gpu
def test_a_quick_run_on_a_gpu(command, gpu, tmp_path):
    kept = tmp_path / "out.json"
    status, out, _ = command("kernels", "--quick", "--m", "1,64", "--json", kept)
    assert status == 0, out
    results = json.loads(kept.read_text())
    lm_head = [r for r in results["results"] if r["n"] == 50257 and r["m"] == 1]
    assert len(lm_head) >= 4
    for r in lm_head:  # larger than the cache: nothing is faster than memory
        assert r["bytes_per_s"] < 1.05 * results["ceilings"]["read"]
