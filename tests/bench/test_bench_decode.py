"""bench/decode.py: the figures, who is timed and who isn't, the command, the kept results."""

import json

import numpy as np
import pytest
import torch

from bench import gpu as machine
from bench import tables
from bench.decode import report
from bench.decoding.contestants import Contestant, Run
from bench.decoding.huggingface import HuggingFace
from bench.decoding.measure import Effort, Measurement, Workload, measure
from bench.decoding.picture import make
from bench.decoding.reference import Reference
from bench.decoding.static import EagerPeer, StaticGPT
from bench.ladder import Rung, rungs
from mingpt.paths import ROOT
from mingpt.weights import load
from tests.whole import in_all

N = 6


@pytest.fixture(scope="module")
def reference() -> Reference:
    model, tokenizer = load()
    return Reference(model, torch.tensor([tokenizer.encode("ROMEO:")]), N)


class Fake(Contestant):
    """Writes the reference's ids, some replaced; a token takes as long as `seconds` says."""

    bytes_per_step = 1000

    def __init__(self, reference, name="fake", dtype="fp32", cached=True, wrong=(), seconds=None):
        self.name = self.label = name
        self.dtype, self.cached = dtype, cached
        self.reference, self.wrong = reference, wrong
        self.seconds = seconds or (lambda length: 0.25)

    def run(self, ids, n):
        first = ids.shape[1] - self.reference.prompt.shape[1]
        steps = range(first, first + n)
        new = [self.reference.new[s] if s not in self.wrong else 0 for s in steps]
        return Run(new, [self.seconds(self.reference.prompt.shape[1] + s) for s in steps])


def measured(reference, *contestants, seconds=10.0) -> list[Measurement]:
    workload = Workload(reference.prompt.shape[1], N)
    rng, effort = np.random.default_rng(0), Effort(3, seconds)
    return measure([*contestants], workload, reference, effort, "cpu", rng, lambda _: None, {})


# ---------------------------------------------------------------------------------- figures


def test_tokens_per_second_leaves_the_first_token_out():
    run = Run([1, 2, 3, 4], [5.0, 0.1, 0.1, 0.3])
    assert run.ttft == 5.0
    assert run.tokens_per_s == pytest.approx(3 / 0.5)


def test_a_run_is_timed_from_the_request_to_the_arrival_of_each_id(reference, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("mingpt.generate.time.perf_counter", lambda: now[0])

    class Slow(Contestant):
        model = reference.model

        def generate(self, ids, n):
            for i in range(n):
                now[0] += 2.0 if i == 0 else 0.5
                yield i

    run = Slow().run(reference.prompt, 3)
    assert run == Run([0, 1, 2], [2.0, 0.5, 0.5])


def test_the_figures_of_a_result():
    m = Measurement(Fake(None, "it"), tokens=3)
    m.runs = [Run([1, 2, 3], [t, s, s]) for t, s in ((0.3, 0.5), (0.1, 0.25), (0.2, 0.125))]
    r = m.result(read_bandwidth=20_000.0)
    assert r["tokens_per_s"] == pytest.approx(4)  # of 2, 4 and 8
    assert r["spread"] == pytest.approx((6 - 3) / 4)
    assert r["ttft_s"] == pytest.approx(0.2)
    assert r["tpot_s"] == pytest.approx(0.25)
    assert r["bytes_per_s"] == pytest.approx(4000)
    assert r["of_read_bandwidth"] == pytest.approx(0.2)


def test_spread_is_the_middle_half_over_the_median():
    values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6]
    low, middle, high = np.percentile(values, (25, 50, 75))
    assert machine.spread(values) == pytest.approx((high - low) / middle)


def test_a_loop_without_a_cache_is_sampled_over_the_whole_text(reference):
    (m,) = measured(reference, Fake(reference, cached=False, seconds=lambda length: 0.01 * length))
    T = reference.prompt.shape[1]
    steps = [T + s for s in range(1, N)]  # all of them, at this effort
    assert m.steps == list(range(N)) and not m.error
    assert m.runs[0].tokens_per_s == pytest.approx(1 / (0.01 * np.mean(steps)))
    (m,) = measured(reference, Fake(reference, cached=False), seconds=1.0)  # 0.25 s a step
    assert len(m.steps) == 4 and m.steps[0] == 0 and m.steps[-1] == N - 1


def test_the_slow_write_fewer_tokens(reference):
    (m,) = measured(reference, Fake(reference), seconds=1.25)  # 4 tokens/s
    assert m.tokens == 5 and all(len(run.ids) == 5 for run in m.runs)


# ------------------------------------------------------------------------------- right ids


def test_wrong_ids_are_never_timed_and_the_others_go_on(reference):
    bad, good = measured(reference, Fake(reference, "bad", wrong=(2,)), Fake(reference, "good"))
    assert "New token 2 is 0" in bad.error and "error" in bad.result(1.0)
    assert not good.error and len(good.runs) == 3 and good.agreement == 1


def test_other_types_of_weights_are_told_how_often_they_agree(reference):
    (m,) = measured(reference, Fake(reference, dtype="bf16", wrong=(N - 1,)))
    assert not m.error
    assert m.agreement == pytest.approx((N - 1) / N)


def test_wrong_ids_of_a_loop_without_a_cache(reference):
    (m,) = measured(reference, Fake(reference, cached=False, wrong=(3,)))
    assert "New token 3 is 0" in m.error


def test_one_that_raises_is_out_and_says_why(reference):
    broken = Fake(reference, "broken")
    broken.run = lambda ids, n: 1 / 0
    first, second = measured(reference, broken, Fake(reference, "other"))
    assert first.error == "ZeroDivisionError: division by zero"
    assert len(second.runs) == 3


PEERS = [
    EagerPeer("eager", "static cache", "fp32"),
    HuggingFace("fp32", static=False),
    HuggingFace("fp32", static=True),  # not compiled here: on a GPU only
]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peers_write_what_the_model_writes(reference, peer):
    peer.open(reference.model, longest=32)
    peer.run(torch.flip(reference.prompt, [1]), N + 2)  # another text, which must leave nothing
    run = peer.run(reference.prompt, N)
    assert run.ids == reference.new
    assert len(run.seconds) == N and min(run.seconds) > 0
    assert peer.bytes_per_step == reference.model.bytes_per_step


def test_the_step_that_is_compiled_is_one_graph_for_all_positions(reference):
    static = StaticGPT(reference.model, 16)
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    step = torch.compile(static, backend=backend, fullgraph=True, dynamic=False)
    new = static(reference.prompt, torch.arange(reference.prompt.shape[1]))
    for position in range(reference.prompt.shape[1], 10):
        new = step(new, torch.tensor([position]))
    assert len(graphs) == 1
    assert int(new) == reference.new[10 - reference.prompt.shape[1]]


# ------------------------------------------------------------------------------- the ladder


def test_rungs_are_in_order_and_have_titles():
    found = rungs("cuda")
    assert [r.number for r in found] == sorted(r.number for r in found)
    assert found[0].name == "0_seed_loop" and found[0].title == "the seed's loop"
    titles = {r.name: r.title for r in found}
    assert titles["2_tiled_linear"] == "a tiled linear layer"
    assert titles["3_kv_cache"] == "a KV-cache"
    assert titles["7_int8"] == "weights in one byte each, with a scale for each row"
    assert all(r.number <= 6 for r in rungs("cpu"))
    assert Rung(ROOT / "solutions").folder  # any folder is one


# ------------------------------------------------------------------------------ the command


@in_all
def test_the_command_on_a_cpu(command, tmp_path):
    kept = tmp_path / "out.json"
    arguments = ("--device", "cpu", "--only", "0_seed_loop,3_kv_cache", "--workload", "6+5")
    status, out, _ = command("decode", *arguments, "--json", kept)
    assert status == 0
    results = json.loads(kept.read_text())
    (workload,) = results["workloads"]
    assert [r["name"] for r in workload["results"]] == ["0_seed_loop", "3_kv_cache"]
    bytes_per_step = load()[0].bytes_per_step
    for r in workload["results"]:
        assert r["agreement"] == 1 and r["dtype"] == "fp32"
        assert r["bytes_per_step"] == bytes_per_step
        assert r["bytes_per_s"] == pytest.approx(bytes_per_step * r["tokens_per_s"])
        share = r["bytes_per_s"] / results["ceilings"]["read"]
        assert r["of_read_bandwidth"] == pytest.approx(share)
        assert f"{tables.number(r['tokens_per_s'])}" in out
    assert [r["sampled"] for r in workload["results"]] == [True, False]


def test_a_rung_that_does_not_build_has_failed_and_the_others_go_on(command, broken_ladder):
    names = "0_seed_loop,1_broken"
    arguments = ("--device", "cpu", "--ladder", broken_ladder, "--workload", "4+3")
    status, out, _ = command("decode", *arguments, "--only", names)
    assert status == 1
    assert "failed" in out and "does not compile for the CPU" in out and "gpt.cu:2" in out
    assert "0 seed loop" in out


def test_without_a_gpu(command, no_gpu):
    for name in ("decode", "kernels", "accuracy"):
        status, _, err = command(name)
        assert status == 1
        assert "torch sees none here" in err and "--device cpu" in err


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--only", "9_none"), "There are: 0_seed_loop"),
        (("--model", "gpt2"), "only the bundled model"),
        (("--workload", "600+10"), "longer than shakespeare can see (512 tokens)"),
    ],
)
def test_what_can_not_be_measured(command, arguments, said):
    status, _, err = command("decode", "--device", "cpu", *arguments)
    assert status == 1 and said in err


@pytest.mark.parametrize("text", ["10", "0+5", "10+1", "a+b", ""])
def test_a_wrong_workload(command, text):
    status, _, err = command("decode", "--workload", text)
    assert status == 2 and "is not a workload" in err


# ---------------------------------------------------------------------------- kept results


def result(name, dtype, rate, rung, size):
    return {
        **{"name": name, "label": name.replace("_", " "), "dtype": dtype, "rung": rung},
        **{"tokens_per_s": rate, "spread": 0.01, "runs": [rate], "tokens": 9, "sampled": False},
        **{"ttft_s": 0.003, "tpot_s": 1 / rate, "bytes_per_step": size, "agreement": 1.0},
        **{"bytes_per_s": size * rate, "of_read_bandwidth": size * rate / 1e12},
    }


@pytest.fixture
def kept(tmp_path):
    state = {"sm_clock_mhz": 1980, "memory_clock_mhz": 2619, "temperature_c": 40, "power_w": 99}
    found = [
        result("0_loop", "fp32", 130.0, True, 5e8),
        result("1_bf16", "bf16", 3210.0, True, 2.5e8),
        {"name": "2_x", "label": "2 x", "dtype": "fp32", "rung": True, "error": "no\nluck"},
        result("peer", "fp32", 650.0, False, 5e8),
    ]
    workload = {"prompt": 10, "new": 500, "state_before": state, "state_after": state}
    results = {
        **{"bench": "decode", "version": 1, "rounds": 5, "quick": False, "notes": []},
        "machine": {"device": "Some GPU", "date": "2026-01-01", "torch": "2.11"},
        "model": {"name": "gpt2-random", "parameters": 124e6},
        "ceilings": {"read": 1e12, "copy": 1e12},
        "workloads": [workload | {"results": found}],
    }
    path = tmp_path / "kept.json"
    path.write_text(json.dumps(results))
    return path


def test_pages_are_remade_from_kept_results(command, kept, tmp_path):
    status, out, _ = command("decode", "--from", kept, "--docs", tmp_path / "a")
    assert status == 1  # a rung failed
    assert "3,210" in out and "2_x (10+500): no" in out
    page = (tmp_path / "a" / "ladder.md").read_text()
    assert "| 1 bf16 | bf16 | 3,210 | 1.0 % | 3.00 | 312 | 802 | 80 % | 100.0 % | 9 |" in page
    assert "- 2_x (10+500): no luck" in page
    assert (tmp_path / "a" / "ladder.png").read_bytes()[:4] == b"\x89PNG"
    command("decode", "--from", tmp_path / "a" / "ladder.json", "--docs", tmp_path / "b")
    for name in ("ladder.md", "ladder.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_picture_has_every_rate_and_the_rooflines(kept):
    axes = make(json.loads(kept.read_text())).axes[0]
    texts = [t.get_text() for t in axes.texts]
    assert {"130", "3,210", "650"} <= set(texts)
    assert "fp32 roofline\n2,000" in texts and "bf16 roofline\n4,000" in texts
    assert [t.get_text() for t in axes.get_yticklabels()] == ["peer", "0 loop", "1 bf16"]
    assert axes.get_xscale() == "log"


def test_what_is_not_kept_results_is_refused(command, tmp_path):
    path = tmp_path / "x.json"
    for text in ("", "[]", '{"bench": "kernels"}'):
        path.write_text(text)
        status, _, err = command("decode", "--from", path)
        assert status == 1 and str(path) in err


@pytest.mark.parametrize("folder", [tables.DOCS, tables.DOCS / "h200"])
def test_the_pages_in_docs_are_what_their_results_give(folder):
    kept = json.loads((folder / "ladder.json").read_text())
    assert report.page(kept) == (folder / "ladder.md").read_text()


@pytest.mark.parametrize(
    "value, text",
    [(0, "0"), (0.01234, "0.0123"), (1.234, "1.23"), (12.34, "12.3"), (12345.6, "12,346")],
)
def test_numbers(value, text):
    assert tables.number(value) == text


@pytest.mark.gpu
def test_a_quick_run_on_a_gpu(command, gpu, tmp_path):
    kept = tmp_path / "out.json"
    status, out, _ = command("decode", "--quick", "--json", kept)
    assert status == 0, out
    for workload in json.loads(kept.read_text())["workloads"]:
        assert all("error" not in r for r in workload["results"]), out
        assert workload["state_after"]["sm_clock_mhz"] > 0
        for r in workload["results"]:
            assert 0 < r["of_read_bandwidth"] < 1.02
