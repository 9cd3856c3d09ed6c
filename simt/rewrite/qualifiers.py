"""Qualifiers that cannot be macros."""

from __future__ import annotations

from simt.rewrite.tokens import Source

_IN_ATTRIBUTE = ("(", ",")
_ASKED_FOR = ("define", "undef", "ifdef", "ifndef", "defined")


def rewrite_qualifiers(source: Source) -> None:
    """`__noinline__` -> `__attribute__((noinline))`.

    CUDA's headers define it as that, but the C++ library writes `__attribute__((__noinline__))`,
    which a macro of this name would break.
    """
    for i, token in enumerate(source.tokens):
        if token.text == "__noinline__" and source.at(i - 1) not in (*_IN_ATTRIBUTE, *_ASKED_FOR):
            source.replace(token, "__attribute__((noinline))")
