"""The kernels that a file defines or declares: their template parameters, and their parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from simt.rewrite.tokens import OPENING, Source, Token, angles_forward, match_forward

# Attributes that may stand, with parentheses, between __global__ and a kernel's name.
_ATTRIBUTES = ("__launch_bounds__", "__maxnreg__", "__cluster_dims__", "__attribute__", "alignas")


@dataclass(frozen=True)
class Kernel:
    """A kernel, as far as launches and reports need to know it."""

    template_size: float  # its template parameters: 0 if it is none; a pack counts as infinite
    parameters: tuple[str, ...]  # the names of its parameters; "" where one has none
    required: int  # how many of them have no default value


def find_kernels(source: Source) -> dict[str, Kernel]:
    """All kernels of a file, by name. Of several with one name, the one with most to deduce."""
    found: dict[str, Kernel] = {}
    tokens = source.tokens
    for i, token in enumerate(tokens):
        if token.text == "__global__" and (place := _name_of(source, i)):
            template_size = _template_size(source, i)
            end = match_forward(tokens, place + 1)
            parameters = split_list(tokens[place + 2 : end])
            required = sum(all(t.text != "=" for t in parameter) for parameter in parameters)
            kernel = Kernel(template_size, _names(parameters), required)
            name = source.at(place)
            if name not in found or found[name].template_size <= template_size:
                found[name] = kernel
    return found


def count_arguments(tokens: list[Token]) -> float:
    """How many template parameters or arguments a list between < and > has."""
    if any(token.text == "..." for token in tokens):
        return math.inf
    return len(split_list(tokens))


def _name_of(source: Source, i: int) -> int | None:
    """The index of the name that `__global__ ... name(` declares from index i on."""
    while i < len(source.tokens) and source.at(i) not in (";", "{", "}", "="):
        if source.at(i) == "(":
            if source.at(i - 1) not in _ATTRIBUTES:
                return i - 1
            i = match_forward(source.tokens, i)
        i += 1
    return None


def _template_size(source: Source, i: int) -> float:
    """The template parameters of the declaration that holds the token at i."""
    start = i
    while start > 0 and source.at(start - 1) not in (";", "{", "}"):
        start -= 1
    while start < i:
        if source.at(start) == "template" and source.at(start + 1) == "<":
            close = angles_forward(source.tokens, start + 1)
            return count_arguments(source.tokens[start + 2 : close])
        start += 1
    return 0


def _names(parameters: list[list[Token]]) -> tuple[str, ...]:
    names = []
    for parameter in parameters:
        texts = [token.text for token in parameter]
        texts = texts[: texts.index("=")] if "=" in texts else texts
        texts = texts[: texts.index("[")] if "[" in texts else texts
        last = texts[-1] if len(texts) > 1 else ""
        names.append(last if last.isidentifier() else "")
    return tuple(names)


def split_list(tokens: list[Token]) -> list[list[Token]]:
    """The parts between commas that stand in no brackets."""
    parts: list[list[Token]] = [[]] if tokens else []
    i = 0
    while i < len(tokens):
        end = i
        if tokens[i].text in OPENING:
            end = match_forward(tokens, i)
        elif tokens[i].text == "<":
            end = angles_forward(tokens, i)
        if tokens[i].text == ",":
            parts.append([])
        else:
            parts[-1] += tokens[i : end + 1]
        i = end + 1
    return parts


def name_parameters(kernels: Mapping[str, Kernel]) -> str:
    """Code to stand at the end of a source: it tells the runtime the names of parameters.

    Reports of an instrumented build then say `in[1024]` where they would give an address.
    """
    rows = [f'{{"{name}", "{",".join(kernel.parameters)}"}}, ' for name, kernel in kernels.items()]
    all_rows = "".join(rows)
    table = f"const ::simt::KernelParameters simt_parameters[] = {{{all_rows}}};"
    call = f"const bool simt_named = ::simt::name_parameters(simt_parameters, {len(rows)});"
    return f"\n#ifdef SIMT_TRACED\nnamespace {{ {table} {call} }}\n#endif\n" if rows else ""
