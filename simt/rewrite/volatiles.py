"""Warps in step where a kernel counts on it: statements on `volatile` arrays.

Before Volta the lanes of a warp ran in step, and older code (`sdata[tid] += sdata[tid + 16];` on a
`volatile float*`, without __syncwarp) still does what it did then, on most GPUs. Here one lane
would run ahead. So in such a statement all lanes read before any of them writes:

    s[t] += s[t + 16];  ->  s[t] += (::simt::in_step(7), ::simt::in_step(8, s[t + 16]));

The numbers are places in the file: lanes that are behind catch up first (runtime/active.cpp).
"""

from __future__ import annotations

from collections.abc import Iterator

from simt.rewrite.scopes import Nest, find_scopes, only_on_device
from simt.rewrite.tokens import CLOSING, OPENING, Source, match_backward, match_forward

_ENDS_NAME = (",", ")", ";", "=", "[", "{")
_STATEMENT_ENDS = (";", "{", "}", "else", "do", ":")


def rewrite_volatiles(source: Source) -> None:
    """Edits the assignments and the conditions of an `if` that use an element of such an array."""
    if "volatile" not in source.text:
        return
    nests = find_scopes(source)
    done: set[int] = set()
    for name, start, end in _volatile_arrays(source, nests):
        for i in range(start, end):
            token = source.tokens[i]
            if token.text == name and source.at(i + 1) == "[" and not token.directive:
                _put_in_step(source, i, done)


def _volatile_arrays(source: Source, nests: list[Nest]) -> Iterator[tuple[str, int, int]]:
    """Names declared volatile in device code, each with the tokens in which it is known."""
    for i, token in enumerate(source.tokens):
        if token.text != "volatile" or token.directive:
            continue
        place = i
        while source.at(place + 1) and source.at(place + 1) not in _ENDS_NAME:
            place += 1
        if source.tokens[place].kind != "name":
            continue
        start = place + 1
        opening = _opening(source, i)
        if source.at(opening) == "(":  # a parameter: known in the body
            start = match_forward(source.tokens, opening) + 1
            if source.at(start) != "{":
                continue
            end = match_forward(source.tokens, start)
        elif not _is_shared(source, i, place):
            continue
        else:
            end = match_forward(source.tokens, opening) if opening >= 0 else len(nests)
        if start + 1 < len(nests) and only_on_device(nests[start + 1]):
            yield source.at(place), start, end


def _is_shared(source: Source, i: int, place: int) -> bool:
    """Whether the declaration around `volatile` at i is of a pointer or in shared memory."""
    while source.at(i - 1) not in ("", ";", "{", "}"):
        i -= 1
    return any(source.at(j) in ("*", "__shared__") for j in range(i, place))


def _opening(source: Source, i: int) -> int:
    """The index of the bracket that is open at index i; -1 for none."""
    i -= 1
    while i >= 0 and source.at(i) not in OPENING:
        i = match_backward(source.tokens, i) - 1 if source.at(i) in CLOSING else i - 1
    return i


def _put_in_step(source: Source, i: int, done: set[int]) -> None:
    """Edits the statement around the element at index i, unless that is done already."""
    start = i
    while (opening := _opening(source, start)) >= 0 and source.at(opening) in ("(", "["):
        start = opening
        if source.at(start - 1) == "if":
            if start not in done:
                done.add(start)
                place = source.tokens[start].start
                source.insert(source.tokens[start].end, f"::simt::in_step({place}), ")
            return
        if source.at(start - 1) in ("for", "while", "switch"):
            return
    value = _assigned(source, opening, i)
    if not value or value[0] in done or source.at(value[0]) == "{":
        return
    done.add(value[0])
    first, last = source.tokens[value[0]], source.tokens[value[1] - 1]
    place = first.start
    source.insert(first.start, f"(::simt::in_step({place}), ::simt::in_step({place + 1}, ")
    source.insert(last.end, "))")


def _assigned(source: Source, opening: int, i: int) -> tuple[int, int] | None:
    """The range of the value that the statement around index i assigns, if it assigns one."""
    tokens, start = source.tokens, i
    while start - 1 > opening and source.at(start - 1) not in _STATEMENT_ENDS:
        if source.at(start - 1) == ")" and tokens[start].kind == "name":
            break  # if (...) statement
        start = match_backward(tokens, start - 1) if source.at(start - 1) in CLOSING else start - 1
    value, j = 0, start
    while j < len(tokens) and source.at(j) not in (";", *CLOSING):
        if value and source.at(j) == ",":
            break
        if not value and source.at(j) == "=" and not _is_comparison(source, j):
            value = j + 1
        j = match_forward(tokens, j) + 1 if source.at(j) in OPENING else j + 1
    return (value, j) if value and j > i else None


def _is_comparison(source: Source, i: int) -> bool:
    """Whether the `=` at index i is a part of `==` or `!=`."""
    tokens = source.tokens
    after = source.at(i + 1) == "=" and tokens[i].end == tokens[i + 1].start
    return after or (source.at(i - 1) in ("=", "!") and tokens[i - 1].end == tokens[i].start)
