"""Submissions made from solutions/ by small substitutions, and their grading with short limits."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from grader import rubric
from grader.checks.kernels import KERNELS
from grader.framework import REGISTRY, Context, Session
from grader.grading import grade
from grader.results import Result
from mingpt.paths import ROOT

SOLUTIONS = ROOT / "solutions"
FILES = ("gpt.cu", "kv_cache.py")


def substituted(text: str, old: str, new: str) -> str:
    """`text` with `old`, which must be there exactly once, replaced by `new`."""
    assert text.count(old) == 1, f"found {text.count(old)} times, not once: {old!r}"
    return text.replace(old, new)


@pytest.fixture
def variant(tmp_path):
    """variant("gpt.cu", (old, new), ...) -> the folder of a submission that differs in that."""

    def make(file: str = "gpt.cu", *changes: tuple[str, str]) -> Path:
        folder = tmp_path / "submission"
        folder.mkdir(exist_ok=True)
        for name in FILES:
            shutil.copy(SOLUTIONS / name, folder / name)
        text = (folder / file).read_text()
        for old, new in changes:
            text = substituted(text, old, new)
        (folder / file).write_text(text)
        return folder

    return make


@pytest.fixture(scope="session")
def quick_rubric():
    """The rubric with limits that end a hang soon, and fewer timed runs."""
    loaded = rubric.load()
    entries = {
        id: dataclasses.replace(entry, settings={**entry.settings})
        for id, entry in loaded.entries.items()
    }
    entries["speed"].settings.update(rounds=2, max_rounds=2, new_tokens=8)
    entries["kv_cache"] = dataclasses.replace(entries["kv_cache"], time_limit=15)
    return dataclasses.replace(loaded, entries=entries, loop_limit=1)


@pytest.fixture
def context(quick_rubric):
    """context(submission, "memory") -> what that check sees when these kernels have passed."""

    def make(submission: Path, check: str, passed=KERNELS, device: str = "cpu") -> Context:
        session = Session(submission, device, quick_rubric, seed=0)
        session.passed.update(passed)
        return Context(session, REGISTRY[check])

    return make


@pytest.fixture
def graded(quick_rubric):
    """graded(submission, "gelu", ...) -> {id: CheckResult} of these checks, on the CPU."""

    def run(submission: Path, *only: str) -> dict:
        errors = []
        result: Result = grade(
            submission,
            quick_rubric,
            only=only or None,
            device="cpu",
            on_error=lambda check, error: errors.append((check.id, error)),
        )
        assert not errors, f"the grader failed: {errors}"
        return {check.id: check for check in result.checks}

    return run
