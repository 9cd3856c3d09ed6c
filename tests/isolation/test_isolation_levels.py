"""Which level is taken, and what is said of it; and how a grading ends that is told to."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.isolation import choice, levels
from mingpt.paths import ROOT
from tests.isolation.here import works

GRADE = [sys.executable, str(ROOT / "grader" / "grade.py")]


def test_too_little_isolation_is_refused_if_it_is_required(tmp_path):
    environment = os.environ | {"MINGPT_ISOLATION": "process"}
    document = tmp_path / "result.json"
    asked = ["solutions", "--only", "build", "--no-history", "--json", str(document)]
    done = subprocess.run(
        [*GRADE, *asked, "--require-isolation"],
        **{"cwd": ROOT, "env": environment, "capture_output": True, "text": True},
    )
    assert done.returncode == 2 and not document.exists()
    assert "files" in done.stderr and "docs/security.md" in done.stderr
    assert "Grading" not in done.stdout


@pytest.mark.skipif(not works(levels.BUBBLEWRAP), reason="no bubblewrap")
def test_the_report_says_which_isolation_was_in_force():
    from grader.environment import describe

    choice.in_force.cache_clear()
    assert describe("cpu", 1)["isolation"].startswith("bubblewrap")


def test_the_strongest_level_in_which_a_worker_works_is_taken(monkeypatch):
    # Stands for a driver that needs what a view or a rule takes away.
    needs_a_file = f"open({str(ROOT / 'README.md')!r})"
    monkeypatch.setitem(choice.TRIALS, "cuda", needs_a_file)
    monkeypatch.delenv("MINGPT_ISOLATION", raising=False)
    choice.in_force.cache_clear()
    found, others = choice.in_force("cuda"), choice.in_force("cpu")
    with pytest.raises(levels.IsolationError, match="files"):
        choice.require("cuda")
    choice.in_force.cache_clear()
    assert found.name == levels.PROCESS and "files" in found.missing
    assert (
        found.reason.count("README.md") + found.reason.count("not installed")
        == len(levels.candidates()) - 1
    )
    assert others.name == levels.candidates()[0].name or not works(levels.BUBBLEWRAP)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap")
def test_a_bubblewrap_that_is_refused_gives_way(monkeypatch, tmp_path):
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    choice.in_force.cache_clear()
    found = choice.in_force("cpu")
    choice.in_force.cache_clear()
    assert found.name != levels.BUBBLEWRAP and "No permissions" in found.reason and found.missing


def test_sigterm_ends_a_grading_with_143(tmp_path):
    submission = tmp_path / "submission"
    shutil.copytree(ROOT / "solutions", submission, ignore=shutil.ignore_patterns("ladder"))
    (submission / "kv_cache.py").write_text("while True: pass\n")
    process = subprocess.Popen(
        [*GRADE, str(submission), "--only", "kv_cache", "--json", str(tmp_path / "r.json")],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True},
    )
    assert "Grading" in process.stdout.readline()
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 143 and "interrupted" in errors and "Traceback" not in errors
    assert not (tmp_path / "r.json").exists()
    mine = [path for path in Path("/proc").glob("[0-9]*/cmdline") if _mentions(path, submission)]
    assert mine == []


def _mentions(path: Path, what: Path) -> bool:
    try:
        return os.fsencode(what) in path.read_bytes()
    except OSError:
        return False
