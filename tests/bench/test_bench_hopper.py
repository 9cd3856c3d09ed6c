"""bench/hopper.py: what is left out can be left out, and the tables go into their page."""

import json
import re

import pytest

from bench import hopper
from mingpt.errors import LabError

RUNG = hopper.LADDER / "9_hopper"


def test_each_idea_has_its_switch():
    switches = set(re.findall(r"#ifndef (\w+)", (RUNG / "switches.cuh").read_text()))
    left_out = {idea.switch.split()[0] for idea in hopper.IDEAS if idea.switch}
    assert left_out == switches, "switches.cuh and bench/hopper.py: each knows what the other has"


def test_the_pacing_is_the_kernels():
    source = (RUNG / "arguments.cuh").read_text()
    struct = source[source.index("struct Pacing {") :].partition("};")[0]
    assert re.findall(r"(\w+) = \d+", struct) == list(hopper.Pacing().numbers())


def test_each_moment_is_marked():
    source = "".join(path.read_text() for path in RUNG.glob("*.cuh"))
    marked = set(re.findall(r"mark\(a, me, step, layer, (\d+)\)", source))
    assert marked == {str(i) for i in range(len(hopper.MOMENTS))}


def some_results() -> dict:
    us = {idea.name: [90.0 + i, 99.0 + i, 94.0 + i] for i, idea in enumerate(hopper.IDEAS)}
    kinds = ("bf16", "int8")
    return {
        "bench": "hopper",
        "machine": {"device": "X", "date": "2026"},
        "prompt": 10,
        "new": 500,
        "ideas": {kind: {"us": us, "pacing": hopper.Pacing().numbers()} for kind in kinds},
        "moments": {kind: [100.0 * i * i for i in range(16)] for kind in kinds},
    }


def test_the_tables_go_between_their_marks(tmp_path, monkeypatch, capsys):
    page, kept = tmp_path / "hopper.md", tmp_path / "kept.json"
    page.write_text("before\n<!-- bench/hopper.py -->\nold\n<!-- end -->\nafter\n")
    kept.write_text(json.dumps(some_results()))
    monkeypatch.setattr(hopper, "PAGE", page)
    assert hopper.main(["--from", str(kept), "--docs"]) == 0
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("<!-- end -->\nafter\n")
    assert "old" not in text
    for i, idea in enumerate(hopper.IDEAS):
        assert f"| {idea.name} | {94 + i}.0 | {94 + i}.0 |" in text
    # The gathering warps' moment, [8], is skipped: from [7] to [9].
    assert re.search(r"\| \[7\] weights here \| x is gathered .* \| 3200 \| 3200 \|", text)
    assert re.search(r"\| a layer \|\s*\| 22500 \|", text)
    page.write_text("no marks")
    with pytest.raises(LabError, match="no place"):
        hopper.main(["--from", str(kept), "--docs"])


@pytest.mark.gpu
def test_on_a_gpu(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available() or torch.cuda.get_device_capability() < (9, 0):
        pytest.skip("needs a Hopper GPU and nvcc")
    monkeypatch.setattr(hopper, "IDEAS", hopper.IDEAS[:3])
    kept = tmp_path / "kept.json"
    assert hopper.main(["--types", "bf16", "--json", str(kept)]) == 0
    found = json.loads(kept.read_text())
    assert all(us > 50 for runs in found["ideas"]["bf16"]["us"].values() for us in runs)
    assert found["moments"]["bf16"][-1] > 5000
