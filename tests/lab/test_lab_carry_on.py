"""carry_on: work moves from lab to lab; nothing that a student wrote is lost."""

import pytest

import lab
from tests.lab.conftest import change, written


@pytest.fixture
def two(stage, here):
    """The folder of lab 1 with gelu written and a file of the student's own, and lab 2's."""
    first, second = stage("1_gelu", "gelu"), stage("2_layernorm")
    (first / "tile.cuh").write_text("// mine\n")
    (first / "gelu.ipynb").write_text("{}")
    here(second)
    return first, second


def test_work_is_taken_over_with_a_backup(two, capsys):
    first, second = two
    starter = (second / "gpt.cu").read_text()
    carried = lab.carry_on()
    assert carried.taken == ["gpt.cu", "tile.cuh"] and carried.backups == ["gpt.cu.bak1"]
    assert (second / "gpt.cu").read_text() == written("gelu")
    assert (second / "gpt.cu.bak1").read_text() == starter
    assert (second / "tile.cuh").read_text() == "// mine\n"
    said = capsys.readouterr().out
    assert "yours: gelu_kernel, gelu (" in said and "layernorm" not in said
    assert (first / "gpt.cu").read_text() == written("gelu"), "the first lab keeps its own"
    assert not (second / "gelu.ipynb").exists() and not list(second.glob(".*"))

    again = lab.carry_on()
    assert again.taken == [] and set(again.left) == {"gpt.cu", "kv_cache.py", "tile.cuh"}
    assert len(list(second.glob("*.bak*"))) == 1


def test_what_a_student_changed_is_not_replaced(two, capsys):
    _, second = two
    change(second / "gpt.cu", ("  // your code here\n  return value;", "  return 2 * value;"))
    mine = (second / "gpt.cu").read_text()
    carried = lab.carry_on()
    assert carried.taken == ["tile.cuh"] and "changed" in carried.left["gpt.cu"]
    assert (second / "gpt.cu").read_text() == mine
    assert "lab.carry_on(overwrite=True)" in capsys.readouterr().out
    (second / "gpt.cu.bak1").write_text("an older backup")
    assert lab.carry_on(overwrite=True).backups == ["gpt.cu.bak2"]
    assert (second / "gpt.cu").read_text() == written("gelu")
    assert (second / "gpt.cu.bak2").read_text() == mine
    assert (second / "gpt.cu.bak1").read_text() == "an older backup"


def test_a_starter_replaces_nothing(stage, here):
    """The lab before was skipped: its files are as they were handed out."""
    stage("1_gelu")
    second = stage("2_layernorm", "gelu")
    here(second)
    carried = lab.carry_on(overwrite=True)
    assert carried.taken == [] and "handed out" in carried.left["gpt.cu"]
    assert (second / "gpt.cu").read_text() == written("gelu")


def test_the_latest_lab_before_it_counts(two, stage, here):
    _, second = two
    lab.carry_on()
    fourth = stage("4_kv_cache")
    here(fourth)
    (second / "tile.cuh").write_text("// from lab 2\n")
    lab.carry_on()
    assert (fourth / "tile.cuh").read_text() == "// from lab 2\n"


@pytest.mark.parametrize("name", ["1_gelu", "mine"])
def test_with_no_lab_before_it_is_kind(name, stage, here, capsys):
    folder = stage(name, "gelu")
    here(folder)
    assert lab.carry_on().taken == []
    assert "lab.carry_on(" in capsys.readouterr().out
    assert lab.carry_on("no/such/folder").taken == []
    assert "There is no folder no/such/folder" in capsys.readouterr().out
    assert lab.carry_on(folder).taken == []
    assert (folder / "gpt.cu").read_text() == written("gelu")


def test_a_file_that_is_no_text_or_no_python_moves_too(two):
    first, second = two
    (first / "gpt.cu").write_bytes(b"// \xff\xfe caf\xe9\n")
    (first / "kv_cache.py").write_text("def generate(:\n")
    assert lab.carry_on().taken == ["gpt.cu", "kv_cache.py", "tile.cuh"]
    assert (second / "gpt.cu").read_bytes() == b"// \xff\xfe caf\xe9\n"
