"""make test takes a part of what takes long; make test-all (MINGPT_TESTS=all) all of it."""

import os
from collections.abc import Sequence

import pytest

ALL = os.environ.get("MINGPT_TESTS") == "all"
in_all = pytest.mark.skipif(not ALL, reason="takes long: in make test-all")


def part(items: Sequence, *names: str) -> list:
    """The items (texts, or paths by their name) with these names; all of them in make test-all."""
    if ALL:
        return list(items)
    chosen = [item for item in items if getattr(item, "name", item) in names]
    assert len(chosen) == len(names), f"not all of {names} are there"
    return chosen
