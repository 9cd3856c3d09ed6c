"""A class of submissions that a fake grader grades at once: what is tested is what surrounds it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mingpt.paths import ROOT

GRADER = f"{sys.executable} {Path(__file__).with_name('fake_grader.py')}"


@pytest.fixture(autouse=True)
def private(tmp_path, monkeypatch):
    """A cache of its own, and a log of the gradings that were begun."""
    monkeypatch.setenv("MINGPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_GRADER_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)


@pytest.fixture
def begun(tmp_path):
    """begun() -> [(student, part)] of the gradings that were begun, in order."""

    def read() -> list[tuple[str, str]]:
        path = tmp_path / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(one["name"], one["part"]) for one in map(json.loads, lines)]

    return read


@pytest.fixture
def hand_in(tmp_path):
    """hand_in("ada", "points 7", ...) -> the folder of the class, with that in ada's gpt.cu."""

    def write(student: str, text: str, **more: str) -> Path:
        folder = tmp_path / "in" / student
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "gpt.cu").write_text(f"// {text}\n")
        for name, content in more.items():
            (folder / name.replace("_txt", ".txt")).write_text(content)
        return tmp_path / "in"

    return write


def command(submissions: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "grader.classroom", str(submissions), "--out", str(out),
            "--grader", GRADER, "--device", "cpu", *more]  # fmt: skip


@pytest.fixture
def classroom(tmp_path):
    """classroom("--workers", "2") -> (exit status, what it said)."""

    def run(*more: str) -> tuple[int, str]:
        done = subprocess.run(
            command(tmp_path / "in", tmp_path / "out", *more), capture_output=True, text=True,
            cwd=tmp_path, timeout=120, env=dict(os.environ),
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run
