"""make lab: a copy to work in, laid out once; after that all is the user's own."""

import json
import sys

import pytest

from course import jupyter
from tests.course.place import Course


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return Course(tmp_path_factory.mktemp("work"))


def test_what_is_there_is_never_written_over(course):
    command = (sys.executable, "-m", "course", "lab", "1", "--no-open")
    assert "work/1_gelu (new)" in course.run(*command)
    folder = course.folder / "work" / "1_gelu"
    assert "TODO gelu" in (folder / "gpt.cu").read_text()
    (folder / "gpt.cu").write_text("// mine")
    assert "as you left it" in course.run(*command)
    (folder / "gelu.ipynb").unlink()  # to have it anew
    course.run(*command)
    assert (folder / "gelu.ipynb").exists()
    assert (folder / "gpt.cu").read_text() == "// mine"
    assert not (course.folder / "gradebook.db").exists()
    assert not (course.folder / "release").exists()


def test_the_layout_is_laid_out_once(tmp_path):
    folder = tmp_path / "1_gelu"
    command = jupyter.command(folder, "gelu.ipynb", ["--no-browser"])
    assert command[-1] == "--no-browser"
    (file,) = (tmp_path / jupyter.WORKSPACES).iterdir()
    file.write_text(json.dumps({"data": {"mine": 1}, "metadata": {"id": "1_gelu"}}))
    jupyter.command(folder, "gelu.ipynb", [])
    assert json.loads(file.read_text())["data"] == {"mine": 1}
