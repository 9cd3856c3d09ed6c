"""Qualifiers that cannot be macros."""

from __future__ import annotations

from simt.rewrite.tokens import Source

_IN_ATTRIBUTE = ("(", ",")
_ASKED_FOR = ("define", "undef", "ifdef", "ifndef", "defined")


def rewrite_qualifiers(source: Source) -> None:
    """`__noinline__` -> `__attribute__((noinline))`, `__constant__` -> `SIMT_CONSTANT`.

    CUDA's headers define the first as that, but the C++ library writes
    `__attribute__((__noinline__))`, which a macro of this name would break. The second puts a
    variable where the profiler knows it; one that is const needs no such place.
    """
    for i, token in enumerate(source.tokens):
        if token.text == "__noinline__" and source.at(i - 1) not in (*_IN_ATTRIBUTE, *_ASKED_FOR):
            source.replace(token, "__attribute__((noinline))")
        elif token.text == "__constant__" and not token.directive and not _is_const(source, i):
            source.replace(token, "SIMT_CONSTANT")


def _is_const(source: Source, i: int) -> bool:
    """Whether the declaration around the token says const."""
    while source.at(i - 1) not in ("", ";", "{", "}"):
        i -= 1
    while source.at(i) not in ("", ";", "=", "{", "["):
        if source.at(i) in ("const", "constexpr"):
            return True
        i += 1
    return False
