"""race, profile, generate and ladder in a real kernel; all of it in plain Python, and without
solutions/."""

import json
import os
import shutil
import subprocess
import sys
from itertools import chain, repeat

import pytest

from grader.outcome import Failure
from grader.report import ladder
from lab import rater
from mingpt.paths import ROOT
from tests.lab.conftest import SOLUTIONS, change, written

USED = "weight_tile[threadIdx.x][i];\n    __syncthreads();\n"


def test_race_and_profile(stage, notebook):
    folder = stage("3_linear", "gelu", "layernorm", "linear")
    change(folder / "gpt.cu", (USED, USED.replace("    __syncthreads();\n", "")))
    kernel = notebook(folder)
    outputs = kernel.run('look = lab.race("linear")\nlook')
    (shown,) = outputs  # the value shows nothing a second time
    source = [line.strip() for line in (folder / "gpt.cu").read_text().splitlines()]
    for start in ("in_tile[threadIdx.y]", "for (int i = 0; i < TILE; i++) sum +="):
        (number,) = [i for i, line in enumerate(source, 1) if line.startswith(start)]
        for kind in ("text/html", "text/plain"):
            assert f"gpt.cu:{number}" in shown["data"][kind] or kind == "text/plain"
    assert "SHARED RACE" in shown["data"]["text/plain"]
    assert "sum += in_tile" in shown["data"]["text/html"], "the code of the lines"
    assert str(folder) not in shown["data"]["text/html"]
    assert "True" in str(kernel.run('look.figures["kinds"] == ["shared_race"]'))

    (clean,) = kernel.run('look = lab.race("gelu")')
    assert "is-passed" in clean["data"]["text/html"]
    assert "True" in str(kernel.run('look.figures["clean"]'))

    (shown,) = kernel.run('look = lab.profile("gelu")')
    assert shown["data"]["text/html"].count("<svg") >= 3, "two requests and the roofline"
    assert "gelu_kernel" in shown["data"]["text/plain"]
    found = json.loads(kernel.run("import json; print(json.dumps(look.figures))")[0]["text"])
    assert found["sectors"] == 2 * 64 * 3072 / 8, "in and out, 8 floats a sector"
    assert found["sectors_per_request"] == 4 and found["bank_conflicts"] == 0 and found["right"]


def test_what_is_not_written_is_said(stage, notebook):
    kernel = notebook(stage("1_gelu"))
    for call in ('race("gelu")', 'profile("gelu")'):
        (shown,) = kernel.run(f"lab.{call}")
        assert shown["data"]["text/plain"].endswith("there is nothing to look at yet.")
    (shown,) = kernel.run('lab.race("softmax")')
    assert "gelu, layernorm, linear" in shown["data"]["text/plain"]


def test_text_is_written_and_timed(stage, notebook):
    kernel = notebook(stage("1_gelu", "gelu"))
    outputs = kernel.run('out = lab.generate("To be", steps=8, layers="gelu", temperature=0)')
    assert [one["output_type"] for one in outputs] == ["display_data"]
    plain = outputs[0]["data"]["text/plain"]
    assert plain.startswith("To be") and "gelu by 1_gelu/gpt.cu" in plain and "TTFT" in plain
    assert "tokens/s" in plain and "8 written" in plain
    torch = kernel.run('lab.generate("To be", steps=8, temperature=0).text == out.text')
    assert "True" in str(torch[-1]), "the same text as torch's"
    assert "True" in str(kernel.run("out.tokens_per_s > 0"))
    for call, said in (
        ('layers="gleu"', "layers: there is no layer 'gleu'"),
        ("kv_cache=True", "not written yet"),
        ('layers="linear"', "linear wrote nothing"),
    ):
        (shown,) = kernel.run(f'lab.generate("To be", steps=3, {call})')
        assert said in shown["data"]["text/plain"], call


def test_the_ladder_so_far(stage, notebook):
    folder = stage("4_kv_cache", "gelu")
    shutil.copy(SOLUTIONS / "kv_cache.py", folder)
    kernel = notebook(folder)
    (shown,) = kernel.run("found = lab.ladder()")
    (printed,) = kernel.run("import json; print(json.dumps(found.tokens_per_s))")
    names = json.loads(printed["text"])
    assert list(names) == [
        *("torch's layers", "torch's layers, your KV-cache"),
        *("your gelu", "your gelu and KV-cache"),
    ]
    assert all(rate > 0 for rate in names.values())
    assert "Not yet: your decoder: gpt.cu has none of the functions" in shown["data"]["text/plain"]
    assert "8 persistent" in shown["data"]["text/html"] and "<svg" in shown["data"]["text/html"]


def test_a_prompt_that_was_held_up_does_not_make_steps_seem_short(monkeypatch):
    clock = 0.0

    class Worker:
        """Takes 30 ms a token, and for the prompt what it is told, call by call."""

        def __init__(self, *prompts):
            self.prompts = chain(prompts, repeat(prompts[-1]))

        def ask(self, operation, prompt, new_tokens, limit):
            nonlocal clock
            clock += next(self.prompts) + 0.03 * new_tokens

    monkeypatch.setattr(rater.time, "perf_counter", lambda: clock)
    for prompts in ((0.4,), (9.0, 0.4), (0.4, 9.0, 0.4)):
        assert rater.rate(Worker(*prompts), "greedy", None) == pytest.approx(1 / 0.03), prompts
    with pytest.raises(Failure, match="busy"):
        rater.rate(Worker(9.0, 9.0, 0.4, 9.0), "greedy", None)


def test_the_ladder_that_is_shown_is_the_measured_one():
    measured = json.loads((ROOT / "docs" / "ladder.json").read_text())
    assert ladder.read() == ladder.extract(measured), "python -m grader.report.ladder"
    assert ladder.read()["rungs"]["8_persistent"]["tokens_per_s"] > 1000


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A student's: the packages as they are installed, no solutions/, no docs/, no run.py."""
    root = tmp_path_factory.mktemp("machine")
    skip = shutil.ignore_patterns("__pycache__", "train.py", "*.bak*")
    for name in ("grader", "lab", "mingpt", "simt"):
        shutil.copytree(ROOT / name, root / name, ignore=skip)
    return root


def test_plain_python_on_a_students_machine(machine, tmp_path):
    folder = tmp_path / "1_gelu"
    folder.mkdir()
    (folder / "gpt.cu").write_text(written("gelu"))
    code = (
        "import grader, lab\n"
        "print(grader.__file__)\n"
        "print(repr(lab.check('gelu', 'memory', 'traffic', 'kernel_speed')))\n"
        "print(repr(lab.check('layernorm')))\n"
        "lab.generate('To be', steps=2, layers=['gelu'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(machine)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == str(machine / "grader" / "__init__.py")
    assert "Against the reference's traffic: gelu 1.00" in done.stdout
    assert lines.count("25.0") == 1 and lines.count("0.0") == 1
    assert "FAIL  layernorm      0 / 15" in done.stdout and "TPOT" in done.stdout
    assert "<" not in done.stdout.replace("<<<", "") and "\x1b" not in done.stdout
