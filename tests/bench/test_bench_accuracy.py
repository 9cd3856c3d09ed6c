"""bench/accuracy.py: its measures against their formulas, both paths, the command."""

import json
import math

import numpy as np
import pytest
import torch

from bench import accuracy, logits, tables
from bench.ladder import LADDER, OpenRung, Rung
from mingpt.weights import load
from tests.whole import in_all


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_kl_divergence_is_its_formula():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 7, 50))
    p, q = softmax(a), softmax(b)
    expected = (p * np.log(p / q)).sum(axis=1).mean()
    assert logits.kl_divergence(torch.from_numpy(a), torch.from_numpy(b)) == pytest.approx(expected)


def test_kl_divergence_of_a_pair_known_by_hand():
    # p = (1/2, 1/2), q = (1/4, 3/4): 1/2 log 2 + 1/2 log 2/3
    p, q = torch.zeros(1, 2), torch.tensor([[0.0, math.log(3)]])
    expected = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    assert logits.kl_divergence(p.double(), q.double()) == pytest.approx(expected, rel=1e-6)
    assert logits.kl_divergence(p.double(), p.double() + 5) == pytest.approx(0, abs=1e-15)


def test_errors_of_logits():
    expected = torch.tensor([[1.0, -8.0], [2.0, 0.0]], dtype=torch.float64)
    got = torch.tensor([[1.0, -8.0], [2.5, 0.5]])
    c = logits.compare(got, expected)
    assert (c["max_error"], c["mean_error"], c["relative_error"]) == (0.5, 0.25, 0.0625)


def test_ids_before_the_first_difference():
    assert logits.leading([1, 2, 3], [1, 2, 4]) == 2
    assert logits.leading([1, 2, 3], [1, 2, 3]) == 3
    assert logits.leading([9], [1]) == 0


@in_all
def test_both_paths_of_a_rung_give_the_model_s_logits():
    model, tokenizer = load()
    ids = torch.tensor(tokenizer.encode("Shall I compare thee to a summer's day?"))
    expected = model(ids[None])[0]
    rung = OpenRung(Rung(LADDER / "3_kv_cache"), model)
    for got in (logits.prefill_logits(rung, ids), logits.decode_logits(rung, ids)):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-3)
    assert rung.dtype == "fp32" and rung.cached
    seed = OpenRung(Rung(LADDER / "0_seed_loop"), model)
    assert not seed.cached and logits.decode_logits(seed, ids) is None
    assert model.ops is not rung.model.ops  # each rung has its own


def test_best_counts_the_likeliest_after_the_own_text():
    model, tokenizer = load()
    ids = torch.tensor(tokenizer.encode("Shall I compare thee to a summer's day?"))
    truth = logits.Truth(model, ids)
    right = truth.greedy(8)
    assert truth.best(right) == 1
    assert truth.best([*right[:7], (right[7] + 1) % 512]) == pytest.approx(7 / 8)


def test_the_command_on_a_cpu(command, tmp_path):
    arguments = ("--device", "cpu", "--rungs", "0,3", "--positions", "12", "--greedy", "5")
    status, out, _ = command("accuracy", *arguments, "--docs", tmp_path / "a")
    assert status == 0, out
    results = json.loads((tmp_path / "a" / "accuracy.json").read_text())
    (model,) = results["models"]
    assert (model["positions"], model["greedy"]) == (12, 5)
    paths = {r["name"]: list(r["paths"]) for r in model["rungs"]}
    assert paths == {"0_seed_loop": ["prefill"], "3_kv_cache": ["prefill", "decode"]}
    for r in model["rungs"]:
        assert (r["equal"], r["best"]) == (5, 1)
        for c in r["paths"].values():
            assert 0 < c["mean_error"] < c["max_error"]
            assert 1e-9 < c["relative_error"] < 1e-5  # what float32 gives, and not float64
            assert abs(c["kl"]) < 1e-8
    page = (tmp_path / "a" / "accuracy.md").read_text()
    command("accuracy", "--from", tmp_path / "a" / "accuracy.json", "--docs", tmp_path / "b")
    assert (tmp_path / "b" / "accuracy.md").read_text() == page


def test_an_inexact_rung_shows(command, tmp_path):
    rung = tmp_path / "ladder" / "7_rough"
    rung.mkdir(parents=True)
    (rung / "kv_cache.py").write_text((LADDER / "0_seed_loop" / "kv_cache.py").read_text())
    model, tokenizer = load()
    ids = torch.tensor(tokenizer.encode("Shall I compare thee to a summer's day?"))
    truth = logits.Truth(model, ids)
    rough = OpenRung(Rung(rung), model.bfloat16())
    c = logits.compare(logits.prefill_logits(rough, ids), truth.logits)
    assert 1e-4 < c["relative_error"] < 0.1 and c["kl"] > 1e-7


def test_a_rung_that_does_not_build(command, broken_ladder):
    arguments = ("--device", "cpu", "--positions", "10", "--greedy", "2")
    status, out, _ = command("accuracy", *arguments, "--ladder", broken_ladder)
    assert status == 1
    assert "1_broken (shakespeare)" in out and "does not compile" in out
    assert "0_seed_loop" in out


@pytest.mark.parametrize(
    "arguments, said", [(("--rungs", "77"), "no rung '77'"), (("--positions", "3"), "at least 10")]
)
def test_what_can_not_be_measured(command, arguments, said):
    status, _, err = command("accuracy", "--device", "cpu", *arguments)
    assert status == 1 and said in err


def test_the_page_in_docs_is_what_its_results_give():
    path = tables.DOCS / "accuracy.json"
    if not path.is_file():
        pytest.skip("docs/ has no accuracy.json yet")
    assert accuracy.page(json.loads(path.read_text())) == (tables.DOCS / "accuracy.md").read_text()


@pytest.mark.gpu
def test_a_quick_run_on_a_gpu(command, gpu, tmp_path):
    kept = tmp_path / "out.json"
    status, out, _ = command("accuracy", "--quick", "--json", kept)
    assert status == 0, out
    for model in json.loads(kept.read_text())["models"]:
        for r in model["rungs"]:
            if r["dtype"] == "fp32":
                assert all(c["relative_error"] < 1e-3 for c in r["paths"].values()), r["name"]
