"""What each rung says of itself, at its top."""

import re

import pytest
from rungs import RUNGS, by_name, number


def header(rung) -> str:
    """Of gpt.cu, or of kv_cache.py where the rung is about that."""
    for name, pattern in (("gpt.cu", r"(?://.*\n)+"), ("kv_cache.py", r'""".*?"""')):
        path = rung / name
        found = path.is_file() and re.match(pattern, path.read_text(), re.DOTALL * ("py" in name))
        if found and re.search(r"^(// )?Idea ", found[0], re.MULTILINE):
            return found[0]
    raise AssertionError(f"{rung.name} has no header with an idea")


@pytest.mark.parametrize("rung", RUNGS, ids=by_name)
def test_title(rung):
    assert re.match(rf'(// |""")Rung {number(rung)}(: |, \w+)', header(rung))


@pytest.mark.parametrize("word", ["Idea", "Expected", "Measured"])
@pytest.mark.parametrize("rung", RUNGS, ids=by_name)
def test_header(rung, word):
    assert re.search(rf"^(// )?{word} ", header(rung), re.MULTILINE)


def test_each_has_a_kv_cache():
    assert all((rung / "kv_cache.py").is_file() for rung in RUNGS)
    assert [number(rung) for rung in RUNGS] == sorted(number(rung) for rung in RUNGS)
