"""Kernels as untyped addresses: `(void*)kernel`, as cudaLaunchKernel and graph nodes take them."""

from __future__ import annotations

from collections.abc import Set

from simt.rewrite.launches import declared_kernel
from simt.rewrite.tokens import Source, angles_forward, match_forward

_ADDRESS = "::simt::kernel_address->*"  # notes how to call the kernel: include/simt/launch_api.h
_CASTS = ("reinterpret_cast", "static_cast")


def find_kernels(source: Source) -> set[str]:
    """The names of all functions that the file declares as __global__."""
    starts = (i for i, token in enumerate(source.tokens) if token.text == "__global__")
    return {name for i in starts if (name := declared_kernel(source, i))}


def rewrite_kernel_addresses(source: Source, kernels: Set[str]) -> None:
    """Edits every cast of a kernel to a void pointer.

    `(void*)k<int>` -> `::simt::kernel_address->*k<int>`, and
    `reinterpret_cast<void*>(k)` -> `reinterpret_cast<void*>(::simt::kernel_address->*k)`.
    """
    for i, token in enumerate(source.tokens):
        if token.text == "(":
            close = match_forward(source.tokens, i)
            if _is_void_pointer(source, i + 1, close) and _names_kernel(source, close + 1, kernels):
                source.replace(token, _ADDRESS)
                for part in source.tokens[i + 1 : close + 1]:
                    source.replace(part, "")
        elif token.text in _CASTS and source.at(i + 1) == "<":
            close = angles_forward(source.tokens, i + 1)
            if _is_void_pointer(source, i + 2, close) and _names_kernel(source, close + 2, kernels):
                source.insert(source.tokens[close + 2].start, _ADDRESS)


def _is_void_pointer(source: Source, start: int, end: int) -> bool:
    words = [source.at(i) for i in range(start, min(end, start + 4)) if source.at(i) != "const"]
    return words == ["void", "*"] and end - start <= 3


def _names_kernel(source: Source, i: int, kernels: Set[str]) -> bool:
    """Whether `k`, `&ns::k`, `(k)` ... starts at index i, and is not called or indexed."""
    while source.at(i) in ("&", "("):
        i += 1
    name = ""
    while source.at(i) == "::" or (i < len(source.tokens) and source.tokens[i].kind == "name"):
        if source.at(i) != "::" and name not in ("", "::"):
            break  # two names that follow one another
        name = source.at(i)
        i += 1
    return name in kernels and source.at(i) not in ("(", "[", ".", "->")
