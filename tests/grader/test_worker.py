"""A submission that misbehaves costs its own check, and nothing of it lives on."""

import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from grader.client import Worker, WorkerDied, WorkerTalksNonsense, WorkerTimeout, printable
from grader.grading import grade
from grader.worker import cache

# What the body of gelu (the host function) does instead of launching anything.
LAUNCH = "  gelu_kernel<<<(n + block - 1) / block, block, 0, stream>>>(out, in, n);\n"
INCLUDE = '#include "gpt.h"\n'
HEADERS = "#include <csignal>\n#include <cstdio>\n#include <cstdlib>\n#include <unistd.h>\n"
FORGED = 'for (int fd = 3; fd < 64; fd++) if (write(fd, "not a message at all", 20) < 0) continue;'


@pytest.fixture
def quick_rubric(quick_rubric):
    """No rules: what they refuse is to meet the isolation here."""
    return replace(quick_rubric, rules=quick_rubric.rules | {"enabled": False})


@pytest.fixture
def misbehaving(variant):
    """misbehaving(code) -> a submission whose gelu runs that code on the host."""

    def make(code: str) -> Path:
        return variant("gpt.cu", (INCLUDE, INCLUDE + HEADERS), (LAUNCH, f"  {code}\n{LAUNCH}"))

    return make


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("abort();", "killed by SIGABRT"),
        ("exit(0);", "exit status 0"),
        ("_exit(3);", "exit status 3"),
        ("raise(SIGKILL);", "killed by SIGKILL"),
        ("raise(SIGRTMIN + 5);", "killed by signal 39"),
        ("_exit(161);", "exit status 161|killed by signal 33"),
        ("for (int fd = 3; fd < 64; fd++) close(fd);", "without an answer|exit status|killed"),
        (FORGED, "can't be read"),
    ],
    ids=["abort", "exit(0)", "_exit(3)", "kill", "a signal with no name", "a status like one",
         "closed channel", "forged answer"],
)  # fmt: skip
def test_a_crash_costs_one_check(misbehaving, graded, code, named):
    results = graded(misbehaving(code), "gelu", "layernorm")
    assert results["gelu"].status == "failed"
    assert re.search(named, results["gelu"].message), results["gelu"].message
    assert results["layernorm"].status == "passed"


def test_a_flood_of_output_is_cut_and_harms_nobody(misbehaving, quick_rubric):
    text = 'for (int i = 0; i < 4000000; i++) printf("\\x1b[31mflood flood flood flood\\n");'
    result = grade(misbehaving(text), quick_rubric, only=["gelu", "layernorm"])
    assert result.checks[-1].status == "passed"
    assert len(result.outputs["gelu"]) < 10_000
    assert "flood" in result.outputs["gelu"] and "\x1b" not in result.outputs["gelu"]
    assert list(result.outputs) == ["gelu"]


def test_a_hang_ends_at_the_limit_with_its_process_gone():
    with Worker() as worker:
        pid = worker._sandbox.process.pid
        with pytest.raises(WorkerTimeout):
            worker.ask("build", submission="/", device="cpu", limit=0.0001)
        assert not Path(f"/proc/{pid}").exists()
        with pytest.raises(WorkerTimeout):  # and it stays failed
            worker.ask("build", submission="/", device="cpu", limit=5)
    assert not os.path.exists(worker._folder)


def test_a_worker_gets_nothing_of_our_environment(monkeypatch):
    monkeypatch.setenv("MY_SECRET", "42")
    with Worker(variables={"ADDED": "1"}) as worker:
        process = Path(f"/proc/{worker._sandbox.process.pid}")
        while not (environment := (process / "environ").read_bytes()):
            time.sleep(0.01)  # it is about to begin
        assert b"MY_SECRET" not in environment and b"ADDED=1" in environment


def test_what_a_worker_answers_is_checked():
    with Worker() as worker:
        worker._channel._connection.send(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises((WorkerDied, WorkerTalksNonsense)):
            worker.ask("build", submission="/", device="cpu", limit=10)


def test_printable_text_cannot_steer_a_terminal():
    assert printable("a\x1b[2Jb\r\nc\td\x9b") == "a\ufffd[2Jb\ufffd\nc\td\ufffd"


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (torch.tensor([[torch.inf]]), "not (1, 1) of float32"),
        (torch.tensor([[1, 2]]), "not (1, 2) of int64"),
        (2**70, "not int"),
        ("x", "not str"),
    ],
)
def test_what_generate_yields_must_be_ids(item, said):
    with pytest.raises(cache.WrongYield, match=re.escape(said)):
        cache._take(iter([item]), 3)
