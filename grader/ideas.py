"""The ideas that a mistake may come from: where each is explained, and hints beyond the first.

A failed check's own hint (level 1) points at what was seen. Level 2 says what to look at, level 3
what must hold there. None gives the code.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Idea:
    where: str = ""  # the lab and its section
    hints: tuple[str, ...] = ()  # levels 2 and 3


IDEAS: dict[str, Idea] = {}


def find(name: str) -> Idea:
    """An empty one for a name that isn't there."""
    return IDEAS.get(name, Idea())
