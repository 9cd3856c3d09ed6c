"""Shared by the tests of bench/: its commands, and a ladder of few and small rungs."""

import mingpt  # noqa: F401, I001 (before torch: it sets how torch's threads wait)

import importlib
import shutil

import pytest
import torch

from mingpt import cli
from mingpt.paths import ROOT

LADDER = ROOT / "solutions" / "ladder"
HAS_GPU = torch.cuda.is_available() and shutil.which("nvcc") is not None


@pytest.fixture
def command(monkeypatch, capsys):
    """command("decode", "--quick") -> (status, stdout, stderr), as from the shell."""

    def run(name: str, *arguments) -> tuple[int, str, str]:
        module = importlib.import_module(f"bench.{name}")
        try:
            status = cli.end(lambda _: module.main([str(a) for a in arguments]))
        except SystemExit as e:
            status = e.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    monkeypatch.setattr("sys.stdout.reconfigure", lambda **_: None, raising=False)
    monkeypatch.setattr("sys.stderr.reconfigure", lambda **_: None, raising=False)
    return run


@pytest.fixture
def broken_ladder(tmp_path):
    """Rung 0, and a rung 1 that doesn't compile."""
    ladder = tmp_path / "ladder"
    shutil.copytree(LADDER / "0_seed_loop", ladder / "0_seed_loop")
    shutil.copytree(LADDER / "0_seed_loop", ladder / "1_broken")
    (ladder / "1_broken" / "gpt.cu").write_text('#include "gpt.h"\nint x = "text";\n')
    return ladder


@pytest.fixture
def gpu():
    if not HAS_GPU:
        pytest.skip("no NVIDIA GPU, or no nvcc")


@pytest.fixture
def no_gpu():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
