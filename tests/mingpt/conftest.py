"""Shared by the tests of mingpt: a tiny model, small submissions, and the two commands."""

import mingpt  # noqa: F401, I001 (before torch: it sets how torch's threads wait)

import importlib.util
import sys
from pathlib import Path

import pytest
from checkpoints import SOLUTIONS, TINY, save_random_gpt2, write_byte_vocabulary

from mingpt import cli
from mingpt.paths import ROOT


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """(folder, transformers' model) of a tiny GPT-2 over bytes."""
    folder = tmp_path_factory.mktemp("tiny")
    model = save_random_gpt2(folder, initializer_range=0.3, **TINY)
    write_byte_vocabulary(folder / "vocab.tiktoken")
    return folder, model


@pytest.fixture
def submission(tmp_path):
    """Makes a submission: the reference, with pieces of its text replaced or a whole file."""

    def make(gpt_cu=None, kv_cache_py=None, replace=()) -> Path:
        folder = tmp_path / "mine"
        folder.mkdir()
        for name, text in {"gpt.cu": gpt_cu, "kv_cache.py": kv_cache_py}.items():
            if text is None:
                text = (SOLUTIONS / name).read_text()
                for old, new in replace:
                    text = text.replace(old, new)
            (folder / name).write_text(text)
        if replace:
            assert any(
                (folder / n).read_text() != (SOLUTIONS / n).read_text()
                for n in ("gpt.cu", "kv_cache.py")
            ), "nothing was replaced"
        return folder

    return make


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs run.py or test.py as from the shell: command("run", "--steps", "3") -> (status, stdout,
    stderr)."""

    def run(name: str, *arguments) -> tuple[int, str, str]:
        spec = importlib.util.spec_from_file_location(f"_{name}_py", ROOT / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "reconfigure", lambda **_: None, raising=False)
        try:
            status = cli.end(module.main)
        except SystemExit as e:
            status = e.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run
