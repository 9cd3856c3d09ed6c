"""The project's own files agree with one another."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from grader import make_starter
from simt.build import build_library

ROOT = Path(__file__).resolve().parent.parent


def normal(requirement: str) -> str:
    """The bare name of a requirement: "Foo_bar[x]>=1; ..." -> "foo-bar"."""
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def project() -> dict:
    return PYPROJECT["project"]


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [line.split("#")[0].strip() for line in lines]
    return {normal(p): p.split("==")[1] for p in pinned if p}


def test_every_dependency_is_pinned_and_the_pin_is_in_range(project, pins):
    from packaging.requirements import Requirement

    extras = project["optional-dependencies"].values()
    for text in [*project["dependencies"], *(r for extra in extras for r in extra)]:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate():
            continue
        assert normal(text) in pins, f"{text} has no pin in constraints.txt"
        assert pins[normal(text)] in requirement.specifier, f"{text}: pin {pins[normal(text)]}"


def test_an_installed_package_has_all_of_its_files():
    data = PYPROJECT["tool"]["setuptools"]["package-data"]
    for package in ("mingpt", "simt", "grader"):
        for path in (ROOT / package).rglob("*"):
            if path.is_dir() or "__pycache__" in path.parts or path.suffix == ".py":
                continue
            folder = ".".join(path.relative_to(ROOT).parent.parts)
            patterns = [*data["*"], *data.get(folder, [])]
            assert any(path.match(pattern) for pattern in patterns), path.relative_to(ROOT)


def test_what_is_installed_is_what_is_pinned(pins):
    from importlib.metadata import distributions

    own = [one for one in distributions() if "_vendor" not in str(one.locate_file(""))]
    installed = {normal(one.metadata["Name"]): one.version for one in own}  # none of setuptools'
    wrong = {
        name: (installed[name], pin)
        for name, pin in pins.items()
        if name in installed and installed[name].split("+")[0] != pin
    }
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("not the environment that make setup makes")
    assert not wrong


def test_conda_installs_the_same(project):
    env = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(d["pip"] for d in env["dependencies"] if isinstance(d, dict))
    assert "--constraint constraints.txt" in pip
    editable = next(line for line in pip if "--editable" in line)
    extras = re.search(r"\[(.*)\]", editable)[1]
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert f"'.[{extras}]'" in (ROOT / "Makefile").read_text(), "make setup installs other extras"


def test_starter_is_what_solutions_give():
    for name, text in make_starter.starter_files(ROOT / "solutions").items():
        assert (ROOT / "starter" / name).read_text() == text, f"{name}: run make starter"


def test_starter_holds_no_line_of_a_solution():
    for name in make_starter.FILES:
        text = (ROOT / "solutions" / name).read_text()
        regions = re.findall(r"BEGIN SOLUTION\n(.*?)[^\n]*END SOLUTION", text, re.DOTALL)
        assert regions
        secret = {
            line.strip()
            for region in regions
            for line in region.splitlines()
            if len(line.strip()) > 12 and not line.strip().startswith(("//|", "#|"))
        }
        starter = {line.strip() for line in (ROOT / "starter" / name).read_text().splitlines()}
        assert not secret & starter


@pytest.mark.parametrize("submission", ["starter", "solutions"])
def test_both_build_without_a_warning(submission):
    build = build_library(ROOT / submission / "gpt.cu", include_dirs=[ROOT / "mingpt" / "include"])
    assert build.log == ""


@pytest.mark.parametrize(
    "text, line",
    [
        ("a\n/// END SOLUTION\n", 2),
        ("/// BEGIN SOLUTION\n/// BEGIN SOLUTION\n/// END SOLUTION\n", 2),
        ("a\nb\n  ### BEGIN SOLUTION\nc\n", 3),
    ],
)
def test_unpaired_markers_are_refused_with_their_line(text, line):
    with pytest.raises(make_starter.MarkerError, match=f"line {line}:"):
        make_starter.strip(text)


def test_making_the_starter_keeps_what_was_written(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "solutions", tmp_path / "solutions")
    (tmp_path / "starter").mkdir()
    (tmp_path / "starter" / "gpt.cu").write_text("// two weeks of work\n")
    monkeypatch.setattr(make_starter, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["make_starter"])
    assert make_starter.main() == 0
    assert (tmp_path / "starter" / "gpt.cu.bak1").read_text() == "// two weeks of work\n"
    assert "TODO gelu" in (tmp_path / "starter" / "gpt.cu").read_text()


def test_make_help_lists_every_target():
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = re.search(r"\.PHONY: (.*)", (ROOT / "Makefile").read_text())[1].split()
    for target in targets:
        assert f"make {target} " in shown.stdout
