"""bench/soak.py: texts that differ are found, and where; what fails doesn't stop the others."""

import json
import signal

import pytest

from bench import soak
from bench.ladder import LADDER
from mingpt.paths import ROOT

RUNG = LADDER / "3_kv_cache"


@pytest.fixture
def fickle(tmp_path):
    """fickle("id + 1 if ... else id") -> a submission whose ids are changed so: i, texts, id."""

    def make(change: str):
        folder = tmp_path / f"fickle{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        source = (ROOT / "solutions" / "kv_cache.py").read_text()
        assert "def generate(" in source
        changed = source.replace("def generate(", "def honest_generate(")
        changed += "\n\ntexts = 0\n\n\ndef generate(*arguments, **named):\n    global texts\n"
        changed += "    texts += 1\n    honest = honest_generate(*arguments, **named)\n"
        changed += f"    for i, id in enumerate(honest):\n        yield {change}\n"
        (folder / "kv_cache.py").write_text(changed)
        return folder

    return make


def test_each_text_against_the_first():
    one = soak.Soak("x")
    for ids in ([1, 2, 3, 4], [1, 2, 3, 4], [1, 9, 3, 5]):
        one.add(ids, 10.0)
    found = one.result()
    assert (found["texts"], found["differ"], found["us"]) == (3, 1, 10.0)
    assert found["differences"] == [
        {"text": 2, "token": 1, "id": 9, "first_id": 2, "same_after": 1}
    ]


def test_what_differs_and_what_fails_is_said(command, fickle, tmp_path):
    other = fickle("id + 1 if texts == 3 and i == 2 else id")
    fails = fickle("1 // 0 if texts == 2 else id")
    kept = tmp_path / "kept.json"
    options = ("--device", "cpu", "--workload", "5+4", "--texts", "3", "--json", kept)
    status, out, _ = command("soak", RUNG, other, fails, *options)
    assert status == 1
    assert f"failed {other.name}, 5+4: token 2 of text 2 is" in out
    assert f"failed {fails.name}, 5+4, text 1: " in out and "ZeroDivisionError" in out
    (workload,) = json.loads(kept.read_text())["workloads"]
    assert [(s["texts"], s["differ"], bool(s["error"])) for s in workload["soaks"]] == [
        (3, 0, False), (3, 1, False), (1, 0, True)
    ]  # fmt: skip
    (difference,) = workload["soaks"][1]["differences"]
    assert difference["id"] == difference["first_id"] + 1 and difference["same_after"] == 1


def test_all_the_same(command):
    options = ("--device", "cpu", "--workload", "5+4", "--texts", "2")
    status, out, said = command("soak", RUNG, *options)
    assert status == 0 and "failed" not in out and "text 2 of 2, 0 differ" in said


def test_ctrl_c_shows_what_was_seen(command, fickle):
    stops = fickle(
        "__import__('os').kill(__import__('os').getpid(), 2) or id if texts == 3 else id"
    )
    options = ("--device", "cpu", "--workload", "5+4", "--texts", "9")
    status, out, _ = command("soak", stops, *options, *("--workload", "5+5"))
    assert status == 128 + signal.SIGINT and "Interrupted" in out
    assert "5+4" in out and "5+5" not in out


def test_folders_of_the_same_name_are_told_apart(tmp_path):
    a, b, c = tmp_path / "a" / "x", tmp_path / "b" / "x", tmp_path / "y"
    assert list(soak.names([a, b, c])) == [str(a), str(b), "y"]


def test_what_can_not_be(command, no_gpu):
    assert command("soak", "nowhere")[0] == 2
    status, _, said = command("soak", RUNG)
    assert status == 1 and "torch sees none here" in said
    status, _, said = command("soak", RUNG, "--device", "cpu", "--workload", "800+800")
    assert status == 1 and "longer than" in said


@pytest.mark.gpu
def test_beside_a_process_that_loads_the_gpu(command, gpu):
    options = ("--beside", "--workload", "10+40", "--texts", "20")
    status, out, _ = command("soak", LADDER / "5_fused", *options)
    assert status == 0 and "beside" in out
