"""The #include directives of a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simt.rewrite.tokens import Source


@dataclass(frozen=True)
class Include:
    """`#include "name"` (quoted: looked for beside the file first) or `#include <name>`."""

    name: str
    quoted: bool
    start: int  # offsets of what stands after #include, with its quotes or brackets
    end: int


def find_includes(source: Source) -> Iterator[Include]:
    """Every #include that names its file directly (not through a macro)."""
    for i, token in enumerate(source.tokens):
        if not (token.directive and token.text == "#" and source.at(i + 1) == "include"):
            continue
        if i + 2 >= source.directive_end(i):
            continue
        start = source.tokens[i + 2].start
        closing = {'"': '"', "<": ">"}.get(source.text[start])
        end = source.text.find(closing, start + 1) if closing else -1
        if end >= 0 and "\n" not in source.text[start:end]:
            yield Include(source.text[start + 1 : end], closing == '"', start, end + 1)
