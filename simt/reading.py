"""The JSON that the runtime writes, read with care: it may come from anybody's process.

Whatever is not of its form is a ValueError, and what is read takes little memory.
"""

from __future__ import annotations

import json
from typing import Any

DIGITS = 18  # of a number: more than the runtime's own counters could reach
LONGEST = 1000  # characters of a text that are kept


def parse(text: str | bytes | None) -> Any:
    """What a JSON text holds. Numbers are whole and not huge. Raises ValueError."""
    try:
        return json.loads(text, parse_int=_whole, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"it is not JSON of whole numbers: {str(error)[:100]}") from None


def count(value: object, most: int = 10**DIGITS, least: int = 0) -> int:
    """A whole number within bounds."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{_shown(value)} is no count")
    return value


def counts(values: object, most: int) -> list[int]:
    """A list of at most so many."""
    return [count(value) for value in some(values, most)]


def text(value: object) -> str:
    """A text, its beginning."""
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is no text")
    return value[:LONGEST]


def one_of(value: object, *known: str) -> str:
    if value not in known:
        raise ValueError(f"{_shown(value)} is not known")
    return str(value)


def some(values: object, most: int) -> list:
    """A list of at most so many values."""
    if not isinstance(values, list) or len(values) > most:
        raise ValueError(f"{_shown(values)} is no list of at most {most}")
    return values


def dim3(values: object) -> tuple[int, int, int]:
    """Three sizes, as of a grid."""
    x, y, z = counts(values, 3)
    return max(1, x), max(1, y), max(1, z)


def _shown(value: object) -> str:
    """The beginning of a value that may be anything; one with others in it is not looked into."""
    simple = value is None or isinstance(value, bool | int | str)
    return repr(value)[:20] if simple else f"a {type(value).__name__}"


def _whole(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError("a number is too large")
    return int(digits)


def _refuse(number: str) -> int:
    raise ValueError(f"{number[:20]} is no whole number")
