"""JupyterLab finds the extension after either kind of install; clangd is offered where it is."""

import shutil
import subprocess
import sys
import zipfile

import pytest

from lab import clangd
from tests.course.place import ROOT

FOLDER = "data/share/jupyter/labextensions/mingpt-lab"


@pytest.mark.parametrize("kind", ["build_wheel", "build_editable"])
def test_an_install_brings_the_whole_extension(kind, tmp_path):
    extension = ROOT / "lab" / "labextension"
    tree = tmp_path / "tree"
    shutil.copytree(extension, tree / "lab" / "labextension")
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(ROOT / name, tree)
    build = f"import sys; from setuptools.build_meta import {kind}; {kind}(sys.argv[1])"
    command = [sys.executable, "-c", build, str(tmp_path)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        there = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    for path in extension.rglob("*"):
        if path.is_file():
            name = f"{FOLDER}/{path.relative_to(extension)}"
            assert there.get(name) == path.read_bytes(), name


def test_clangd_is_offered_to_jupyterlab_lsp_where_it_is(tmp_path, monkeypatch):
    from jupyter_lsp import LanguageServerManager

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MINGPT_CACHE", str(tmp_path / "cache"))
    assert clangd.specs(None) == {}
    program = tmp_path / "clangd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (spec,) = clangd.specs(None).values()
    manager = LanguageServerManager(language_servers={"clangd": spec})
    manager.initialize()
    assert "text/x-cuda" in manager.language_servers["clangd"]["mime_types"]


@pytest.mark.skipif(not shutil.which("clangd"), reason="no clangd here: apt install clangd")
@pytest.mark.parametrize(
    ("change", "found"),
    [(("", ""), []), (("tanhf(", "tanhff("), ["tanhff"]), (("threadIdx.x", "threadIdx.q"), ["q"])],
)
def test_clangd_understands_a_kernel_and_names_mistakes(change, found, tmp_path, monkeypatch):
    monkeypatch.setenv("MINGPT_CACHE", str(tmp_path / "cache"))
    text = (ROOT / "solutions" / "gpt.cu").read_text()
    (tmp_path / "gpt.cu").write_text(text.replace(*change, 1) if change[0] else text)
    command = [*clangd.specs(None)["clangd"]["argv"], "--check=gpt.cu"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr
    errors = [line for line in said.splitlines() if line.startswith("E[")]
    assert len(errors) == len(found), errors
    assert all(word in error for word, error in zip(found, errors, strict=True))
