"""Python code in a worker's isolation."""

from pathlib import Path

import pytest

from grader.isolation import choice, sandbox


@pytest.fixture
def level(request, monkeypatch):
    """The level that the test's parameter names, in force."""
    monkeypatch.setenv("MINGPT_ISOLATION", request.param)
    choice.in_force.cache_clear()
    yield request.param
    choice.in_force.cache_clear()


@pytest.fixture
def start(level, tmp_path):
    """start(code, shown) -> a Sandbox in which Python runs the code, and where its output goes."""

    def make(code: str, *shown: Path) -> tuple[sandbox.Sandbox, Path]:
        folder = tmp_path / f"worker{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        started = sandbox.start(
            ["-c", code],
            level=level,
            device="cpu",
            folder=folder,
            shown={path: path for path in shown},
            inherit=(),
            variables={},
        )
        return started, folder / "output"

    return make


@pytest.fixture
def run(start):
    """run(code, shown) -> what Python prints when it runs the code in there."""

    def make(code: str, *shown: Path) -> str:
        started, output = start(code, *shown)
        status = started.kill(grace=30)
        assert status == 0, output.read_text()
        return output.read_text()

    return make
