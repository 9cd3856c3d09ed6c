"""Submissions made from solutions/ by small substitutions, and their grading with short limits."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from gallery import entries, verdict
from grader.checks.kernels import KERNELS
from grader.framework import REGISTRY, Context, Session
from grader.grading import grade
from grader.results import Result


@pytest.fixture
def variant(tmp_path):
    """variant("gpt.cu", (old, new), ...) -> the folder of a submission that differs in that."""

    def make(file: str = "gpt.cu", *changes: tuple[str, str]) -> Path:
        return entries.submission(tmp_path / "submission", file, changes)

    return make


@pytest.fixture(scope="session")
def quick_rubric():
    """The gallery's, with fewer and shorter timed runs."""
    loaded = verdict.quick_rubric()
    loaded["speed"].settings.update(rounds=2, max_rounds=2, new_tokens=8)
    return loaded


@pytest.fixture
def context(quick_rubric):
    """context(submission, "memory") -> what that check sees when these kernels have passed."""

    def make(submission: Path, check: str, passed=KERNELS, device: str = "cpu") -> Context:
        session = Session(submission, device, quick_rubric, seed=0)
        session.passed.update(passed)
        return Context(session, REGISTRY[check])

    return make


@pytest.fixture
def result_on(quick_rubric):
    """result_on(device, submission, "gelu", ...) -> Result; of all checks, if none is named."""

    def run(device: str, submission: Path, *only: str) -> Result:
        errors = []
        result = grade(
            submission,
            quick_rubric,
            only=only or None,
            device=device,
            on_error=lambda check, error: errors.append((check.id, error)),
        )
        assert not errors, f"the grader failed: {errors}"
        return result

    return run


@pytest.fixture
def graded(result_on):
    """graded(submission, "gelu", ...) -> {id: CheckResult} of these checks, on the CPU."""
    return lambda *asked: {check.id: check for check in result_on("cpu", *asked).checks}


@pytest.fixture
def result_on_gpu(result_on):
    """result_on_gpu(submission, "gelu", ...) -> Result."""
    import torch

    if not torch.cuda.is_available() or shutil.which("nvcc") is None:
        pytest.skip("needs an NVIDIA GPU and nvcc")
    return partial(result_on, "cuda")


@pytest.fixture
def on_gpu(result_on_gpu):
    """on_gpu(submission, "gelu", ...) -> {id: CheckResult}."""
    return lambda *asked: {check.id: check for check in result_on_gpu(*asked).checks}
