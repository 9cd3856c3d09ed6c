"""bench/isolation.py: the command."""

import json
import re
import subprocess
import sys

from mingpt.paths import ROOT

BENCH = [sys.executable, str(ROOT / "bench" / "isolation.py")]


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([*BENCH, *arguments], capture_output=True, text=True)


def test_a_level_a_row():
    done = run("--times", "1", "--only", "build", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    *table, last = done.stdout.strip().splitlines()
    seconds = json.loads(last)["seconds"]
    assert "process" in seconds
    for level, times in seconds.items():
        (row,) = [line for line in table if line.split()[:1] == [level]]
        assert f"{times[0]:.1f}" in row and len(times) == 1
    assert re.search(r"process .*\+0\.0 %", done.stdout)


def test_what_cant_be_graded(tmp_path):
    done = run(str(tmp_path), "--times", "1", "--only", "build", "--device", "cpu")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert re.search("gpt.cu", done.stderr + done.stdout)
