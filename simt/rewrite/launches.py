"""Launches: `kernel<<<grid, block>>>(args)` becomes a call of ::simt::launch."""

from __future__ import annotations

import math

from simt.rewrite.scopes import find_scopes, only_on_device
from simt.rewrite.tokens import (
    CLOSING,
    OPENING,
    Source,
    Token,
    angles_backward,
    angles_forward,
    match_backward,
    match_forward,
    spelled,
)

# Attributes that may stand, with parentheses, between __global__ and a kernel's name.
_ATTRIBUTES = ("__launch_bounds__", "__maxnreg__", "__cluster_dims__", "__attribute__", "alignas")
# Words before a parenthesis that do not make it a call.
_STATEMENTS = ("if", "while", "for", "switch", "return", "else", "do")


def rewrite_launches(source: Source, kernel_templates: dict[str, float]) -> None:
    """Edits every launch. kernel_templates: the template parameters of each kernel, by its name.

    `k<<<CFG>>>(ARGS)` -> `::simt::launch(k, "k", ::simt::Config(CFG))(ARGS)`. A template whose
    arguments the compiler still has to deduce from ARGS has no address to pass, so it goes in a
    lambda: `::simt::launch([&](auto... a) { return k<8>(a...); }, "k<8>", ...)`.
    """
    nests = find_scopes(source)
    for i, token in enumerate(source.tokens):
        if token.text != "<<<" or source.at(i - 1) == "operator":
            continue
        if only_on_device(nests[i]):
            raise source.error(
                token,
                "a kernel launches another kernel here (dynamic parallelism), "
                "which simt cannot do: launch it from the host",
            )
        first = _kernel_start(source, i)
        kernel = source.tokens[first:i]
        before, after = "::simt::launch(", ""
        if _is_deduced(kernel, kernel_templates):
            before, after = before + "[&](auto... a) { return ", "(a...); }"
        source.insert(kernel[0].start, before)
        name = _name(kernel, source.macro_parameters(i))
        source.replace(token, f"{after}, {name}, ::simt::Config(")
        source.replace(source.tokens[_launch_end(source, i)], "))")


def find_kernel_templates(source: Source) -> dict[str, float]:
    """The kernels that are function templates: {name: number of template parameters}.

    A parameter pack (`typename... T`) counts as infinitely many.
    """
    found: dict[str, float] = {}
    tokens = source.tokens
    for i, token in enumerate(tokens):
        if token.text != "template" or source.at(i + 1) != "<":
            continue
        close = angles_forward(tokens, i + 1)
        name = declared_kernel(source, close + 1)
        if name:
            count = _count_arguments(tokens[i + 2 : close])
            found[name] = max(count, found.get(name, 0))
    return found


def _kernel_start(source: Source, launch: int) -> int:
    """The index at which the expression before `<<<` starts: `ns::k<T>`, `(*f)`, `table[i].k`."""
    tokens, i = source.tokens, launch - 1
    while i >= 0 and tokens[i].directive == tokens[launch].directive:
        text = tokens[i].text
        if text in (">", ">>", ">>>"):
            i = angles_backward(tokens, i) - 1
            continue
        if text == "]":
            i = match_backward(tokens, i) - 1
            continue
        if text == ")":
            i = match_backward(tokens, i)
            if i < 0:
                break
            if _is_call(source, i):
                i -= 1
                continue
        elif tokens[i].kind != "name":
            break
        # i is at a whole name or parenthesis: does something come before it?
        if source.at(i - 1) == "template":
            i -= 1
        if source.at(i - 1) == "::" and not _ends_name(source, i - 2):
            return i - 1  # the global ::k
        if source.at(i - 1) not in ("::", ".", "->", "##"):
            return i
        i -= 2
    raise source.error(tokens[launch], "a launch needs a kernel before its <<<")


def _ends_name(source: Source, i: int) -> bool:
    """Whether a name ends at index i, so that what follows goes on from it: `ns`, `A<int>`."""
    is_name = i >= 0 and source.tokens[i].kind == "name" and source.at(i) not in _STATEMENTS
    return is_name or source.at(i) in (">", ">>", ">>>")


def _is_call(source: Source, opening: int) -> bool:
    """Whether the parenthesis there holds arguments: `f(a)`, `f<3>(a)`, `f(a)(b)`."""
    before = source.at(opening - 1)
    if before in (")", "]"):  # `if (a) (b)` is no call
        start = match_backward(source.tokens, opening - 1)
        return source.at(start - 1) not in _STATEMENTS
    return _ends_name(source, opening - 1)


def _launch_end(source: Source, launch: int) -> int:
    """The index of the `>>>` that belongs to the `<<<` at launch."""
    i, end = launch + 1, source.directive_end(launch)
    while i < end:
        text = source.at(i)
        if text == ">>>":
            return i
        if text in CLOSING or text in (";", "<<<"):
            break
        i = match_forward(source.tokens, i) + 1 if text in OPENING else i + 1
    raise source.error(source.tokens[launch], "launch without its >>>")


def _name(kernel: list[Token], parameters: frozenset[str]) -> str:
    """The kernel as a string literal. In a macro its parameters are put in by the preprocessor."""
    if not any(token.text in parameters for token in kernel):
        text = spelled(kernel).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    pieces = []
    for token in kernel:
        if token.text in parameters:
            pieces.append("#" + token.text)
        elif token.text != "##":
            pieces.append('"' + token.text.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return " ".join(pieces)


def _is_deduced(kernel: list[Token], kernel_templates: dict[str, float]) -> bool:
    """Whether some template arguments of the kernel are not written at its launch."""
    given = 0.0
    if kernel[-1].text in (">", ">>", ">>>"):
        opening = angles_backward(kernel, len(kernel) - 1)
        given = _count_arguments(kernel[opening + 1 : -1])
        kernel = kernel[:opening]
    is_name = kernel[-1].kind == "name" and all(
        token.kind == "name" or token.text == "::" for token in kernel
    )
    return is_name and given < kernel_templates.get(kernel[-1].text, 0)


def _count_arguments(tokens: list[Token]) -> float:
    """How many template parameters or arguments a list between < and > has."""
    if any(token.text == "..." for token in tokens):
        return math.inf
    count, i = (1 if tokens else 0), 0
    while i < len(tokens):
        if tokens[i].text in OPENING:
            i = match_forward(tokens, i)
        elif tokens[i].text == "<":
            i = angles_forward(tokens, i)
        elif tokens[i].text == ",":
            count += 1
        i += 1
    return count


def declared_kernel(source: Source, i: int) -> str:
    """The name that `__global__ ... name(` declares from index i on; "" if it is no kernel."""
    is_kernel = False
    while i < len(source.tokens) and source.at(i) not in (";", "{", "}", "="):
        if source.at(i) == "__global__":
            is_kernel = True
        elif source.at(i) == "(":
            if source.at(i - 1) not in _ATTRIBUTES:
                return source.at(i - 1) if is_kernel else ""
            i = match_forward(source.tokens, i)
        i += 1
    return ""
