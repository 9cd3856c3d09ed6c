"""make check-table: both tables, and an exit status that tells."""

import check_table
import pytest
import verdicts
from rich.console import Console


@pytest.fixture
def few(monkeypatch):
    """Shows few(bugs, programs) only, and returns the exit status."""

    def run(bugs: list[verdicts.Bug], programs: list) -> int:
        monkeypatch.setattr(check_table, "seeded", lambda: {bug.name: bug for bug in bugs})
        monkeypatch.setattr(verdicts, "CORRECT", programs)
        monkeypatch.setattr(check_table, "Console", lambda **_: Console(width=120))
        return check_table.main()

    return run


BUG = verdicts.seeded()["shared_unwritten"]
WRONG_LINE = verdicts.Bug(BUG.name, BUG.kind, (1,), BUG.source)
WRONG_KIND = verdicts.Bug(BUG.name, "leak", BUG.lines, BUG.source)
CORRECT = next(path for path in verdicts.CORRECT if path.stem == "scan")


def test_what_is_right(few, capfd):
    assert few([BUG], [CORRECT]) == 0
    text = capfd.readouterr().out
    row = next(line for line in text.splitlines() if "shared_unwritten" in line).split()
    line = str(BUG.lines[0])
    assert row == ["shared_unwritten", BUG.kind, line, BUG.kind, line, "yes"]
    assert "1 of 1 seeded bugs found" in text
    assert "1 correct programs, 3 kernels: none with a report" in text


@pytest.mark.parametrize("bug", [WRONG_LINE, WRONG_KIND], ids=["line", "kind"])
def test_a_bug_that_is_missed(few, capfd, bug):
    assert few([bug], []) == 1
    assert "0 of 1 seeded bugs found" in capfd.readouterr().out


def test_a_report_in_a_correct_program(few, capfd, tmp_path):
    racy = tmp_path / "racy.cu"
    racy.write_text(
        "__global__ void fine(int* p) { p[threadIdx.x] = 1; }\n"
        "__global__ void add(int* p) { *p += 1; }\n"
        "int main() { int* p; cudaMalloc(&p, 128); fine<<<1, 32>>>(p); add<<<1, 32>>>(p); }\n"
    )
    assert few([BUG], [racy]) == 1
    text = capfd.readouterr().out
    assert "1 correct programs, 2 kernels: 1 with a report" in text
